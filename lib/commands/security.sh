#!/bin/sh
# Generates the tables of advisories in docs/security.md from the recipes and from the
# patch archives that are among the sources. A row whose archive is missing is kept
# unchanged.
#
# usage: security.sh [--check|--update]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/series.sh
. "$TREE/lib/engine/series.sh"
# shellcheck source=lib/engine/debian.sh
. "$TREE/lib/engine/debian.sh"

page=$TREE/docs/security.md
first='<!-- made by ./build.sh security --update -->'
last='<!-- end of what is made -->'
# The page is about the pinned Xen.
unset XENITH_XEN

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# page_tables: the generated part of the page.
page_tables() {
	[ ! -e "$page" ] || awk -v first="$first" -v last="$last" '
		$0 == last { inside = 0 }
		inside
		$0 == first { inside = 1 }' "$page"
}

# revision DIR: the Debian revision of the recipe's patches, or else of its source.
revision() {
	printf '%s\n' "$1" | source_lines | awk -F '\t' '
		{ n = split($4, where, " ")
		  for (i = 1; i <= n; i++)
			if (where[i] ~ /^apt:/) {
				sub(/^[^=]*=/, "", where[i])
				sub(/\/.*/, "", where[i])
				found = where[i]
			} }
		END { print found }'
}

# fixed_advisories DIR: the advisories that its patches fix, one per line, except those
# that its `advisories` has an entry for.
fixed_advisories() {
	name=${1##*/}
	{
		while read -r patch; do
			series_mends "$work/$name/debian" "$1/series" "$patch"
		done <"$work/$name.taken"
		for patch in "$1"/patches/*.patch; do
			[ ! -e "$patch" ] || patch_cves "$patch"
		done
	} | LC_ALL=C sort -u | awk -v known="$(lines "$1/advisories" | cut -d ' ' -f 1 | tr '\n' ' ')" '
		index(" " known, " " $1 " ") == 0' | sort -V
}

# left_advisories DIR: "ID left REASON..." of the advisories in patches that are left by name.
left_advisories() {
	patches=$work/${1##*/}/debian/patches
	[ -d "$patches" ] || return 0
	series_rules "$1/series" | while read -r verb patch reason; do
		if [ "$verb" = leave ] && [ -e "$patches/$patch" ]; then
			patch_cves "$patches/$patch" | sed "s|\$| left $reason|"
		fi
	done
}

# cell LINES: joins them with commas; "-" if there are none.
cell() {
	printf '%s\n' "$1" | awk 'NF { printf "%s%s", comma, $0; comma = ", " } END { if (!comma) printf "-" }'
}

# row DIR: prints its row of the table of packages; adds its advisories to $work/known.
row() {
	name=${1##*/}
	if [ -n "$(patch_archive "$1")" ] && ! unpack_archive "$1" "$work/$name"; then
		say "security: $name: patch archive $(patch_archive "$1") is not among the sources; its rows are kept"
		page_tables | sed -n "/^| $name |/p"
		page_tables | sed -n "/^| [^|]* | $name |/p" >>"$work/known"
		return
	fi
	: >"$work/$name.taken"
	[ ! -d "$work/$name" ] || series_taken "$work/$name/debian" "$1/series" >"$work/$name.taken" || exit 1
	fixed=$(fixed_advisories "$1")
	{
		left_advisories "$1"
		lines "$1/advisories"
	} | while read -r id state reason; do
		printf '| %s | %s | %s | %s |\n' "$id" "$name" "$state" "$reason"
	done >>"$work/known"
	read -r version <"$1/version"
	printf '| %s | %s | %s | %s |\n' "$name" "$version" "$(revision "$1")" "$(cell "$fixed")"
}

# table: prints both tables. Recipes without a source have no row; a shared source has its
# row where it is pinned.
table() {
	: >"$work/known"
	recipe_dirs | while read -r dir; do
		if [ -L "$dir/sources" ]; then
			[ -f "$dir/advisories" ] && [ ! -L "$dir/advisories" ]
		else
			[ -e "$dir/sources" ]
		fi || continue
		row "$dir"
	done >"$work/rows"
	printf '%s\n' '' '| Package | Version | Debian revision | Fixed by patches |' '|---|---|---|---|'
	cat "$work/rows"
	printf '%s\n' '' '| Advisory | Package | State | Why |' '|---|---|---|---|'
	sort -t '|' -k 4,4 -k 3,3 -k 2,2V "$work/known"
	echo
}

case ${1:-} in
'') table ;;
--check)
	table >"$work/table"
	page_tables >"$work/page"
	diff -u --label docs/security.md --label 'the recipes' "$work/page" "$work/table" || {
		say "security: docs/security.md does not match the recipes; run ./build.sh security --update"
		exit 1
	}
	;;
--update)
	grep -qxF -e "$first" "$page" || die "security: cannot update $page: no line \"$first\" marks the place of the tables"
	table >"$work/table"
	awk -v first="$first" -v last="$last" -v table="$work/table" '
		$0 == last { inside = 0 }
		!inside
		$0 == first { inside = 1; while ((getline line < table) > 0) print line }' "$page" >"$work/page"
	cat "$work/page" >"$page"
	;;
*) die "security: unknown option $1; the options are --check and --update" ;;
esac

# shellcheck shell=sh
# Patch archives and advisories of recipes, outside of a build. Sourced after lib/common.sh
# and lib/engine/series.sh.

# patch_archive DIR: the name of the patch archive in a recipe's `sources`, if any.
patch_archive() {
	printf '%s\n' "$1" | source_lines | cut -f 3 | grep -E '\.debian\.tar\.|\.diff\.gz$' || :
}

# unpack_archive DIR INTO: unpacks a recipe's patch archive; fails if it is not fetched.
unpack_archive() {
	archive=$(source_file "$(patch_archive "$1")")
	[ -f "$archive" ] || return 1
	mkdir -p "$2"
	series_unpack "$archive" "$2"
}

# advisories_file DIR: a recipe's `advisories`. An alternative Xen has its own.
advisories_file() {
	case ${XENITH_XEN:+$1} in
	*/hypervisor/xen) printf '%s\n' "${1%/xen}/pins/$XENITH_XEN/advisories" ;;
	*) printf '%s\n' "$1/advisories" ;;
	esac
}

# open_advisories: "PACKAGE ID REASON..." of all open advisories, one per line.
open_advisories() {
	recipe_dirs | while read -r dir; do
		[ -L "$dir/advisories" ] || lines "$(advisories_file "$dir")" |
			sed -n "s/^\([^ ]*\)  *open  */${dir##*/} \1 /p"
	done
}

# say_open_advisories: prints the open advisories of each package for the user.
say_open_advisories() {
	open_advisories | awk '
		!($1 in ids) { order[++count] = $1 }
		{ ids[$1] = ids[$1] " " $2 }
		END { for (i = 1; i <= count; i++) print order[i] ":" ids[order[i]] }' | fold -s -w 84 | sed 's/^/    /; s/ *$//'
}

#!/bin/sh
# Lists recipes whose suite has a newer version than the pinned one, Debian's revision
# included, and the advisories in its changelog.
#
# usage: outdated.sh [--security]    (environment: TREE, XENITH_*)
#
# --security: exits with 1 if one of the newer versions fixes an advisory, or may do so
# (its changelog is not available).
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/apt.sh
. "$TREE/lib/engine/apt.sh"
# shellcheck source=lib/commands/changelog.sh
. "$TREE/lib/commands/changelog.sh"

case $* in
'' | --security) ;;
*) die "outdated: unexpected argument \"$*\"; the only option is --security" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RUN=$work

# pinned_versions: "RECIPE SUITE KIND PACKAGE VERSION" of every pin in Debian's archive. A
# recipe whose `sources` is a link is left out: it has the version of the other recipe.
pinned_versions() {
	recipe_dirs | while read -r dir; do
		[ -L "$dir/sources" ] || printf '%s\n' "$dir"
	done | source_lines | awk -F '\t' '
		{
			recipe = $1
			sub(/.*\//, "", recipe)
			count = split($4, locations, " ")
			for (i = 1; i <= count; i++)
				if (locations[i] ~ /^apt:[^\/]*\/[^=]*=[^\/]*\//) {
					split(substr(locations[i], 5), part, "/")
					sub(/-security$/, "", part[1])
					sub(/=/, " ", part[2])
					print recipe, part[1], part[3] ~ /\.deb$/ ? "deb" : "deb-src", part[2]
				}
		}' | LC_ALL=C sort -u
}

pinned_versions >"$work/pinned"
newer=0
security=0
unknown=0
while read -r recipe suite kind package version; do
	state=$(apt_private "$suite" "$kind") || exit 1
	newest=$(versions_of "$state" "$kind" "$package" | head -n 1)
	if [ -z "$newest" ] || ! dpkg --compare-versions "$newest" gt "$version"; then
		continue
	fi
	newer=$((newer + 1))
	known=yes
	rm -rf "$work/changelog"
	changes_between "$suite" "$kind" "$package" "$version" "$newest" "$work/changelog" >"$work/entries" || known=
	advisories_in <"$work/entries" >"$work/advisories"
	mark=
	if [ -s "$work/advisories" ] || for_security <"$work/entries" ||
		in_security_archive "$state" "$kind" "$package" "$newest"; then
		security=$((security + 1))
		mark=', security'
	elif [ -z "$known" ]; then
		unknown=$((unknown + 1))
	fi
	[ -n "$known" ] || mark="$mark, changelog not available"
	printf '%-16s %-36s -> %s (%s)%s\n' "$recipe" "$version" "$newest" "$suite" "$mark"
	show_advisories <"$work/advisories"
done <"$work/pinned"
say "$newer pinned sources have newer versions, $security of them with security fixes"
[ $unknown = 0 ] || say "$unknown of them may have security fixes: changelog not available"
[ "$*" != --security ] || [ $((security + unknown)) = 0 ]

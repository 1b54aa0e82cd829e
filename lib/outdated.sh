#!/bin/sh
# Says for which recipes the suite that they name has a newer version than the
# one that they pin.
#
# usage: outdated.sh    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/fetch.sh
. "$TREE/lib/fetch.sh"

found=0
for dir in "$TREE"/recipes/*/ "$TREE"/hypervisor/*/ "$TREE"/image/*/; do
	lines "${dir}sources" | sed -n 's/.* apt:\([^/]*\)\/\([^=]*\)=\([^/]*\)\/.*/\1 \2 \3/p'
done | LC_ALL=C sort -u >"$CACHE/pinned"
while read -r suite package version; do
	suite=${suite%-security}
	state=$(apt_private "$suite" deb-src) || exit 1
	new=$(versions_of "$state" deb-src "$package" | head -n 1)
	if [ -n "$new" ] && dpkg --compare-versions "$new" gt "$version"; then
		printf '%-16s %-36s -> %s (%s)\n' "$package" "$version" "$new" "$suite"
		found=$((found + 1))
	fi
done <"$CACHE/pinned"
rm -f "$CACHE/pinned"
say "$found of the pinned sources have moved."

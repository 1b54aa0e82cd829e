#!/bin/sh
# Checks a configuration tree before anything is built. Its domain files are read by the
# xenith of the last build, where there was one on this machine: dom0's own program, with
# dom0's own libraries. The build checks the tree again, with the one that goes into the
# image.
#
# usage: check.sh DIR    (environment: XENITH_*)
set -eu

TREE=${TREE:-$(cd "$(dirname "$0")/.." && pwd)}
# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

# package_root NAME: where the files of a package of the last build are.
package_root() {
	path=$(sed -n "s/^$1 //p" "$OUT/packages" 2>/dev/null) || :
	[ -z "$path" ] || printf '%s\n' "$path/root"
}

# find_libraries: the directories of xenith's libraries, with colons between.
find_libraries() {
	lines "$TREE/recipes/domd/depends" | tr -s ' ' '\n' | grep -v '^host:' | while read -r name; do
		package_root "$name"
	done | sed 's|$|/usr/lib|' | paste -sd :
}

[ $# -eq 1 ] || die "usage: check.sh DIR"
check=$TREE/rootfs/usr/lib/xenith/check-config
xenith=$(package_root domd)/usr/sbin/xenith
loader=$(package_root musl)/usr/lib/libc.so
if [ -x "$xenith" ] && [ -x "$loader" ]; then
	exec sh "$check" "$1" "$loader" --library-path "$(find_libraries)" "$xenith"
fi
say "The domain files are looked at when xenith is built, which reads them; all else of $1 now."
exec sh "$check" "$1"

#!/bin/sh
# Checks a configuration tree before anything is built. Its domain files are read by the
# xenith of the last build, where there was one on this machine: dom0's own program, with
# dom0's own libraries. The build checks the tree again, with the one that goes into the
# image.
#
# usage: check.sh DIR    (environment: XENITH_*)
set -eu

TREE=${TREE:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

# find_libraries: the directories of xenith's libraries, with colons between.
find_libraries() {
	lines "$TREE/recipes/domd/depends" | tr -s ' ' '\n' | grep -v '^host:' | while read -r name; do
		package_root "$name"
	done | sed 's|$|/usr/lib|' | paste -sd :
}

[ $# -eq 1 ] || die "usage: check.sh DIR"
tree=$1
check=$TREE/rootfs/usr/lib/xenith/check-config
# A copy of the table in the package xen-options: nothing needs to be built.
export XEN_OPTIONS="$TREE/lib/commands/xen-options"
set -- "$(package_root musl)/usr/lib/libc.so" --library-path "$(find_libraries)" "$(package_root domd)/usr/sbin/xenith"
# There may be none, or one of an older tree.
if "$@" --help 2>/dev/null | grep -q '^ *check .*--config'; then
	exec sh "$check" "$tree" "$@"
fi
say "The domain files are looked at when xenith is built, which reads them; all else of $tree now."
exec sh "$check" "$tree"

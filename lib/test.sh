#!/bin/sh
# Builds the image and runs every test: first those that boot nothing, then
# those that boot it. With --all the slow ones too.
#
# usage: test.sh [--all]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/host.sh
. "$TREE/lib/host.sh"

case ${1:-} in
'' | --all) ;;
*) die "test: $1: there is only --all" ;;
esac

slow=
[ -z "${1:-}" ] || slow=$TREE/lib/hostpkgs-slow
# shellcheck disable=SC2086 # none, or one
need_packages "$TREE/lib/hostpkgs" "$TREE/lib/hostpkgs-test" $slow
need_qemu
sh "$TREE/lib/lint.sh"
sh "$TREE/build.sh"
if [ "${1:-}" = --all ]; then
	sh "$TREE/lib/build.sh" debian-installer memtest ||
		say "Debian's installer or memtest86+ could not be had; their tests are skipped."
fi
sh "$TREE/tests/run" "$@"
sh "$TREE/qemu-test/run" "$@"
# Last: an image that differs is still worth a test.
sh "$TREE/lib/outputs.sh" check
say "All tests passed."

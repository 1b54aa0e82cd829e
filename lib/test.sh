#!/bin/sh
# Builds the image and runs every test, those that boot it and those that boot
# nothing side by side. With --all the slow ones too.
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

XENITH_NEEDS="run test${1:+ slow}"
# Also what single recipes need, so that this is the one call.
need_packages "$TREE/lib/hostpkgs" "$TREE"/*/*/hostpkgs
sh "$TREE/lib/lint.sh"
sh "$TREE/build.sh"
if [ "${1:-}" = --all ]; then
	sh "$TREE/lib/build.sh" debian-installer ipxe memtest ||
		say "Debian's installer, iPXE or memtest86+ could not be had; their tests are skipped."
fi
for name in spdx-tools spdx-schema; do
	sh "$TREE/lib/build.sh" "$name" ||
		say "$name could not be fetched; the tests of the bill of materials that need it are skipped."
done
# Machines leave much of a second processor idle: the tests that boot none run
# beside them, and are shown when both are done.
mkdir -p "$OUT/test-logs"
log=$OUT/test-logs/tests.log
nice sh "$TREE/tests/run" "$@" >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM HUP
say "Tests that boot nothing run beside those that boot the image; their output goes to $log."
failed=
sh "$TREE/qemu-test/run" "$@" || failed="qemu-test"
wait "$beside" || failed="${failed:+$failed and }tests"
trap - EXIT
cat "$log"
[ -z "$failed" ] || die "failed: $failed"
# Last: an image that differs is still worth a test.
sh "$TREE/lib/outputs.sh" check
say "All tests passed."

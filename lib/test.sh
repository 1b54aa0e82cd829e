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
# Before anything is built, and in one call.
need_all_packages
need_room
sh "$TREE/lib/lint.sh"
sh "$TREE/build.sh"
# test_packages FILE: builds what the tests use; those that need one are skipped without it.
test_packages() {
	lines "$1" | while read -r name; do
		sh "$TREE/lib/build.sh" "$name" </dev/null ||
			say "$name could not be built; the tests that need it are skipped"
	done
}
test_packages "$TREE/lib/testpkgs"
[ "${1:-}" != --all ] || test_packages "$TREE/lib/testpkgs-slow"
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

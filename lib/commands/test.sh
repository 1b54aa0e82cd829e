#!/bin/sh
# Builds the image and runs every test: those that boot it and those that do not, in
# parallel. With --all the slow ones too.
#
# usage: test.sh [--all]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"
# shellcheck source=lib/commands/test-packages.sh
. "$TREE/lib/commands/test-packages.sh"

case ${1:-} in
'' | --all) ;;
*) die "test: unknown option $1; the only option is --all" ;;
esac

XENITH_NEEDS="run test${1:+ slow}"
need_room
# Checked before anything is built, and installed in one call.
need_all_packages
make_test_packages "" "$TREE/lib/commands/testpkgs" ${1:+"$TREE/lib/commands/testpkgs-slow"}
sh "$TREE/lib/commands/lint.sh"
sh "$TREE/build.sh"
# A boot test leaves much of a second CPU idle, so the tests without a machine run in
# parallel; their output is shown when both are done.
mkdir -p "$OUT/test-logs"
log=$OUT/test-logs/tests.log
XENITH_BESIDE=$OUT/test-logs/booting
export XENITH_BESIDE
: >"$XENITH_BESIDE"
# In a session of their own, whose process group can be ended. The shell makes a job in the
# background ignore SIGINT, on which pytest tidies up.
setsid nice env --default-signal=INT sh "$TREE/tests/run" "$@" >"$log" 2>&1 &
beside=$!
trap 'rm -f "$XENITH_BESIDE"; kill -s INT -- "-$beside" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM HUP
say "tests that boot nothing run in parallel; their output goes to $log"
failed=
sh "$TREE/qemu-test/run" "$@" || failed="qemu-test"
rm -f "$XENITH_BESIDE"
wait "$beside" || failed="${failed:+$failed and }tests"
trap - EXIT
cat "$log"
[ -z "$failed" ] || die "failed: $failed"
# Last, so that an image with other hashes is tested all the same.
sh "$TREE/lib/engine/outputs.sh" check
say "all tests passed${left_out:+; skipped were those that need what could not be fetched:$left_out}"

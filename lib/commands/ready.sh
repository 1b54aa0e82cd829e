#!/bin/sh
# Prepares for work without a network: installs the host packages and fetches the sources
# of a build, and of the commands that are named. `slow` is for `test --all`.
#
# usage: ready.sh [run|test|slow|smoke|bench]...    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"
# shellcheck source=lib/commands/test-packages.sh
. "$TREE/lib/commands/test-packages.sh"

for word; do
	[ -e "$TREE/lib/hostpkgs/$word" ] ||
		die "fetch: unknown word $word; expected one of:$(cd "$TREE/lib/hostpkgs" && printf ' %s' *)"
done
# Every one of these commands boots the image.
XENITH_NEEDS=${*:+run $*}
case " $* " in *" slow "* | *" bench "*) XENITH_NEEDS="$XENITH_NEEDS test" ;; esac
need_room
need_all_packages
# shellcheck disable=SC2046 # the goals are words
sh "$TREE/lib/engine/build.sh" --fetch $(setting GOALS)
case " $* " in
*" slow "*) make_test_packages --fetch "$TREE/lib/commands/testpkgs" "$TREE/lib/commands/testpkgs-slow" ;;
*" test "*) make_test_packages --fetch "$TREE/lib/commands/testpkgs" ;;
esac

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

# fetch_test_sources FILE: fetches the sources of packages that only tests use.
fetch_test_sources() {
	lines "$1" | while read -r name; do
		sh "$TREE/lib/engine/build.sh" --fetch "$name" </dev/null || say "cannot fetch $name; the tests that need it will be skipped"
	done
}
case " $XENITH_NEEDS " in *" test "*) fetch_test_sources "$TREE/lib/commands/testpkgs" ;; esac
case " $XENITH_NEEDS " in *" slow "*) fetch_test_sources "$TREE/lib/commands/testpkgs-slow" ;; esac

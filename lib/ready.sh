#!/bin/sh
# Gets ready for work without a network: the host packages and the sources of all that a
# build needs, and of the commands that are named. `slow` is for `test --all`.
#
# usage: ready.sh [run|test|slow|smoke|bench]...    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/host.sh
. "$TREE/lib/host.sh"

for word; do
	[ -e "$TREE/lib/hostpkgs-$word" ] ||
		die "fetch: unknown word $word; there is:$(cd "$TREE/lib" && printf ' %s' hostpkgs-* | sed 's/hostpkgs-//g')"
done
# Each of them boots the image.
XENITH_NEEDS=${*:+run $*}
case " $* " in *" slow "* | *" bench "*) XENITH_NEEDS="$XENITH_NEEDS test" ;; esac
need_all_packages
need_room
# shellcheck disable=SC2046 # the goals are words
sh "$TREE/lib/build.sh" --fetch $(setting GOALS)

# What only tests use: those that need it are skipped where it cannot be fetched.
for_tests() {
	lines "$1" | while read -r name; do
		sh "$TREE/lib/build.sh" --fetch "$name" </dev/null || say "$name could not be fetched; the tests that need it are skipped"
	done
}
case " $XENITH_NEEDS " in *" test "*) for_tests "$TREE/lib/testpkgs" ;; esac
case " $XENITH_NEEDS " in *" slow "*) for_tests "$TREE/lib/testpkgs-slow" ;; esac

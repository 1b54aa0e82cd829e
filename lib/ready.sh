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
goals=$(setting GOALS)
case " $XENITH_NEEDS " in *" test "*) goals="$goals $(lines "$TREE/lib/testpkgs" | tr '\n' ' ')" ;; esac
case " $* " in *" slow "*) goals="$goals $(lines "$TREE/lib/testpkgs-slow" | tr '\n' ' ')" ;; esac
# shellcheck disable=SC2086 # the goals are words
exec sh "$TREE/lib/build.sh" --fetch $goals

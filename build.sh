#!/bin/sh
# Xenith's front door: `./build.sh help` lists what it does.
set -eu

TREE=$(cd "$(dirname "$0")" && pwd)
export TREE

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
case ${1:-} in
package)
	shift
	sh "$TREE/lib/build.sh" "$@"
	;;
fetch)
	shift
	sh "$TREE/lib/build.sh" --fetch $(setting GOALS)
	;;
esac

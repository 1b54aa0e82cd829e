#!/bin/sh
# Prints the manifest of an update: that of the slot, and the image as a whole
# (docs/update.md).
#
# usage: update-manifest.sh MANIFEST IMAGE
set -eu

sum=$(sha256sum <"$2")
written=$(cat "$1" && printf 'image %s %s' "$(stat -L -c %s "$2")" "${sum%% *}")
wrong=$(printf '%s\n' "$written" | awk -v update=1 -f "${0%/*}/manifest.awk") || {
	echo "update-manifest.sh: $1: $wrong" >&2
	exit 1
}
printf '%s\n' "$written"

#!/bin/sh
# Prints the manifest of a slot (docs/install.md).
#
# usage: manifest.sh VERSION ORDER FILE...
set -eu

printf 'xenith-manifest 1\nversion %s\norder %s\n' "$1" "$2"
shift 2
for file; do
	sum=$(sha256sum <"$file")
	printf 'file %s %s %s\n' "${file##*/}" "$(stat -c %s "$file")" "${sum%% *}"
done

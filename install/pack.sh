#!/bin/sh
# Packs an update, an archive with a fixed order and fixed headers: the same input gives the
# same bytes.
#
# usage: pack.sh DIRECTORY >UPDATE     manifest, manifest.minisig (if it is signed), slot.img
set -eu

cd "$1"
set -- manifest slot.img
[ ! -e manifest.minisig ] || set -- manifest manifest.minisig slot.img
exec tar --create --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 \
	--blocking-factor=2 --file=- -- "$@"

#!/bin/sh
# Writes one initrd from several archives: the kernel unpacks them in turn, each aligned
# to 512 bytes. The build may omit the layer for HVM guests.
#
# usage: initrd.sh DIRECTORY >INITRD    DIRECTORY holds root.cpio, hvm.cpio, config.cpio
set -eu

layer=
[ ! -e "$1/hvm.cpio" ] || layer=hvm
for name in root $layer config; do
	archive=$1/$name.cpio
	cat "$archive"
	rest=$(($(stat -c %s "$archive") % 512))
	[ $rest = 0 ] || head -c $((512 - rest)) /dev/zero
done

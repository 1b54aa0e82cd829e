#!/bin/sh
# Writes one initrd out of archives: the kernel unpacks one after the other, and
# each begins on a multiple of 512 bytes. The layer for HVM guests may have been left
# out of the build.
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

#!/bin/sh
# Writes one initrd from several archives: the kernel unpacks them in turn, each aligned
# to 512 bytes. The build may omit the layer for HVM guests.
#
# usage: initrd.sh DIRECTORY NAME... >INITRD    DIRECTORY holds NAME.cpio
set -eu

directory=$1
shift
for name; do
	archive=$directory/$name.cpio
	[ -e "$archive" ] || [ "$name" != hvm ] || continue
	cat "$archive"
	rest=$(($(stat -c %s "$archive") % 512))
	[ $rest = 0 ] || head -c $((512 - rest)) /dev/zero
done

#!/bin/sh
# Writes one initrd out of archives: the kernel unpacks one after the other, and
# each begins on a multiple of 512 bytes. A layer that was left out of the build is
# not there, and so is no archive.
#
# usage: initrd.sh ARCHIVE... >INITRD
set -eu

for archive; do
	case $archive in */hvm.cpio) [ -e "$archive" ] || continue ;; esac
	cat "$archive"
	rest=$(($(stat -c %s "$archive") % 512))
	[ $rest = 0 ] || head -c $((512 - rest)) /dev/zero
done

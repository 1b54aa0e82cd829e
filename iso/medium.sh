#!/bin/sh
# Prints a medium's identifier: the ISO's volume identifier, which GRUB searches for. It
# is a hash of the medium's whole content, so that different builds cannot be confused.
#
# usage: medium.sh FILE...
set -eu

sums=$(for file; do sha256sum <"$file"; done)
printf '%s\n' "$sums" | sha256sum | awk '{ print "XENITH_" toupper(substr($1, 1, 16)) }'

#!/bin/sh
# Prints the identifier of a medium: the volume identifier of the ISO, and what
# GRUB looks for. Derived from all that the medium will hold, so that two builds
# that differ can never be taken for one another.
#
# usage: medium.sh FILE...
set -eu

sums=$(for file; do sha256sum <"$file"; done)
printf '%s\n' "$sums" | sha256sum | awk '{ print "XENITH_" toupper(substr($1, 1, 16)) }'

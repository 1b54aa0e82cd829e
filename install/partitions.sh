#!/bin/sh
# Prints where the partitions of a layout are on a disk, a line each: NUMBER NAME START SIZE
# LABEL TYPE. START and SIZE are in sectors of SECTOR bytes (512). A partition without a size
# has "-" for it.
#
# usage: partitions.sh LAYOUT [SECTOR]
set -eu

awk -v sector="${2:-512}" '
	BEGIN {
		mib = 1048576 / sector
		start = mib
	}
	/^#/ || NF == 0 { next }
	{
		size = $4 == "-" ? "-" : $4 * mib
		print $1, $2, start, size, $3, $5
		start += size
	}' "$1"

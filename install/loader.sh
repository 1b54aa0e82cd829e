#!/bin/sh
# Patches GRUB's first stages for a disk with the partitions of a layout: what
# grub-install would find out by asking the disk is fixed here.
#
# usage: loader.sh LAYOUT BOOT CORE BOOT-OUT CORE-OUT
#   BOOT  GRUB's boot.img, for the first sector of the disk
#   CORE  a core image, for the partition `bios`
set -eu

layout=$1
boot=$2
core=$3
boot_out=$4
core_out=$5
here=${0%/*}

start=$(sh "$here/partitions.sh" "$layout" | awk '$2 == "bios" { print $3 }')
room=$(sh "$here/partitions.sh" "$layout" | awk '$2 == "bios" { print $4 / 2 * 512 }')
[ "$(stat -c %s "$core")" -le "$room" ] || {
	echo "loader.sh: $core is larger than half of the partition bios ($room bytes), and an update needs the other half" >&2
	exit 1
}

# put_byte VALUE OFFSET FILE
put_byte() {
	# shellcheck disable=SC2059 # an octal escape
	printf "\\$(printf %03o "$1")" | dd of="$3" bs=1 seek="$2" conv=notrunc status=none
}

# put64 VALUE OFFSET FILE: eight bytes, the lowest first.
put64() {
	value=$1
	for byte in 0 1 2 3 4 5 6 7; do
		put_byte $((value % 256)) $(($2 + byte)) "$3"
		value=$((value / 256))
	done
}

cp "$boot" "$boot_out"
cp "$core" "$core_out"
# boot.img: the sector of the core image at 0x5c. The jump at 0x66 would trust every
# firmware's drive number; two no-ops take the first hard disk if it makes no sense.
put64 "$start" 92 "$boot_out"
put_byte 144 102 "$boot_out"
put_byte 144 103 "$boot_out"
# The core image's first sector ends with the list of the others: one entry, of which
# grub-mkimage has set the length.
put64 $((start + 1)) 500 "$core_out"

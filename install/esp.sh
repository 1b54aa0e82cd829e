#!/bin/sh
# Makes the image of the EFI system partition of an installed disk: GRUB, its menu, the boot
# state with slot A committed, the options for Xen and Linux, and the block in which the
# installer notes its medium (docs/install.md).
#
# usage: esp.sh KIB LOADER MENU OPTIONS OUTPUT [SECTOR]
#   LOADER   BOOTX64.EFI
#   MENU     GRUB's menu
#   OPTIONS  directory with xen.options and linux.options
#   SECTOR   bytes of a sector of the disk: 512 or 4096
# environment: SOURCE_DATE_EPOCH
set -eu

kib=$1
loader=$2
menu=$3
from=$4
output=$5
sector=${6:-512}
work=$output.work
export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null

# state SEQ: a file of the boot state, with slot A committed.
state() {
	printf '# GRUB Environment Block\nseq=%08d\nslot=a\ntry=\npending=\nfailed=\noptions=0\ntryoptions=\nend=1\n' "$1" |
		pad 1024
}

# options: a file of options for Xen and Linux.
options() {
	printf '# GRUB Environment Block\nxen=%s\nlinux=%s\nend=1\n' \
		"$(cat "$from/xen.options")" "$(cat "$from/linux.options")" | pad 4096
}

# pad SIZE: its input, as an environment block of that size.
pad() {
	{
		cat
		head -c "$1" /dev/zero | tr '\0' '#'
	} | head -c "$1"
}

rm -rf "$work"
mkdir -p "$work"
cp "$loader" "$work/BOOTX64.EFI"
cp "$menu" "$work/grub.cfg"
state 1 >"$work/state0"
state 0 >"$work/state1"
options >"$work/options0"
options >"$work/options1"
: | pad 512 >"$work/medium"
touch -d "@$SOURCE_DATE_EPOCH" "$work"/*
rm -f "$output"
# By its number of clusters a file system with sectors of 4096 bytes is FAT16, and firmware
# may go by that number.
bits=32
[ "$sector" = 512 ] || bits=16
mkfs.fat -C --invariant -F $bits -S "$sector" -s 1 -i "$(cat "$work"/* | sha256sum | cut -c 1-8)" -n XENITH-EFI \
	"$output" "$kib"
mmd -i "$output" ::/EFI ::/EFI/BOOT ::/grub ::/xenith
# The first on an empty file system, so each is in one piece. The two of a kind are not
# neighbours: a disk may lose all 4096 bytes of the sector that it was writing. GRUB comes
# last: a medium holds only what is before it.
for file in state0 options0 state1 options1 medium; do
	mcopy -m -i "$output" "$work/$file" "::/xenith/$file"
done
mcopy -m -i "$output" "$work/grub.cfg" ::/grub/grub.cfg
mcopy -m -i "$output" "$work/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
rm -r "$work"

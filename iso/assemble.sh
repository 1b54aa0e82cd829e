#!/bin/sh
# Assembles the ISO: one file that boots as a CD or, copied to a disk unchanged, as a
# USB stick, on BIOS and UEFI. Every step takes its input in a fixed order, so that
# equal input gives equal bytes.
#
# usage: assemble.sh MEDIUM TREE GRUB OUTPUT
#   MEDIUM  identifier of this build
#   TREE    directory of the files on the ISO
#   GRUB    directory of GRUB's platforms
# environment: SOURCE_DATE_EPOCH
set -eu

medium=$1
tree=$2
grub=$3
output=$4
here=${0%/*}
work=$output.work
digits=${medium#XENITH_}

mkdir -p "$work"

# BIOS: one file is El Torito's boot image and what the MBR loads.
mkdir -p "$tree/boot/grub"
sh "$here/grub-image.sh" bios "$medium" "$grub" "$tree/boot/grub/bios.img"

# UEFI: a minimal FAT file system with one file.
sh "$here/grub-image.sh" efi "$medium" "$grub" "$work/bootx64.efi"
touch -d "@$SOURCE_DATE_EPOCH" "$work/bootx64.efi"
kib=$(($(stat -c %s "$work/bootx64.efi") / 1024 + 64))
rm -f "$work/esp"
mkfs.fat -C --invariant -i "$(printf '%.8s' "$digits")" -n XENITH-EFI "$work/esp" "$kib"
export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null
mmd -i "$work/esp" ::/EFI
mmd -i "$work/esp" ::/EFI/BOOT
mcopy -m -i "$work/esp" "$work/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

# The marker that GRUB looks for.
mkdir -p "$tree/xenith"
: >"$tree/xenith/$medium"

find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# The GPT's GUIDs derive from the medium's identifier.
guid=$(printf '%s' "$digits$digits" | sed 's/^\(.\{8\}\)\(....\).\(...\).\(...\)\(.\{12\}\)/\1-\2-4\3-A\4-\5/; s/\(.*-.\{12\}\).*/\1/')

# Options that set a location: docs/media.md shows the resulting layout.
rm -f "$output"
xorriso -no_rc -as mkisofs -o "$output" \
	-r -V "$medium" -A XENITH --set_all_file_dates "=$SOURCE_DATE_EPOCH" \
	-c boot/grub/boot.cat \
	-b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
	--grub2-mbr "$grub/i386-pc/boot_hybrid.img" --mbr-force-bootable \
	-partition_offset 16 --gpt_disk_guid "$guid" \
	-append_partition 2 C12A7328-F81F-11D2-BA4B-00A0C93EC93B "$work/esp" -appended_part_as_gpt \
	-eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot -no-pad \
	"$tree"
rm -rf "$work"

#!/bin/sh
# Links a GRUB boot image.
#
# usage: grub-image.sh bios|efi|netboot|disk-bios|disk-efi MEDIUM GRUB OUTPUT
#   MEDIUM  identifier of this build; nothing for an installed disk
#   GRUB    directory of GRUB's platforms (i386-pc, x86_64-efi)
#
# All modules are inside the image, so that GRUB reads no file but its menu. Only
# needed ones are included: firmware loads the image slowly. grub-mkimage adds
# their dependencies.
#   multiboot2 gzio            load Xen (compressed), Linux and the root
#   minicmd ls cat reboot halt commands for the rescue prompt
set -eu

image=$1
medium=$2
grub=$3
output=$4
here=${0%/*}

modules="normal configfile echo test true sleep minicmd ls cat reboot halt multiboot2 gzio"
# fat chain: find and start an installed disk.
on_disk="search iso9660 part_gpt part_msdos fat chain"
# The boot state, and the slots, on an installed disk.
slots="part_gpt fat ext2 loadenv manifest probe regexp"

# link FORMAT PLATFORM PREFIX WORD...: further words are modules and options.
link() {
	format=$1
	platform=$2
	prefix=$3
	shift 3
	# shellcheck disable=SC2086 # the modules are words
	grub-mkimage -O "$format" -d "$grub/$platform" -p "$prefix" -o "$output" "$@" $modules
}

case $image in
bios | efi) sed "/^#/d; s|@MEDIUM@|$medium|" "$here/early.cfg" >"$output.cfg" ;;
esac

# shellcheck disable=SC2086 # the modules are words
case $image in
bios) link i386-pc-eltorito i386-pc /boot/grub -c "$output.cfg" $on_disk biosdisk serial terminal ;;
# efi_gop: without it GRUB warns that it cannot pass a screen to Xen, though Xen finds
# the screen by itself. connectefi: iso/disk.cfg.
efi) link x86_64-efi x86_64-efi /boot/grub -c "$output.cfg" $on_disk efi_gop connectefi ;;
# An empty prefix means the directory that the firmware loaded the image from.
netboot) link x86_64-efi x86_64-efi '' efinet net tftp http regexp efi_gop ;;
# The disk that the firmware started, and the EFI partition on it (install/layout).
disk-bios) link i386-pc i386-pc '(,gpt2)/grub' $slots biosdisk serial terminal ;;
disk-efi) link x86_64-efi x86_64-efi '(,gpt2)/grub' $slots efi_gop ;;
*)
	echo "grub-image.sh: there is no image called $image" >&2
	exit 2
	;;
esac
rm -f "$output.cfg"

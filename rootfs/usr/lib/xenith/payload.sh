# shellcheck shell=sh
# A domain's payload: detects its type and writes it to a disk. Sourced by create, whose
# variables these are.
# shellcheck disable=SC2154

# hex FILE OFFSET COUNT: prints bytes.
hex() {
	dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
}

# is_kernel FILE: true for ELF or a Linux bzImage.
is_kernel() {
	[ "$(hex "$1" 0 4)" = 7f454c46 ] || [ "$(hex "$1" 514 4)" = 48647253 ]
}

# payload_kind FILE: prints qcow2, iso, tar, directory, kernel or raw.
payload_kind() {
	if [ -d "$1" ]; then
		echo directory
		return
	fi
	case $(hex "$1" 0 6) in
	514649fb*) echo qcow2 && return ;;
	1f8b* | fd377a585a00 | 28b52ffd* | 425a68*) echo tar && return ;;
	esac
	[ "$(hex "$1" 257 5)" != 7573746172 ] || { echo tar && return; }
	[ "$(hex "$1" 32769 5)" != 4344303031 ] || { echo iso && return; }
	# A partition table, ext4, XFS, or LVM.
	if [ "$(hex "$1" 510 2)" = 55aa ] || [ "$(hex "$1" 1080 2)" = 53ef ] ||
		[ "$(hex "$1" 0 4)" = 58465342 ] || [ "$(hex "$1" 512 8)" = 4c4142454c4f4e45 ]; then
		# An EFI stub kernel has the 55aa signature, too.
		! is_kernel "$1" || { echo kernel && return; }
		echo raw
	elif is_kernel "$1"; then
		echo kernel
	else
		return 1
	fi
}

# payload_check KIND FILE: fails if FILE refers to another file, which would leak that
# file to the guest: a qcow2 image may come from the guest's owner. QEMU's
# docs/interop/qcow2.rst describes the header.
payload_check() {
	[ "$1" = qcow2 ] || return 0
	[ "$(hex "$2" 8 8)" = 0000000000000000 ] ||
		fail "--from $2: it is based on another image (a backing file), and only what is whole is imported: make one of both with qemu-img convert"
	# Bit 2 of the incompatible features; version 2 has none.
	[ "$(hex "$2" 4 4)" = 00000002 ] || case $(hex "$2" 79 1) in
	?[4567cdef]) fail "--from $2: its content is in another file (a data file), and only what is whole is imported: make one of both with qemu-img convert" ;;
	esac
}

has_qemu_img() {
	command -v qemu-img >/dev/null
}

# need_qemu_img FILE: fails without qemu-img. Call it where standard error is the
# user's.
need_qemu_img() {
	has_qemu_img || fail "$1 is a qcow2 image, and this host has no qemu-img to read it (its image was built without HVM)"
}

# payload_size KIND FILE: prints the required disk size in bytes.
payload_size() {
	case $1 in
	qcow2)
		need_qemu_img "$2"
		qemu-img info --output=json "$2" >"$work/info" 2>"$work/said" ||
			fail "$2 cannot be read: $(tail -n 1 "$work/said")"
		sed -n 's/^    "virtual-size": \([0-9]*\).*/\1/p' "$work/info"
		;;
	raw) disk_size "$2" ;;
	directory) echo $(($(du -sk "$2" | cut -f 1) * 1280 + 33554432)) ;;
	*) echo 0 ;;
	esac
}

# uncompressed FILE: prints its content. BusyBox's zcat accepts any input.
uncompressed() {
	case $(hex "$1" 0 6) in
	1f8b*) gzip -dc <"$1" ;;
	fd377a585a00) xzcat <"$1" ;;
	28b52ffd*) zstd -dcq <"$1" ;;
	425a68*) bzcat <"$1" ;;
	*) cat "$1" ;;
	esac
}

# stream FILE: prints its content into a pipe, which hides this status: $work/broken
# marks a failure.
stream() {
	uncompressed "$1" || : >"$work/broken"
}

# unpack_tar FILE DIRECTORY
unpack_tar() {
	stream "$1" | tar -x -f - -C "$2" || return 1
	[ ! -e "$work/broken" ]
}

# is_empty: true if the new disk reads as zeros: a file, or a thin volume in a pool that
# zeroes new blocks.
is_empty() {
	case $kind in
	file) return 0 ;;
	thin) case $(lvs --noheadings -o lv_attr "$place" 2>/dev/null | tr -d ' ') in ???????z*) return 0 ;; esac ;;
	esac
	return 1
}

# convert FORMAT FILE DISK: runs qemu-img, which skips zeros on an empty disk.
convert() {
	empty=
	! is_empty || empty=--target-is-zero
	# shellcheck disable=SC2086 # a word or none
	qemu-img convert -n -t writeback $empty -f "$1" -O raw "$2" "$3" >"$work/said" 2>&1 ||
		fail "$2 cannot be copied to $3: $(tail -n 1 "$work/said")"
}

# payload_write KIND FILE DISK
payload_write() {
	case $1 in
	qcow2)
		need_qemu_img "$2"
		convert qcow2 "$2" "$3"
		;;
	raw)
		# A thick volume needs the zeros, which dd writes as well.
		if [ "$kind" != volume ] && has_qemu_img; then
			convert raw "$2" "$3"
		else
			try "copying $2 to $3" dd if="$2" of="$3" bs=4M conv=notrunc,fsync
		fi
		;;
	directory) try "making a file system of $2 on $3" mkfs.ext4 -q -F -d "$2" "$3" ;;
	tar)
		try "making a file system on $3" mkfs.ext4 -q -F "$3"
		open_disk ext4 "$3" "$work/mnt"
		try "unpacking $2" unpack_tar "$2" "$work/mnt"
		payload_kernel directory "$work/mnt"
		close_disk "$3" "$work/mnt"
		;;
	esac
	[ "$1" != directory ] || payload_kernel directory "$2"
}

# payload_names KIND FILE: lists /boot of a root file system.
payload_names() {
	case $1 in
	directory) ls "$2/boot" 2>/dev/null ;;
	tar) stream "$2" | tar -t -f - | sed -n 's|^\(\./\)\{0,1\}boot/||p' ;;
	esac | grep -v / || :
}

# boot_file FILE: fails unless FILE is a plain file inside the root file system: a link
# could lead to any file of this host.
boot_file() {
	for at in "${1%/*}" "$1"; do
		[ ! -L "$at" ] || fail "--from $from: $at is a symbolic link to $(readlink "$at"), and links are not followed out of what is imported: put the file itself there, or name it with --kernel and --ramdisk"
	done
	[ -f "$1" ] || fail "--from $from: $1 is no file: name one with --kernel and --ramdisk"
}

# payload_kernel KIND FILE: copies the newest kernel and ramdisk of a root file system
# beside the disk, unless --kernel is given.
payload_kernel() {
	case $kernel,$1 in ,directory | ,tar) ;; *) return 0 ;; esac
	payload_names "$1" "$2" >"$work/names"
	[ ! -e "$work/broken" ] || fail "$2 is damaged: it cannot be read to its end"
	newest=$(grep '^vmlinuz-' "$work/names" | sort -V | tail -n 1)
	[ -n "$newest" ] || fail "$from holds no kernel (boot/vmlinuz-*): name one with --kernel"
	keep_boot "$2/boot/$newest" vmlinuz
	kernel=$kept
	version=${newest#vmlinuz-}
	for file in "initrd.img-$version" "initramfs-$version.img" "initramfs-$version"; do
		grep -qxF -e "$file" "$work/names" || continue
		keep_boot "$2/boot/$file" initrd
		ramdisk=$kept
		break
	done
}

# keep_boot FILE NAME: copies it to the images; sets $kept to its path.
keep_boot() {
	directory=$images/$name
	kept=$directory/$2
	# For a tarball a dry run has only the names.
	if [ -z "$dry_run" ] || [ -d "$from" ]; then boot_file "$1"; fi
	[ -z "$dry_run" ] || return 0
	for at in "${images%/*}" "$images" "$directory"; do
		[ -d "$at" ] || step "making $at" "$(quoted rmdir "$at")" mkdir "$at"
	done
	undo rm -f "$kept"
	try "copying $1 to $kept" cp "$1" "$kept"
	made file "$kept"
}

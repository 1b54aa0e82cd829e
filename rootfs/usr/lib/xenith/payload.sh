# shellcheck shell=sh
# What a domain is made from: telling what a file is, and putting it on a disk.
# Sourced by create, whose
# variables these are.
# shellcheck disable=SC2154

# hex FILE OFFSET COUNT: these bytes.
hex() {
	dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
}

# is_kernel FILE: ELF, or Linux's own format for x86.
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
		# A kernel that UEFI can start has that signature, too.
		! is_kernel "$1" || { echo kernel && return; }
		echo raw
	elif is_kernel "$1"; then
		echo kernel
	else
		return 1
	fi
}

# payload_check KIND FILE: ends where FILE names another file, whose content the guest
# would get without anybody having asked for that: a qcow2 image may have been made by
# the person who is to get the guest. QEMU's docs/interop/qcow2.rst has the header.
payload_check() {
	[ "$1" = qcow2 ] || return 0
	[ "$(hex "$2" 8 8)" = 0000000000000000 ] ||
		fail "--from $2: it is based on another image (a backing file), and only what is whole is imported: make one of both with qemu-img convert"
	# The third bit of the features that a reader has to know; version 2 has none.
	[ "$(hex "$2" 4 4)" = 00000002 ] || case $(hex "$2" 79 1) in
	?[4567cdef]) fail "--from $2: its content is in another file (a data file), and only what is whole is imported: make one of both with qemu-img convert" ;;
	esac
}

has_qemu_img() {
	command -v qemu-img >/dev/null
}

# need_qemu_img FILE: ends where the image has none. To be called where standard error is
# the user's.
need_qemu_img() {
	has_qemu_img || fail "$1 is a qcow2 image, and this host has no qemu-img to read it (its image was built without HVM)"
}

# payload_size KIND FILE: how large a disk must be for it, in bytes.
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

# uncompressed FILE: its content. BusyBox's zcat is content with all that it is given.
uncompressed() {
	case $(hex "$1" 0 6) in
	1f8b*) gzip -dc <"$1" ;;
	fd377a585a00) xzcat <"$1" ;;
	28b52ffd*) zstd -dcq <"$1" ;;
	425a68*) bzcat <"$1" ;;
	*) cat "$1" ;;
	esac
}

# stream FILE: its content, for a pipe, whose status is that of its last command: where
# this one fails, there is $work/broken.
stream() {
	uncompressed "$1" || : >"$work/broken"
}

# unpack_tar FILE DIRECTORY
unpack_tar() {
	stream "$1" | tar -x -f - -C "$2" || return 1
	[ ! -e "$work/broken" ]
}

# is_empty: whether the disk that was just made reads as zeros: a file does, and a thin
# volume of a pool that zeroes what it gives out.
is_empty() {
	case $kind in
	file) return 0 ;;
	thin) case $(lvs --noheadings -o lv_attr "$place" 2>/dev/null | tr -d ' ') in ???????z*) return 0 ;; esac ;;
	esac
	return 1
}

# convert FORMAT FILE DISK: by qemu-img, which writes no zeros where there are some.
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
		# On a thick volume zeros have to be written, and dd does that, too.
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

# payload_names KIND FILE: what is in /boot of a root file system.
payload_names() {
	case $1 in
	directory) ls "$2/boot" 2>/dev/null ;;
	tar) stream "$2" | tar -t -f - | sed -n 's|^\(\./\)\{0,1\}boot/||p' ;;
	esac | grep -v / || :
}

# boot_file FILE: ends if it is no plain file of the root file system itself: what a link
# names there may be any file of this host.
boot_file() {
	for at in "${1%/*}" "$1"; do
		[ ! -L "$at" ] || fail "--from $from: $at is a symbolic link to $(readlink "$at"), and links are not followed out of what is imported: put the file itself there, or name it with --kernel and --ramdisk"
	done
	[ -f "$1" ] || fail "--from $from: $1 is no file: name one with --kernel and --ramdisk"
}

# payload_kernel KIND FILE: keeps the newest kernel and ramdisk of a root file system
# beside the disk, for a domain that has no kernel of its own otherwise.
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

# keep_boot FILE NAME: a copy of it among the images; sets $kept to where it is.
keep_boot() {
	directory=$images/$name
	kept=$directory/$2
	# Of a tarball a dry run has the names only.
	if [ -z "$dry_run" ] || [ -d "$from" ]; then boot_file "$1"; fi
	[ -z "$dry_run" ] || return 0
	for at in "${images%/*}" "$images" "$directory"; do
		[ -d "$at" ] || step "making $at" "$(quoted rmdir "$at")" mkdir "$at"
	done
	undo rm -f "$kept"
	try "copying $1 to $kept" cp "$1" "$kept"
	made file "$kept"
}

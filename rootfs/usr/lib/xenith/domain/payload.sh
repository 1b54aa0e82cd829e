# shellcheck shell=sh
# Writes a domain's payload to its disk. The FORMAT is payload_find's.
#
# Needs: hex (detect.sh), disk_size, reads_as_zeros, open_disk and close_disk
# (storage.sh), boot_import (boot.sh), $work and the steps (steps.sh).
# Gives: payload_size, disk_bytes, payload_write, image_copy, tar_stream.
# shellcheck disable=SC2154 # $work

has_qemu_img() {
	command -v qemu-img >/dev/null
}

# need_qemu_img FILE: fails without qemu-img. Call it where standard error is the
# user's.
need_qemu_img() {
	has_qemu_img || fail "cannot read $1: this host has no qemu-img for qcow2 images (its image was built without HVM); convert it to raw on another machine"
}

# payload_size FORMAT FILE: prints the required disk size in bytes.
payload_size() {
	case $1 in
	qcow2)
		need_qemu_img "$2"
		qemu-img info --output=json "$2" >"$work/info" 2>"$work/said" ||
			fail "cannot read $2: $(tail -n 1 "$work/said")"
		sed -n 's/^    "virtual-size": \([0-9]*\).*/\1/p' "$work/info"
		;;
	raw) disk_size "$2" ;;
	directory) echo $(($(du -sk "$2" | cut -f 1) * 1280 + 33554432)) ;;
	*) echo 0 ;;
	esac
}

# disk_bytes FORMAT FILE NEEDED SIZE BYTES: prints the size of the disk for FILE, which
# needs NEEDED bytes: SIZE, which is BYTES, or else the default; 0 if no disk is needed.
# Volumes, and hence messages, use whole MiB.
disk_bytes() {
	[ -n "$3" ] || fail "cannot read $2: the size of its disk is unknown"
	if [ -n "$4" ]; then
		[ "$5" -ge "$3" ] || fail "--size $4: too small; $2 needs $3 bytes"
		wanted=$5
	else
		case $1 in
		iso) wanted=10737418240 ;;
		tar) wanted=4294967296 ;;
		*) wanted=$3 ;;
		esac
	fi
	echo $(((wanted + 1048575) / 1048576 * 1048576))
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

# tar_stream FILE: prints its content into a pipe, which hides this status: $work/broken
# marks a failure.
tar_stream() {
	uncompressed "$1" || : >"$work/broken"
}

# unpack_tar FILE DIRECTORY
unpack_tar() {
	tar_stream "$1" | tar -x -f - -C "$2" || return 1
	[ ! -e "$work/broken" ]
}

# convert FORMAT FILE DISK PLACE: runs qemu-img, which skips zeros on an empty disk.
convert() {
	empty=
	! reads_as_zeros "$4" || empty=--target-is-zero
	# shellcheck disable=SC2086 # a word or none
	qemu-img convert -n -t writeback $empty -f "$1" -O raw "$2" "$3" >"$work/said" 2>&1 ||
		fail "cannot copy $2 to $3: $(tail -n 1 "$work/said")"
}

# image_copy FORMAT FILE DISK PLACE: copies a disk image.
image_copy() {
	if [ "$1" = qcow2 ]; then need_qemu_img "$2"; fi
	case $1:$4 in
	# A thick volume needs the zeros, which dd writes as well.
	raw:volume:*) ;;
	*)
		if has_qemu_img; then
			convert "$@"
			return
		fi
		;;
	esac
	try "copy $2 to $3" dd if="$2" of="$3" bs=4M conv=notrunc,fsync
}

# payload_write FORMAT FILE DISK PLACE BOOT: writes FILE to the new disk. If it is a root
# file system, it sets $kernel and $ramdisk to copies of its own in the directory BOOT,
# unless BOOT is empty.
payload_write() {
	case $1 in
	qcow2 | raw) image_copy "$1" "$2" "$3" "$4" ;;
	directory)
		try "create a file system with the content of $2 on $3" mkfs.ext4 -q -F -d "$2" "$3"
		[ -z "$5" ] || boot_import "$2" "$2" "$5"
		;;
	tar)
		try "create a file system on $3" mkfs.ext4 -q -F "$3"
		open_disk ext4 "$3" "$work/mnt"
		try "unpack $2" unpack_tar "$2" "$work/mnt"
		[ -z "$5" ] || boot_import "$work/mnt" "$2" "$5"
		close_disk "$3" "$work/mnt"
		;;
	esac
}

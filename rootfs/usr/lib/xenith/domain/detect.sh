# shellcheck shell=sh
# What a file is, by its content.
#
# Needs: fail (steps.sh).
# Gives: hex, readable, absolute, is_kernel, payload_format, payload_check, payload_find.

# hex FILE OFFSET COUNT: prints bytes.
hex() {
	dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
}

# readable OPTION FILE: fails unless FILE can be read.
readable() {
	if [ ! -e "$2" ]; then fail "$1 $2: no such file"; fi
	[ -r "$2" ] || fail "$1 $2: not readable; check its permissions"
}

# absolute PATH: prints it; unchanged if the file is missing.
absolute() {
	if [ -e "$1" ]; then readlink -f "$1"; else printf '%s\n' "$1"; fi
}

# is_kernel FILE: true for ELF or a Linux bzImage.
is_kernel() {
	[ "$(hex "$1" 0 4)" = 7f454c46 ] || [ "$(hex "$1" 514 4)" = 48647253 ]
}

# payload_format FILE: prints qcow2, iso, tar, directory, kernel or raw.
payload_format() {
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

# payload_check FORMAT FILE: fails if FILE refers to another file, which would leak that
# file to the guest: a qcow2 image may come from the guest's owner. QEMU's
# docs/interop/qcow2.rst describes the header.
payload_check() {
	[ "$1" = qcow2 ] || return 0
	[ "$(hex "$2" 8 8)" = 0000000000000000 ] ||
		fail "cannot import $2: it depends on another image (its backing file); merge the two with qemu-img convert"
	# Bit 2 of the incompatible features; version 2 has none.
	[ "$(hex "$2" 4 4)" = 00000002 ] || case $(hex "$2" 79 1) in
	?[4567cdef]) fail "cannot import $2: its content is in another file (its data file); merge the two with qemu-img convert" ;;
	esac
}

# split_pair KERNEL+RAMDISK: sets $kernel and $ramdisk. Their names may contain a +.
split_pair() {
	kernel=${1%%+*}
	ramdisk=${1#*+}
	left=$kernel
	right=$ramdisk
	until [ -e "$left" ] && [ -e "$right" ]; do
		case $right in *+*) ;; *) return 0 ;; esac
		left=$left+${right%%+*}
		right=${right#*+}
	done
	kernel=$left
	ramdisk=$right
}

# payload_find FROM KERNEL RAMDISK: sets $from, $format, $kernel and $ramdisk to the
# payload's file, its format, and the files that start it, with absolute paths, which the
# domain file needs. A FROM that is a kernel is none of the formats: $from is empty.
payload_find() {
	from=$1
	format=none
	kernel=$2
	ramdisk=$3
	case $from in
	*+*)
		if [ ! -e "$from" ]; then
			split_pair "$from"
			readable --from "$kernel"
			readable --from "$ramdisk"
			from=
		fi
		;;
	esac
	from=$(absolute "$from")
	kernel=$(absolute "$kernel")
	ramdisk=$(absolute "$ramdisk")
	if [ -n "$from" ]; then
		readable --from "$from"
		format=$(payload_format "$from") ||
			fail "cannot import $from: unknown format; use a disk image (qcow2, raw), ISO, root file system (directory, tarball) or kernel"
		payload_check "$format" "$from"
		if [ "$format" = kernel ]; then
			kernel=$from
			from=
			format=none
		fi
	fi
	[ -z "$kernel" ] || is_kernel "$kernel" || fail "cannot start a guest from $kernel: it is not a kernel (ELF or bzImage)"
}

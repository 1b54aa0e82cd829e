# shellcheck shell=sh
# The kernel and the ramdisk that a root file system holds in /boot: dom0 needs its own
# copies to start the guest.
#
# Needs: tar_stream (payload.sh), $work and the steps (steps.sh).
# Gives: boot_import, boot_plan, boot_copy.
# shellcheck disable=SC2154 # $work

# boot_names FORMAT FILE: lists /boot of a root file system.
boot_names() {
	case $1 in
	directory) ls "$2/boot" 2>/dev/null ;;
	tar) tar_stream "$2" | tar -t -f - | sed -n 's|^\(\./\)\{0,1\}boot/||p' ;;
	esac | grep -v / || :
}

# boot_find FORMAT FILE FROM: sets $boot_kernel and $boot_ramdisk to the names of the
# newest kernel and of its ramdisk (which may be empty). Messages name FROM.
boot_find() {
	boot_names "$1" "$2" >"$work/names"
	[ ! -e "$work/broken" ] || fail "cannot read $3: the archive is damaged"
	boot_kernel=$(grep '^vmlinuz-' "$work/names" | sort -V | tail -n 1)
	[ -n "$boot_kernel" ] || fail "cannot find a kernel (boot/vmlinuz-*) in $3; name one with --kernel"
	version=${boot_kernel#vmlinuz-}
	boot_ramdisk=
	for candidate in "initrd.img-$version" "initramfs-$version.img" "initramfs-$version"; do
		grep -qxF -e "$candidate" "$work/names" || continue
		boot_ramdisk=$candidate
		break
	done
}

# boot_check FILE FROM: fails unless FILE is a plain file inside the root file system
# FROM: a link could lead to any file of this host.
boot_check() {
	for at in "${1%/*}" "$1"; do
		[ ! -L "$at" ] || fail "cannot import from $2: $at is a symbolic link to $(readlink "$at"), which may lead to a file of this host; put the file itself there, or name it with --kernel and --ramdisk"
	done
	[ -f "$1" ] || fail "cannot import from $2: $1 is not a regular file; name one with --kernel and --ramdisk"
}

# boot_copy FILE DIRECTORY NAME: copies it to DIRECTORY, which it makes.
boot_copy() {
	boot_parent=${2%/*}
	for at in "${boot_parent%/*}" "$boot_parent" "$2"; do
		[ -d "$at" ] || step "create $at" "$(quoted rmdir "$at")" mkdir "$at"
	done
	undo rm -f "$2/$3"
	try "copy $1 to $2/$3" cp "$1" "$2/$3"
	made file "$2/$3"
}

# boot_import ROOT FROM DIRECTORY: copies the newest kernel and its ramdisk of the root
# file system at ROOT to DIRECTORY, and sets $kernel and $ramdisk to the copies.
boot_import() {
	boot_find directory "$1" "$2"
	boot_check "$1/boot/$boot_kernel" "$2"
	boot_copy "$1/boot/$boot_kernel" "$3" vmlinuz
	kernel=$3/vmlinuz
	[ -n "$boot_ramdisk" ] || return 0
	boot_check "$1/boot/$boot_ramdisk" "$2"
	boot_copy "$1/boot/$boot_ramdisk" "$3" initrd
	ramdisk=$3/initrd
}

# boot_plan FORMAT FILE DIRECTORY: sets $kernel and $ramdisk as boot_import would, and
# copies nothing. Links in a tarball are not seen.
boot_plan() {
	case $1 in directory | tar) ;; *) return 0 ;; esac
	boot_find "$1" "$2" "$2"
	[ "$1" = tar ] || boot_check "$2/boot/$boot_kernel" "$2"
	kernel=$3/vmlinuz
	[ -n "$boot_ramdisk" ] || return 0
	[ "$1" = tar ] || boot_check "$2/boot/$boot_ramdisk" "$2"
	ramdisk=$3/initrd
}

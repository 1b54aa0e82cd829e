# shellcheck shell=sh
# Storage for domains' disks: logical volumes, thin ones, files. A PLACE is where disks
# are made: thin:VG/POOL, volume:VG or file:DIRECTORY.
#
# Needs: $DEV and host_setting (host.sh), the steps (steps.sh).
# Gives: storage_find, disk_path, disk_make, disk_clear, disk_free, disk_size,
# reads_as_zeros, open_disk, close_disk, volume_remover.

# volume_attributes VG/NAME: prints LVM's attributes.
volume_attributes() {
	lvs --noheadings -o lv_attr "$1" 2>/dev/null | tr -d ' '
}

# is_pool VG/NAME: true for a thin pool.
is_pool() {
	case $(volume_attributes "$1") in t*) ;; *) return 1 ;; esac
}

# storage_default: prints storage= of host.conf, or else the only thin pool, or else the
# only volume group.
storage_default() {
	found=$(host_setting storage)
	if [ -n "$found" ]; then
		printf '%s\n' "$found"
		return
	fi
	found=$(lvs --noheadings -o vg_name,lv_name -S 'lv_attr=~^t' 2>/dev/null | awk '{ print $1 "/" $2 }')
	[ -n "$found" ] || found=$(vgs --noheadings -o vg_name 2>/dev/null | awk '{ print $1 }')
	# shellcheck disable=SC2086 # names
	set -- $found
	[ $# -le 1 ] || fail "cannot choose the storage: there are $*; name one with --storage"
	[ $# = 1 ] || fail "cannot choose the storage: there is no volume group; create one with vgcreate, or name a directory with --storage"
	printf '%s\n' "$1"
}

# storage_find WANTED: prints the PLACE of that name; without a name, the default one.
storage_find() {
	wanted=$1
	# dom0's shell goes on in a command substitution after a failure, whatever set -e says.
	[ -n "$wanted" ] || wanted=$(storage_default) || exit 1
	case $wanted in
	/*)
		[ -d "$wanted" ] || fail "--storage $wanted: no such directory"
		# BusyBox lacks names for overlay, tmpfs and ramfs: use their numbers.
		case $(stat -f -c %t "$wanted") in
		794c7630 | 1021994 | 858458f6)
			warn "--storage $wanted: this directory is in memory, and the disk is lost when the host restarts"
			;;
		esac
		printf 'file:%s\n' "$wanted"
		;;
	*/*)
		is_pool "$wanted" || fail "--storage $wanted: no such thin pool"
		printf 'thin:%s\n' "$wanted"
		;;
	*)
		vgs "$wanted" >/dev/null 2>&1 || fail "--storage $wanted: no such volume group"
		printf 'volume:%s\n' "$wanted"
		;;
	esac
}

# reads_as_zeros PLACE: true if a new disk there does: a file, or a thin volume in a pool
# that zeroes new blocks.
reads_as_zeros() {
	case $1 in
	file:*) ;;
	thin:*) case $(volume_attributes "${1#*:}") in ???????z*) ;; *) return 1 ;; esac ;;
	*) return 1 ;;
	esac
}

# volume_of PLACE NAME: prints VG/NAME.
volume_of() {
	group=${1#*:}
	printf '%s\n' "${group%%/*}/$2"
}

# disk_path PLACE NAME: prints the disk's path.
disk_path() {
	case $1 in
	file:*) printf '%s\n' "${1#*:}/$2.img" ;;
	*) printf '%s\n' "$DEV/$(volume_of "$1" "$2")" ;;
	esac
}

# disk_free DISK: fails if the disk exists already.
disk_free() {
	[ ! -e "$1" ] || fail "cannot create $1: it exists already; choose another name, or remove it"
}

# volume_remover VG/NAME: prints its undo step.
volume_remover() {
	quoted lvremove -q -y "$1"
}

# copies VG: prints the options of lvcreate for a volume on both disks of a mirrored host, if
# the group is one that xenith install has made on two.
copies() {
	case ",$(vgs --noheadings -o vg_tags "$1" 2>/dev/null | tr -d ' ')," in
	*,xenith-mirror,*) echo --type raid1 -m 1 ;;
	esac
}

# disk_make PLACE NAME BYTES: makes an empty disk.
disk_make() {
	new_disk=$(disk_path "$1" "$2")
	disk_free "$new_disk"
	case $1 in
	file:*)
		undo rm -f "$new_disk"
		try "create $new_disk" truncate -s "$3" "$new_disk"
		made file "$new_disk"
		return
		;;
	thin:*) set -- "$1" "$2" lvcreate -q -y -W n -V "${3}b" -T "${1#*:}" -n "$2" ;;
	volume:*)
		# shellcheck disable=SC2046 # words
		set -- "$1" "$2" lvcreate -q -y -W n $(copies "${1#*:}") -L "${3}b" -n "$2" "${1#*:}"
		;;
	esac
	new_volume=$(volume_of "$1" "$2")
	shift 2
	step "create the volume $new_disk" "$(volume_remover "$new_volume")" "$@"
	made volume "$new_volume"
}

# disk_clear PLACE DISK FROM: writes zeros from the MiB that holds this byte. A thick
# volume still holds an earlier volume's data, which the guest must not read; other disks
# are empty when made.
disk_clear() {
	case $1 in volume:*) ;; *) return 0 ;; esac
	first=$(($3 / 1048576))
	count=$(($(disk_size "$2") / 1048576 - first))
	[ $count -gt 0 ] || return 0
	[ $count -lt 1024 ] || warn "writing zeros to $2 ($((count / 1024)) GiB)"
	try "write zeros to $2" dd if=/dev/zero of="$2" bs=1M seek=$first count=$count conv=notrunc
}

# disk_size PATH: in bytes.
disk_size() {
	if [ -b "$1" ]; then
		blockdev --getsize64 "$1"
	else
		stat -L -c %s "$1"
	fi
}

# open_disk TYPE DISK DIRECTORY [ro]: mounts it until close_disk.
open_disk() {
	loop=
	[ -b "$2" ] || loop=,loop
	mkdir -p "$3"
	step "mount $2" "$(quoted umount "$3")" mount -t "$1" -o "${4:-rw}$loop" "$2" "$3"
}

# close_disk DISK DIRECTORY
close_disk() {
	try "unmount $1" umount "$2"
	undone "$(quoted umount "$2")"
}

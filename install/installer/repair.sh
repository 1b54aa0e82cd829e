# shellcheck shell=sh disable=SC2154 # $work, and what the other parts set
# A new disk for a mirrored host that has lost one: a copy of the one that runs. It belongs to
# the mirror once all of it is written, and from then on the lost one does not.
#
# Needs: the other parts, slots.sh, identity.sh, the store.
# Gives: repair_start, repair.

# repair_start: fails unless this host is mirrored and has one disk. Sets $present to it.
repair_start() {
	is_installed ||
		fail "cannot repair: this is a live system; boot the mirrored host, which starts from the disk that is left"
	find_slots
	[ -e "$MIRROR_STATE" ] ||
		fail "cannot repair: this host is installed on one disk ($disk), and not mirrored"
	# The configuration of a disk that was taken out is still mounted.
	in_use=$(sed -n 's/^disks=//p' "$MIRROR_STATE")
	only_volumes=
	case $in_use in
	*' '*)
		[ "$(vgs --noheadings -o vg_missing_pv_count -S vg_tags=xenith-mirror 2>/dev/null | grep -cv '^ *0$')" != 0 ] ||
			fail "cannot repair: both disks of the mirror are in use ($in_use); take the faulty one out and restart the host"
		only_volumes=yes
		return
		;;
	esac
	drive_needed
	present=$disk
	[ "$(config_disk)" = "$present" ] ||
		fail "cannot repair: the configuration in use is not on $present, which is the disk that is left; restart the host first"
	read_state || fail "cannot repair: the boot state on $esp is unreadable: $why"
	said=$("$LIBRARY/slot" check "$(device_of "$committed")" 2>&1) ||
		fail "cannot repair: slot $committed of $present, which is committed, is damaged ($(printf '%s\n' "$said" | tail -n 1)); install a version there first: xenith install $present from its medium, or xenith update"
	# An update would change what is copied.
	lock_slots -n || fail "cannot repair: an update is at work; wait until it has ended"
}

# slot_clone SLOT NAME: copies a slot, if it is right.
slot_clone() {
	from_slot=$(partition "$present" "xenith-$1")
	"$LIBRARY/slot" check "$from_slot" >/dev/null 2>&1 || {
		say "slot $1 of $present is empty or damaged, and not copied"
		return
	}
	part_clone "xenith-$1" "$2" "slot $1"
}

# part_clone LABEL NAME WHAT: copies a partition, its first block last, and reads it back.
part_clone() {
	part_from=$(partition "$present" "$1")
	bytes=$(device_bytes "$part_from")
	part_to=$(partition "$2" "$1")
	# In a pipe the function runs in a subshell, and a read that fails is not seen.
	dd if="$part_from" bs=1048576 2>/dev/null | write_image "$part_to" "$bytes" "$3"
	blockdev --flushbufs "$part_to" 2>/dev/null || :
	try "compare $3 with its copy on $part_to" cmp "$part_from" "$part_to"
}

# installation_put DIRECTORY: writes the mirror's new line there.
installation_put() {
	{
		sed '/^mirror=/d' "$DRIVE/installation"
		printf 'mirror=%s\n' "$mirror"
	} | identity_put "$1/installation" || fail "cannot bring $chosen in: $why"
}

# config_clone NAME: the same file system, with another line about the mirror.
config_clone() {
	node=$(partition "$1" XENITH-CFG)
	try "make the file system of the configuration on $node" \
		mke2fs -q -F -t ext4 -O ^metadata_csum -L XENITH-CFG -U "$(cmdline_value xenith.config_drive)" -E root_owner=0:0 -d "$DRIVE" "$node"
	blockdev --flushbufs "$node" 2>/dev/null || :
	try "read the configuration back from $node" e2fsck -fn "$node"
}

# group_of DEVICE: prints its volume group.
group_of() {
	pvs --noheadings -o vg_name "$1" 2>/dev/null | tr -d ' '
}

# group_repair GROUP DEVICE: the device takes the place of the one that is missing.
group_repair() {
	if [ "$(group_of "$2")" != "$1" ]; then
		wipe "$2" && pvcreate -q -y -ff "$2" && vgextend -q "$1" "$2" || return 1
	fi
	for volume in $(lvs --noheadings -o lv_name -S 'segtype=raid1' "$1" 2>/dev/null); do
		lvconvert -q -y --repair "$1/$volume" || return 1
	done
	vgreduce -q --removemissing "$1"
}

# volumes_too_large: true, with the reason in $why, if the guests' volumes on $present have no
# room on $disk.
volumes_too_large() {
	from_node=$(partition "$present" xenith-data) && [ -n "$(group_of "$from_node")" ] || return 1
	used=$(pvs --noheadings --nosuffix --units b -o pv_used "$from_node" 2>/dev/null | tr -d ' ')
	# The volume group needs some room for itself.
	least=$((${used:-0} + $(needed_bytes) + 8388608))
	[ "$(disk_field "$disk" 2)" -lt "$least" ] || return 1
	why="it is too small for the guests' volumes on $present: $(show_bytes "$least") are needed"
}

# volumes_repair NAME: the guests' volumes get their second copy back.
volumes_repair() {
	node=$(partition "$1" xenith-data) || return 0
	from_node=$(partition "$present" xenith-data) || return 0
	group=$(group_of "$from_node")
	if [ -z "$group" ]; then
		# The installation could not make it.
		[ -n "$(blkid "$from_node")" ] || data_make "$present" "$1"
		return
	fi
	if group_repair "$group" "$node" >"$work/said" 2>&1; then
		say "volume group $group: $node is in, and the guests' volumes are copied to it in the background (lvs -a $group)"
	else
		say "xenith: install: warning: the system is mirrored, but the guests' volumes are not ($(tail -n 1 "$work/said")): see lvmraid(7), volume group $group, $node"
	fi
}

# repair_volumes: the mirror has both of its disks, and the volume group one.
repair_volumes() {
	case " $in_use " in
	*" $chosen "*) ;;
	*) fail_with_list "cannot use $chosen: the mirror has both of its disks ($in_use); only guests' volumes are incomplete: name the disk that the volume group lacks" ;;
	esac
	# shellcheck disable=SC2086 # names
	present=$(without "$chosen" $in_use)
	[ -n "$(group_of "$(partition "$present" xenith-data)")" ] ||
		fail_with_list "cannot use $chosen: the volume group is on it, and not on $present"
	[ -z "$dry_run" ] || return 0
	confirm "put the guests' volumes on it"
	volumes_repair "$chosen"
	result repaired
}

repair() {
	if [ -n "$only_volumes" ]; then
		repair_volumes
		return
	fi
	disk=$chosen
	[ "$disk" != "$present" ] || fail_with_list "cannot use $disk: this host runs from it"
	# A disk that was dropped may still have its configuration mounted.
	if [ "$(mounted_at "$disk")" = "$DRIVE.mirror" ]; then umount "$DRIVE.mirror"; fi
	if target_refused "$disk" || mirror_refused "$present" "$disk"; then fail_with_list "cannot use $disk: $why"; fi
	! volumes_too_large || fail_with_list "cannot use $disk: $why"
	data=none
	! partition "$present" xenith-data >/dev/null || data=lvm
	disk_show "$disk"
	echo "$disk is erased, and becomes a copy of $present"
	[ -z "$dry_run" ] || return 0
	confirm "erase it"
	alone
	disk=$chosen
	disk_free_of_users "$disk"
	identity_of "/dev/$present" || fail "cannot read the identifier of $present: $why"
	number=$(mirror_of "$DRIVE")
	added=$(new_guid)
	mirror="$(printf '%08d' $(($(plain_number "${number%% *}") + 1))) $guid $added"
	disk_prepare "$disk" "$added"
	slot_clone a "$disk"
	slot_clone b "$disk"
	config_clone "$disk"
	! boots_by_bios "$disk" || part_clone xenith-bios "$disk" "the boot loader"
	part_clone xenith-esp "$disk" "the EFI partition"
	head -c 440 "/dev/$present" >"$work/boot.img"
	! boots_by_bios "$disk" || boot_code_write "$disk" "$work/boot.img"
	undone "$(quoted spoil "$disk")"
	mkdir -p "$DRIVE.mirror"
	try "mount the configuration of $disk" mount -o nosuid,nodev,noexec "$(partition "$disk" XENITH-CFG)" "$DRIVE.mirror"
	installation_put "$DRIVE.mirror"
	try "make the configuration of $disk read-only" mount -o remount,ro "$DRIVE.mirror"
	drive_write
	installation_put "$DRIVE"
	drive_close
	echo "disks=$present $disk" >"$MIRROR_STATE"
	volumes_repair "$disk"
	say "$disk is in the mirror with $present"
	result repaired
}

# shellcheck shell=sh disable=SC2154 # $work
# Why a disk must not be written to.
#
# Needs: disks.sh, slots.sh, domain/host.sh, $medium_id (source.sh), $force.
# Gives: target_refused, target_small, target_sectors, mirror_refused, upgrade_refused; they set $why.

# numbers_of NAME: prints MAJOR:MINOR of a block device, of its partitions, and of all that
# is made of them.
numbers_of() {
	read -r block_number <"/sys/class/block/$1/dev"
	printf '%s\n' "$block_number"
	for above in "/sys/class/block/$1/"*/partition "/sys/class/block/$1/holders"/*; do
		[ -e "$above" ] || continue
		above=${above%/partition}
		(numbers_of "${above##*/}")
	done
}

# holders_of NAME: prints the names of what is made of a disk or its partitions.
holders_of() {
	for holder in "/sys/class/block/$1/holders"/* "/sys/class/block/$1/"*/holders/*; do
		[ -e "$holder" ] || continue
		holder=${holder##*/}
		attribute "/sys/class/block/$holder/dm/name" || :
		[ -e "/sys/class/block/$holder/dm/name" ] || printf '%s\n' "$holder"
	done
}

# is_medium NAME: true if this system was booted from the disk, or it carries the same
# identifier.
is_medium() {
	[ -n "$medium_id" ] || return 1
	for device in "$1" $(partitions_of "$1"); do
		[ "$(tag "$device" ' LABEL')" != "$medium_id" ] || return 0
	done
	return 1
}

# mounted_at NAME: prints where the device, or something on it, is mounted.
mounted_at() {
	numbers_of "$1" >"$work/numbers"
	awk 'FILENAME == ARGV[1] { of[$1]; next } $3 in of { print $5 }' "$work/numbers" /proc/self/mountinfo
}

# is_swap NAME: true if the disk or a partition is swapped to.
is_swap() {
	for device in "$1" $(partitions_of "$1"); do
		! grep -q "^/dev/${device}[[:space:]]" /proc/swaps 2>/dev/null || return 0
	done
	return 1
}

# given_to NAME: prints the domain that has the disk or a part of it, now or by its file.
given_to() {
	numbers_of "$1" >"$work/decimal"
	# shellcheck disable=SC2046 # names
	given_among "$1" $(partitions_of "$1")
}

# slots_given_to NAME: the same of an installed disk as a whole, and of what an upgrade
# writes: guests may have the rest.
slots_given_to() {
	set -- "$1"
	for given_label in xenith-esp xenith-a xenith-b; do
		given_node=$(partition "$1" $given_label)
		set -- "$@" "${given_node##*/}"
	done
	for given_name; do
		cat "/sys/class/block/$given_name/dev"
	done >"$work/decimal"
	given_among "$@"
}

# given_among NAME...: prints the domain that has one of these devices, or one with a number
# of $work/decimal (MAJOR:MINOR).
given_among() {
	printf '/dev/%s\n' "$@" >"$work/paths"
	# As the block scripts write them to xenstore.
	while IFS=: read -r major minor; do
		printf '%x:%x\n' "$major" "$minor"
	done <"$work/decimal" >"$work/numbers"
	# .../backend/KIND/DOMAIN/DEVICE/params = "PATH"
	timeout 20 xenstore-ls -f /local/domain/0/backend 2>/dev/null | awk -v numbers="$work/numbers" -v paths="$work/paths" '
		BEGIN {
			while ((getline line < numbers) > 0) number[line]
			while ((getline line < paths) > 0) path[line]
		}
		{
			split($1, part, "/")
			value = $0
			sub(/^[^"]*"/, "", value)
			sub(/"$/, "", value)
			if (part[9] == "physical-device" && !(value in number)) next
			if (part[9] == "params") sub(/^[a-z0-9]*:/, "", value)
			if (part[9] ~ /^(params|physical-device-path)$/ && !(value in path)) next
			if (part[9] ~ /^(params|physical-device|physical-device-path)$/) { print part[7]; exit }
		}' >"$work/owner"
	if read -r owner <"$work/owner"; then
		owner=$(timeout 20 xenstore-read "/local/domain/$owner/name" 2>/dev/null) || read -r owner <"$work/owner"
		echo "the running domain $owner" >"$work/owner"
	fi
	[ -s "$work/owner" ] || for file in "$CONFIG"/domains/*.cfg; do
		[ -e "$file" ] || continue
		xenith file-facts "$file" 2>/dev/null | disks_of | cut -f 2 >"$work/wanted"
		while read -r wanted; do
			case $wanted in /*) wanted=$(readlink -f "$wanted" 2>/dev/null) || continue ;; esac
			! grep -qxF -e "$wanted" "$work/paths" || printf 'the domain of %s\n' "$file"
		done <"$work/wanted"
	done >"$work/owner"
	head -n 1 "$work/owner"
}

# needed_bytes: what the layout needs, and a MiB at each end.
needed_bytes() {
	sh "$LIBRARY/partitions.sh" "$LAYOUT" | awk '$4 != "-" { end = $3 + $4 } END { printf "%.0f\n", (end + 2048) * 512 }'
}

# target_small NAME: true if the disk is too small.
target_small() {
	: "${needed:=$(needed_bytes)}"
	[ "$(disk_field "$1" 2)" -lt "$needed" ] || return 1
	why="it is too small: $(show_bytes "$needed") are needed"
}

# target_sectors NAME: true if this machine would not boot the disk because of the size of its
# sectors: a BIOS knows 512 bytes only.
target_sectors() {
	case $(disk_field "$1" 7) in
	512) return 1 ;;
	4096)
		if [ -n "${force:-}" ] || [ -d /sys/firmware/efi ]; then return 1; fi
		why="it has sectors of 4096 bytes, from which only UEFI boots, and this machine was booted by BIOS: switch the firmware to UEFI and boot again; --force installs for another machine; some disks can be reformatted to 512 (nvme format, sg_format, on another system)"
		;;
	*) why="it has sectors of $(disk_field "$1" 7) bytes; disks with 512 and with 4096 can be used" ;;
	esac
}

# mirror_refused NAME NAME2: true if the two cannot be a mirror. Guests' volumes on both would
# have the larger sectors, with which a guest no longer reads what it wrote with the smaller
# ones, so LVM makes no volume group of both.
mirror_refused() {
	[ "$(disk_field "$1" 7)" != "$(disk_field "$2" 7)" ] || return 1
	why="$1 has sectors of $(disk_field "$1" 7) bytes, and $2 of $(disk_field "$2" 7): the disks of a mirror must have the same size of sectors"
}

# target_busy NAME: true if something uses the disk.
target_busy() {
	where=$(mounted_at "$1" | head -n 1)
	if [ "$where" = "$DRIVE" ] && is_installed; then
		why="this host runs from it"
	elif [ "$where" = "$DRIVE" ]; then
		why="it holds the configuration that this system uses; to install with that: xenith config export /root/host.tar; umount $DRIVE; xenith install ${1##*/} --config /root/host.tar"
	elif [ -n "$where" ]; then
		why="it is mounted on $where"
	elif is_swap "$1"; then
		why="this system swaps to it"
	else
		owner=$(given_to "$1")
		holders=$(holders_of "$1" | xargs)
		if [ -n "$owner" ]; then
			why="it belongs to $owner"
		elif [ -n "$holders" ]; then
			why="it is in use by LVM or md ($holders); deactivate these first (vgchange -an GROUP, or boot with xenith.volumes=no)"
		else
			return 1
		fi
	fi
}

# target_refused NAME: true, with the reason in $why, if the disk must not be erased.
target_refused() {
	if is_medium "$1"; then
		why="this system was booted from it, or it is a copy of that medium ($medium_id)"
	elif [ "$(disk_field "$1" 8)" = 1 ]; then
		why="it is read-only"
	elif ! target_small "$1" && ! target_sectors "$1" && ! target_busy "$1"; then
		return 1
	fi
}

# upgrade_refused NAME: the same for an installed disk whose configuration and guests stay:
# these may be in use.
upgrade_refused() {
	if is_medium "$1"; then
		why="this system was booted from it, or it is a copy of that medium ($medium_id)"
		return
	elif [ "$(disk_field "$1" 8)" = 1 ]; then
		why="it is read-only"
		return
	fi
	owner=$(slots_given_to "$1")
	if [ -n "$owner" ]; then
		why="it belongs to $owner"
		return
	fi
	for name in xenith-esp xenith-a xenith-b; do
		device=$(partition "$1" $name)
		where=$(mounted_at "${device##*/}" | head -n 1)
		if [ -n "$where" ]; then
			why="$device ($name) is mounted on $where"
			return
		fi
	done
	return 1
}

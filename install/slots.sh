# shellcheck shell=sh
# The two slots of an installed host: where they are, and what is in them. Sourced by the
# programs that update the host and by the boot; each has its own `fail MESSAGE`, which does
# not return.

LIBRARY=/usr/lib/xenith
# What is in the slots, for `xenith status` and `xenith version`.
SUMMARY=/run/xenith/slots

# cmdline_value WORD: the value of WORD=VALUE on the kernel's command line, if it is there.
cmdline_value() {
	read -r words </proc/cmdline
	for word in $words; do
		case $word in
		"$1"=*)
			printf '%s\n' "${word#*=}"
			return
			;;
		esac
	done
}

# partition DISK NAME: the device of the partition with that name in the disk's GPT; false
# if there is none.
partition() {
	for file in /sys/class/block/"$1"/*/uevent; do
		if grep -qx "PARTNAME=$2" "$file" 2>/dev/null; then
			file=${file%/uevent}
			echo "/dev/${file##*/}"
			return
		fi
	done
	return 1
}

# has_slots DISK: true if the disk has the partitions of an installed host.
has_slots() {
	partition "$1" xenith-esp && partition "$1" xenith-a && partition "$1" xenith-b
} >/dev/null

# config_disk: the disk of the configuration drive. The boot loader names that drive by its
# UUID, so it is on the disk that was booted.
config_disk() {
	device=$(awk '$2 == "/run/xenith/sources/drive" { print $1 }' /proc/mounts)
	name=${device##*/}
	[ -e "/sys/class/block/$name/partition" ] || return 1
	name=$(cd -P "/sys/class/block/$name/.." && echo "${PWD##*/}")
	has_slots "$name" && echo "$name"
}

# only_disk: the disk with slots, if there is exactly one: the configuration drive may be
# damaged, and the host must be able to go back all the same.
only_disk() {
	found=
	for name in /sys/class/block/*; do
		name=${name##*/}
		has_slots "$name" || continue
		[ -z "$found" ] || return 1
		found=$name
	done
	[ -n "$found" ] && echo "$found"
}

# is_installed: true if this system was booted from a slot.
is_installed() {
	case $(cmdline_value xenith.slot) in a | b) ;; *) return 1 ;; esac
}

# find_slots: sets $running (a or b) and $disk, $esp, $slot_a and $slot_b (devices).
find_slots() {
	is_installed ||
		fail "this host runs from a live image, which has no slots: install it on a disk first"
	running=$(cmdline_value xenith.slot)
	disk=$(config_disk) || disk=$(only_disk) ||
		fail "cannot tell which disk was booted: the XENITH-CFG drive is on none with the partitions xenith-esp, xenith-a and xenith-b, and not exactly one disk has them"
	esp=$(partition "$disk" xenith-esp)
	slot_a=$(partition "$disk" xenith-a)
	slot_b=$(partition "$disk" xenith-b)
}

# device_of SLOT
device_of() {
	case $1 in a) printf '%s\n' "$slot_a" ;; b) printf '%s\n' "$slot_b" ;; esac
}

# other SLOT
other() {
	case $1 in a) echo b ;; b) echo a ;; esac
}

# device_bytes DEVICE: prints its size. Tests have files.
device_bytes() {
	if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -L -c %s "$1"; fi
}

# read_state: sets $committed, $try, $pending, $failed, $options and $tryoptions; false, with
# the reason in $why, if the boot state cannot be read.
read_state() {
	why=
	state=$("$LIBRARY/slot" state "$esp" 2>&1) || {
		why=$(printf '%s\n' "$state" | tail -n 1)
		return 1
	}
	committed=$(state_of slot)
	try=$(state_of try)
	pending=$(state_of pending)
	failed=$(state_of failed)
	options=$(state_of options)
	tryoptions=$(state_of tryoptions)
	case $committed in
	a | b) ;;
	*)
		why="$esp: the boot state names no slot"
		return 1
		;;
	esac
}

# state_of KEY: its value in $state.
state_of() {
	printf '%s\n' "$state" | sed -n "s/^$1=//p"
}

# manifest_of SLOT FILE: writes the slot's manifest there; false if it is not a right one.
manifest_of() {
	"$LIBRARY/slot" cat "$(device_of "$1")" manifest 2>/dev/null | head -c 4096 >"$2"
	awk -f "$LIBRARY/manifest.awk" "$2" >/dev/null
}

# value_on DEVICE KEY: version or order in the manifest of a slot; nothing if that is
# unreadable.
value_on() {
	"$LIBRARY/slot" cat "$1" manifest 2>/dev/null | head -c 4096 |
		awk -f "$LIBRARY/manifest.awk" | sed -n "s/^$2=//p"
}

# value_in SLOT KEY: the same of a slot of this host.
value_in() {
	value_on "$(device_of "$1")" "$2"
}

# version_of SLOT: for messages.
version_of() {
	version=$(value_in "$1" version)
	printf '%s\n' "${version:-unknown}"
}

# write_summary: writes what the state is now, for those who may not read the disk.
write_summary() {
	read_state || {
		rm -f "$SUMMARY"
		return
	}
	{
		printf 'running=%s\ncommitted=%s\ntry=%s\npending=%s\nfailed=%s\n' \
			"$running" "$committed" "$try" "$pending" "$failed"
		printf 'version_a=%s\nversion_b=%s\n' "$(value_in a version)" "$(value_in b version)"
		# Those that the boot loader passes, and that itself: options.sh, boot-loader.sh.
		cat /run/xenith/options /run/xenith/loader 2>/dev/null || :
	} >"$SUMMARY.new"
	mv "$SUMMARY.new" "$SUMMARY"
}

# set_state KEY=VALUE...: changes the boot state; false, with the reason in $why.
set_state() {
	if said=$("$LIBRARY/slot" set "$esp" "$@" 2>&1); then
		write_summary
	else
		why=$(printf '%s\n' "$said" | tail -n 1)
		return 1
	fi
}

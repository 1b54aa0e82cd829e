# shellcheck shell=sh
# The two slots of an installed host: where they are, and what is in them. Sourced by the
# programs that update the host and by the boot; each has its own `fail MESSAGE`, which does
# not return.

LIBRARY=/usr/lib/xenith
# What is in the slots, for `xenith status` and `xenith version`.
SUMMARY=/run/xenith/slots
# On a host that is mirrored on two disks: disks=NAME..., those in use, and a line
# degraded=REASON for each that is not. The boot writes it (30-config).
MIRROR_STATE=/run/xenith/mirror
# Exists once the slot that this system was booted from has been overwritten.
OVERWRITTEN=/run/xenith/slot-overwritten
# On the configuration drive, by the trial: VERSION: REASON of the last update that failed.
FAILURE=/run/xenith/sources/drive/update/failed

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
		while read -r line; do
			[ "$line" = "PARTNAME=$2" ] || continue
			file=${file%/uevent}
			echo "/dev/${file##*/}"
			return
		done 2>/dev/null <"$file" || :
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

# mirror_disks: prints the disks of a mirror that are in use, without one that was taken out;
# false if there is no mirror.
mirror_disks() {
	[ -e "$MIRROR_STATE" ] || return 1
	sed -n 's/^disks=//p' "$MIRROR_STATE" 2>/dev/null | tr ' ' '\n' | while read -r name; do
		! has_slots "$name" || printf '%s\n' "$name"
	done | xargs | grep .
}

# without NAME WORD...: prints the words but that one.
without() {
	left_out=$1
	shift
	printf '%s\n' "$@" | grep -vx "$left_out" | xargs
}

# use_disks NAME...: sets $disks to them, and $disk, $esp, $slot_a and $slot_b (devices) to
# the first, which is read; all are written. A host that is not mirrored has one.
use_disks() {
	disks=$*
	disk=$1
	esp=$(partition "$disk" xenith-esp)
	slot_a=$(partition "$disk" xenith-a)
	slot_b=$(partition "$disk" xenith-b)
}

# disks_drop: the disks of $lost, a line "NAME REASON" each, are no longer used: they have
# missed a write. The next boot brings them in step, if they work.
disks_drop() {
	while read -r lost_disk lost_why <&6; do
		echo "xenith: warning: the mirror is degraded: $lost_disk: $lost_why" >&2
		# shellcheck disable=SC2086 # names
		disks=$(without "$lost_disk" $disks)
		{
			echo "disks=$disks"
			sed -n '/^degraded=/p' "$MIRROR_STATE" 2>/dev/null || :
			echo "degraded=$lost_disk: $lost_why"
		} >"$MIRROR_STATE.new"
		mv "$MIRROR_STATE.new" "$MIRROR_STATE"
	done 6<<-END
		$lost
	END
	# shellcheck disable=SC2086 # names
	use_disks $disks
}

# on_disks FUNCTION WORD...: calls FUNCTION DISK WORD... for each of $disks. Where it fails,
# with the reason in $why, the disk is dropped, unless it has failed on all: then it is false.
# $lost has a line "NAME REASON" for each that has failed.
on_disks() {
	on_function=$1
	shift
	lost=
	worked=
	for on_disk in $disks; do
		if "$on_function" "$on_disk" "$@"; then
			worked=yes
		else
			lost="$lost${lost:+
}$on_disk $why"
		fi
	done
	[ -n "$worked" ] || return 1
	[ -z "$lost" ] || disks_drop
}

# runs_another: true if this system is none of the slots': its own was overwritten since, or
# the boot loader has started a disk of a mirror that was not in step.
runs_another() {
	[ ! -e "$OVERWRITTEN" ] || return 0
	[ -e "$MIRROR_STATE" ] && [ "$(version_of "$running")" != "$(sed -n 's/^VERSION_ID=//p' /etc/os-release)" ]
}

# running_slot: prints the slot that holds the running system; nothing if none does.
running_slot() {
	runs_another || echo "$running"
}

# update_on_trial: true if this boot is the trial of an update. A slot that somebody has chosen
# in the boot menu is on no trial. After read_state.
update_on_trial() {
	[ "$pending" = "$running" ] && [ -n "$(cmdline_value xenith.try)" ] && ! runs_another
}

# find_slots: sets $running (a or b), and what use_disks sets.
find_slots() {
	is_installed ||
		fail "this host runs from a live image, which has no slots: install it on a disk first"
	running=$(cmdline_value xenith.slot)
	disks=$(mirror_disks) || disks=$(config_disk) || disks=$(only_disk) ||
		fail "cannot tell which disk was booted: the XENITH-CFG drive is on none with the partitions xenith-esp, xenith-a and xenith-b, and not exactly one disk has them"
	# shellcheck disable=SC2086 # names
	use_disks $disks
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

# states_read: sets $state to the boot state of $disks. The one with the greatest number
# counts. A disk of the same number whose mark is cleared has been booted: its boot loader
# has cleared it, and could not write to the others.
states_read() {
	why=
	all_states=
	for state_disk in $disks; do
		if said=$("$LIBRARY/slot" state "$(partition "$state_disk" xenith-esp)" 2>&1); then
			all_states="$all_states$said
"
		else
			why=$(printf '%s\n' "$said" | tail -n 1)
		fi
	done
	[ -n "$all_states" ] || return 1
	state=$(printf '%s' "$all_states" | awk '
		/^seq=/ {
			number = substr($0, 5)
			if (number > greatest) {
				greatest = number
				cleared = cleared_options = cleared_menu = 0
			}
		}
		number != greatest { next }
		$0 == "try=" { cleared = 1 }
		$0 == "tryoptions=" { cleared_options = 1 }
		$0 == "menu=" { cleared_menu = 1 }
		{ key = substr($0, 1, index($0, "=") - 1); value[key] = substr($0, index($0, "=") + 1) }
		END {
			value["seq"] = greatest
			if (cleared) value["try"] = ""
			if (cleared_options) value["tryoptions"] = ""
			if (cleared_menu) value["menu"] = ""
			for (key in value) print key "=" value[key]
		}')
}

# read_state: sets $committed, $try, $pending, $failed, $options, $tryoptions and $menu; false,
# with the reason in $why, if the boot state cannot be read.
read_state() {
	states_read || return 1
	committed=
	try=
	pending=
	failed=
	options=
	tryoptions=
	menu=
	# Without a process for each: the trial reads it every few seconds.
	while IFS='=' read -r state_key state_value; do
		case $state_key in
		slot) committed=$state_value ;;
		try) try=$state_value ;;
		pending) pending=$state_value ;;
		failed) failed=$state_value ;;
		options) options=$state_value ;;
		tryoptions) tryoptions=$state_value ;;
		menu) menu=$state_value ;;
		esac
	done <<-END
		$state
	END
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

# manifest_on DEVICE FILE: writes a slot's manifest there; false if it is not a right one.
manifest_on() {
	"$LIBRARY/slot" cat "$1" manifest 2>/dev/null | head -c 4096 >"$2"
	awk -f "$LIBRARY/manifest.awk" "$2" >/dev/null
}

# manifest_of SLOT FILE: the same of a slot of this host.
manifest_of() {
	manifest_on "$(device_of "$1")" "$2"
}

# value_on DEVICE KEY: version or order in the manifest of a slot; nothing if that is
# unreadable.
value_on() {
	"$LIBRARY/slot" cat "$1" manifest 2>/dev/null | head -c 4096 |
		awk -f "$LIBRARY/manifest.awk" | sed -n "s/^$2=//p"
}

# value_in SLOT KEY: the same of a slot of this host, of the first disk that can be read.
value_in() {
	for value_disk in $disks; do
		value_found=$(value_on "$(partition "$value_disk" "xenith-$1")" "$2")
		[ -z "$value_found" ] || break
	done
	printf '%s\n' "$value_found"
}

# version_of SLOT: for messages.
version_of() {
	version=$(value_in "$1" version)
	printf '%s\n' "${version:-unknown}"
}

# failure_reason: prints why $failed has failed, if the trial could tell.
failure_reason() {
	[ -n "$failed" ] && read -r failure 2>/dev/null <"$FAILURE" || return 0
	case $failure in "$failed: "*) printf '%s\n' "${failure#"$failed: "}" ;; esac
}

# slot_problem SLOT: prints the first fault found on any disk; nothing if the slot is intact.
# A slot that was never written is `empty`.
slot_problem() {
	for said_disk in $disks; do
		said_device=$(partition "$said_disk" "xenith-$1")
		said=$("$LIBRARY/slot" check "$said_device" 2>&1) && continue
		if [ "$(dd if="$said_device" bs=4096 count=1 2>/dev/null | wc -c)" = 4096 ] &&
			[ "$(dd if="$said_device" bs=4096 count=1 2>/dev/null | tr -d '\0' | wc -c)" = 0 ]; then
			echo empty
		else
			echo "damaged: $(printf '%s\n' "$said" | tail -n 1)"
		fi
		return
	done
}

# write_summary: writes what the state is now, for those who may not read the disk.
write_summary() {
	read_state || {
		rm -f "$SUMMARY"
		return
	}
	{
		printf 'running=%s\ncommitted=%s\ntry=%s\npending=%s\nfailed=%s\n' \
			"$(running_slot)" "$committed" "$try" "$pending" "$failed"
		printf 'reason=%s\n' "$(failure_reason)"
		printf 'version_a=%s\nversion_b=%s\n' "$(value_in a version)" "$(value_in b version)"
		# Those that the boot loader passes, and that itself: options.sh, boot-loader.sh.
		cat /run/xenith/options /run/xenith/loader 2>/dev/null || :
	} >"$SUMMARY.new"
	mv "$SUMMARY.new" "$SUMMARY"
}

# lock_slots [-n]: only this process changes slots and the boot state, until it ends or has
# closed descriptor 8; with -n, false if another one does.
lock_slots() {
	exec 8>/run/xenith/update.lock
	flock "$@" -x 8
}

# slot_try WORD...: runs the program slot, which prints nothing that matters; false, with the
# reason in $why.
slot_try() {
	said=$("$LIBRARY/slot" "$@" 2>&1) || {
		why=$(printf '%s\n' "$said" | tail -n 1)
		return 1
	}
}

# state_put DISK KEY=VALUE...: changes the boot state there; false, with the reason in $why.
state_put() {
	state_esp=$(partition "$1" xenith-esp)
	shift
	slot_try set "$state_esp" "$@"
}

# seq_after COUNT: prints the number of $state, increased by COUNT.
seq_after() {
	last_seq=$(state_of seq)
	last_seq=${last_seq#"${last_seq%%[!0]*}"}
	printf '%08d\n' $((${last_seq:-0} + $1))
}

# whole_state: prints $state as arguments of `slot set`, with the next number. Disks that
# get it are in step, whatever they held.
whole_state() {
	printf 'seq=%s\n' "$(seq_after 1)"
	printf '%s\n' "$state" | grep -E '^(slot|try|pending|failed|options|tryoptions|menu)='
}

# set_state KEY=VALUE...: changes the boot state; false, with the reason in $why.
set_state() {
	case $disks in
	*' '*)
		# shellcheck disable=SC2046 # words without blanks
		! states_read || set -- $(whole_state) "$@"
		;;
	esac
	on_disks state_put "$@" && write_summary
}

# shellcheck shell=sh disable=SC2154 # $disks and the state are those of slots.sh
# Brings the disks of a mirror in step, when one was away, or a power cut came between the
# writes to both: the slots, the options and the boot state follow the disk whose state has
# the greatest number. At each moment the other one boots too: its state names a slot that is
# complete. Sourced by the boot after slots.sh and options.sh; find_slots comes first.

# More than the states that disk_follow writes in between: they must not count.
AHEAD=8

# slot_same DISK SLOT: true if the slot there holds the version that it holds on the source.
slot_same() {
	[ "$("$LIBRARY/slot" cat "$(partition "$1" "xenith-$2")" manifest 2>/dev/null)" = \
		"$("$LIBRARY/slot" cat "$(device_of "$2")" manifest 2>/dev/null)" ]
}

# slot_copy DISK SLOT FROM: copies the source's slot FROM there; false, with the reason in
# $why.
slot_copy() {
	copy_to=$(partition "$1" "xenith-$2")
	if said=$({
		dd if="$(device_of "$3")" bs=1048576 2>/dev/null | "$LIBRARY/slot" write "$copy_to" >/dev/null &&
			"$LIBRARY/slot" check "$copy_to"
	} 2>&1); then return; fi
	why="cannot copy slot $3 to $copy_to: $(printf '%s\n' "$said" | tail -n 1)"
	return 1
}

# slots_follow DISK: the committed slot first. If the disk boots that very slot, the other
# one holds a copy of it meanwhile.
slots_follow() {
	rest=$(other "$committed")
	if slot_same "$1" "$committed"; then
		# A damaged slot is never copied.
		if slot_same "$1" "$rest" || ! "$LIBRARY/slot" check "$(device_of "$rest")" >/dev/null 2>&1; then return 0; fi
	fi
	# If that fails, the source is to blame, and not the disk that follows.
	state_put "$disk" seq="$(seq_after "$AHEAD")" || {
		source_failed="$disk: $why"
		return 0
	}
	its_slot=$("$LIBRARY/slot" state "$(partition "$1" xenith-esp)" 2>/dev/null | sed -n 's/^slot=//p')
	if ! slot_same "$1" "$committed"; then
		if [ "$its_slot" != "$rest" ]; then
			state_put "$1" slot="$committed" try= pending= &&
				slot_copy "$1" "$rest" "$committed" && state_put "$1" slot="$rest" || return 1
		fi
		slot_copy "$1" "$committed" "$committed" || return 1
	fi
	state_put "$1" slot="$committed" try= pending= || return 1
	if slot_same "$1" "$rest" || ! "$LIBRARY/slot" check "$(device_of "$rest")" >/dev/null 2>&1; then return 0; fi
	slot_copy "$1" "$rest" "$rest"
}

# disk_follow DISK: false, with the reason in $why, if the disk cannot be written.
disk_follow() {
	[ "$1" != "$disk" ] && [ -z "$source_failed" ] || return 0
	slots_follow "$1" || return 1
	for pair in 0 1; do
		words=$(options_in $pair)
		[ -n "$words" ] || continue
		[ "$words" != "$("$LIBRARY/slot" options "$(partition "$1" xenith-esp)" $pair 2>/dev/null)" ] || continue
		options_put "$1" $pair "$(printf '%s\n' "$words" | sed -n 's/^xen=//p')" \
			"$(printf '%s\n' "$words" | sed -n 's/^linux=//p')" || return 1
	done
}

# disk_leads DISK: true if its boot state counts.
disk_leads() {
	"$LIBRARY/slot" state "$(partition "$1" xenith-esp)" 2>/dev/null | grep -qx "seq=$(state_of seq)"
}

# slots_right DISK SLOT...: true if these are right.
slots_right() {
	checked=$1
	shift
	for each_slot; do
		"$LIBRARY/slot" check "$(partition "$checked" "xenith-$each_slot")" >/dev/null 2>&1 || return 1
	done
}

# use_first NAME: has that disk come first, as the source.
use_first() {
	# shellcheck disable=SC2046,SC2086 # names
	use_disks "$1" $(without "$1" $disks)
}

# choose_source: of those that lead, one that an interrupted write has not damaged, or at least
# one with the committed slot. False, with the reason in $why, if they differ and no disk has
# that: a damaged slot is never copied.
choose_source() {
	for each_disk in $disks; do
		if disk_leads "$each_disk"; then
			use_first "$each_disk"
			break
		fi
	done
	same=yes
	for each_disk in $disks; do
		if ! slot_same "$each_disk" a || ! slot_same "$each_disk" b; then same=; fi
	done
	[ -z "$same" ] || return 0
	for wanted_slots in "a b" "$committed"; do
		for each_disk in $disks; do
			# shellcheck disable=SC2086 # names of slots
			if disk_leads "$each_disk" && slots_right "$each_disk" $wanted_slots; then
				use_first "$each_disk"
				return
			fi
		done
	done
	why="slot $committed, which is committed, is damaged on each disk that knows of it"
	return 1
}

# states_differ: true if not all disks have $state.
states_differ() {
	for each_disk in $disks; do
		[ "$("$LIBRARY/slot" state "$(partition "$each_disk" xenith-esp)" 2>/dev/null | sort)" = \
			"$(printf '%s\n' "$state" | sort)" ] || return 0
	done
	return 1
}

# mirror_follow: brings all disks in step; one that cannot be written is dropped. False,
# with the reason in $why, if there is no boot state to follow.
mirror_follow() {
	case $disks in *' '*) ;; *) return 0 ;; esac
	read_state || return 1
	source_failed=
	choose_source || return 1
	on_disks disk_follow
	[ -z "$source_failed" ] || {
		why="cannot write the boot state on $source_failed"
		return 1
	}
	read_state || return 1
	! states_differ || set_state
}

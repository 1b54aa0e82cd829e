# shellcheck shell=sh
# Disks behind a connection that is shared (block-nvme, block-iscsi): it is made for
# the first of them, and the last one to go takes it down. Keys as in `block`; node is
# the connection.
#
# A script sets $tool, and has the functions
#
#   split TARGET                sets $connection_to, which names a connection that can be
#                               shared, $unit, the number of the disk there, $disk_id, which
#                               is the same for the same disk, and $there and $unit_name
#                               for messages
#   connect                     prints the connection's name
#   release DEVICE              no guest uses the disk any more
#
# $tool knows `device CONNECTION UNIT` and `disconnect CONNECTION`.
# shellcheck disable=SC2154 # they set these

# shellcheck source=rootfs/etc/xen/scripts/block-common.sh
. "${0%/*}/block-common.sh"

# A file for each guest's disk: connection, device, disk and what it is connected to.
notes=$HOTPLUG_RUN/xen-hotplug/${0##*/block-}

# note_of PATH: the file for this device of a guest.
note_of() {
	printf '%s/%s\n' "$notes" "$(printf '%s' "$1" | tr / -)"
}

# with_field N VALUE: prints the notes that have it.
with_field() {
	for note in "$notes"/*; do
		[ -e "$note" ] && [ "$(cut -d ' ' -f "$1" "$note")" = "$2" ] && cat "$note"
	done
	:
}

# number_of DEVICE: MAJOR:MINOR in hex.
number_of() {
	read -r number <"$HOTPLUG_SYS/class/block/${1##*/}/dev"
	printf '%x:%x' "${number%:*}" "${number#*:}"
}

add() {
	! get physical-device || exit 0
	get mode || fatal "no mode is given"
	canonical_mode "$value"
	path=$(xenstore-read -R "$XENBUS_PATH/params") || fatal "no target is given"
	split "$path"
	mkdir -p "$notes"
	lock block
	still_wanted "$path"

	numbers=
	for disk in $(with_field 3 "$disk_id" | cut -d ' ' -f 2 | sort -u); do
		numbers="$numbers$(number_of "$disk") "
	done
	check_sharing "$path" "$numbers"

	connection=$(with_field 4 "$connection_to" | cut -d ' ' -f 1 | head -n 1)
	ours=
	if [ -z "$connection" ]; then
		connection=$(connect 2>&1) || fatal "${connection:-$there does not answer}"
		ours=yes
	fi
	disk=
	for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		disk=$("$tool" device "$connection" "$unit" 2>/dev/null) && break
		usleep 100000
	done
	[ -n "$disk" ] || {
		log notice "attempt $attempt: $connection has no $unit_name $unit"
		[ -z "$ours" ] || "$tool" disconnect "$connection" || :
		fatal "$there has no $unit_name $unit"
	}
	printf '%s %s %s %s\n' "$connection" "$disk" "$disk_id" "$connection_to" >"$(note_of "$XENBUS_PATH")"
	connected "$disk" "$(number_of "$disk")" "$XENBUS_PATH/node" "$connection" || {
		forget
		fatal "cannot write to xenstore"
	}
	unlock
}

# forget: this guest's disk is gone, and with the last one the connection.
forget() {
	disk=$(cut -d ' ' -f 2 "$(note_of "$XENBUS_PATH")" 2>/dev/null) || disk=
	rm -f "$(note_of "$XENBUS_PATH")"
	if [ -n "$disk" ] && [ -z "$(with_field 2 "$disk")" ]; then
		release "$disk" || log warning "cannot release $disk"
	fi
	[ -n "$(with_field 1 "$connection")" ] || "$tool" disconnect "$connection" ||
		log warning "cannot disconnect $connection"
}

remove() {
	get node || return 0
	connection=$value
	lock block
	forget
	unlock
}

load
case ${1:-} in
add) add ;;
remove) remove ;;
*) fatal "${0##*/}: cannot do '${1:-}'" ;;
esac

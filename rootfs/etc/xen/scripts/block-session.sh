# shellcheck shell=sh
# Disks on a shared connection (block-nvme, block-iscsi): the first disk opens it and
# the last one closes it. Keys as in `block`; node is the connection.
#
# A script sets $tool, and the functions
#
#   split TARGET                sets $host and $port, $connection_to (the name of a
#                               connection that can be shared), $unit (the disk's
#                               number there), $disk_id (unique for each disk), and
#                               $there and $unit_name for messages
#   connect                     prints the connection's name
#   release DEVICE              releases a disk that no guest uses
#
# $tool has `device CONNECTION UNIT`, `disconnect CONNECTION` and `list`: one line per
# connection, which begins with its name and ends with its devices.
# shellcheck disable=SC2154 # they set these

# shellcheck source=rootfs/etc/xen/scripts/block-common.sh
. "${0%/*}/block-common.sh"

# One note per guest disk: connection, device, disk, what it is connected to, whether
# connection and device were made for guests or found, and the backend's path. A found
# connection stays: an administrator made it.
notes=$HOTPLUG_RUN/xen-hotplug/${0##*/block-}

# note_of PATH: the note for this guest's device.
note_of() {
	printf '%s/%s\n' "$notes" "$(printf '%s' "$1" | tr / -)"
}

# with_field N VALUE: prints the matching notes whose device exists.
with_field() {
	awk -v n="$1" -v wanted="$2" '($n "") == wanted' "$notes"/* 2>/dev/null | while read -r name device rest; do
		[ ! -e "$HOTPLUG_SYS/class/block/${device##*/}" ] || echo "$name $device $rest"
	done
}

# forget_killed: removes the notes of killed scripts. Another connection may reuse the
# names in them.
forget_killed() {
	for note in "$notes"/*; do
		[ -e "$note" ] || continue
		read -r _ old _ _ _ _ path_of <"$note" || continue
		[ ! -e "$HOTPLUG_SYS/class/block/${old##*/}" ] || continue
		xenstore-read "$path_of/state" >/dev/null 2>&1 || rm -f "$note"
	done
}

# number_of DEVICE: MAJOR:MINOR in hex.
number_of() {
	read -r number <"$HOTPLUG_SYS/class/block/${1##*/}/dev"
	printf '%x:%x' "${number%:*}" "${number#*:}"
}

add() {
	! get physical-device || exit 0
	get mode || fatal "cannot attach the disk: xenstore has no mode for it"
	canonical_mode "$value"
	path=$(xenstore-read -R "$XENBUS_PATH/params") || fatal "cannot attach the disk: xenstore has no target for it"
	split "$path"
	mkdir -p "$notes"
	[ -n "$(with_field 4 "$connection_to")" ] || server_answers
	# All paths to the target may lead to one device.
	lock_target "${disk_id%/*}"
	lock block
	still_wanted "$path"
	forget_killed
	numbers=
	for disk in $(with_field 3 "$disk_id" | cut -d ' ' -f 2 | sort -u); do
		numbers="$numbers$(number_of "$disk") "
	done
	[ -z "$numbers" ] || check_sharing "$path" "$numbers"
	unlock

	before=$nl$("$tool" list)$nl
	disk=
	disk_is=found
	known=$(with_field 4 "$connection_to" | head -n 1)
	connection=${known%% *}
	connection_is=$(printf '%s\n' "$known" | cut -d ' ' -f 5)
	trap 'rc=$?; [ $rc -eq 0 ] || forget; ended $rc' EXIT
	if [ -z "$connection" ]; then
		answer=$(connect 2>&1) || fatal "${answer:-cannot connect to $there: no answer}"
		connection=$answer
		connection_is=found
		case $before in *"$nl$connection "*) ;; *) connection_is="made" ;; esac
	fi
	for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		disk=$("$tool" device "$connection" "$unit" 2>/dev/null) && break
		usleep 100000
	done
	[ -n "$disk" ] || {
		log notice "attempt $attempt: $connection has no $unit_name $unit"
		fatal "cannot attach $path: $there has no $unit_name $unit"
	}
	disk_is=$(with_field 2 "$disk" | head -n 1 | cut -d ' ' -f 6)
	case $disk_is,$before in
	,*" $disk "* | ,*" $disk$nl"*) disk_is=found ;;
	,*) disk_is="made" ;;
	esac
	lock block
	still_wanted "$path"
	# Other users may exist: a mount, or a guest that has it as phy:.
	check_sharing "$path" "$(number_of "$disk")"
	printf '%s %s %s %s %s %s %s\n' "$connection" "$disk" "$disk_id" "$connection_to" \
		"$connection_is" "$disk_is" "$XENBUS_PATH" >"$(note_of "$XENBUS_PATH")"
	connected "$disk" "$(number_of "$disk")" "$XENBUS_PATH/node" "$connection" ||
		fatal "cannot attach $path: xenstore cannot be written"
	unlock
}

# forget: drops this guest's disk, and with the last one the connection. Needs the
# target's lock.
forget() {
	unlock
	rm -f "$(note_of "$XENBUS_PATH")"
	if [ -n "$disk" ] && [ "$disk_is" = "made" ] && [ -z "$(with_field 2 "$disk")" ]; then
		release "$disk" || log warning "cannot release $disk"
	fi
	if [ -n "$connection" ] && [ "$connection_is" = "made" ] && [ -z "$(with_field 1 "$connection")" ]; then
		"$tool" disconnect "$connection" || log warning "cannot disconnect $connection"
	fi
}

remove() {
	get node || return 0
	note=$(note_of "$XENBUS_PATH")
	if [ -e "$note" ]; then
		read -r _ _ disk_id _ <"$note"
		lock_target "${disk_id%/*}"
		read -r connection disk _ _ connection_is disk_is _ <"$note"
		forget
	fi
	# The number may be reused at once, and libxl removes the entry only later.
	xenstore-rm "$XENBUS_PATH/physical-device" 2>/dev/null || :
}

load
case ${1:-} in
add) add ;;
remove) remove ;;
*) fatal "${0##*/}: unknown action '${1:-}'" ;;
esac

# shellcheck shell=sh
# Checks for conflicting use of a device. The rules are Xen's: several readers or one
# writer; `w!` disables the check, for guests that can share (a cluster file system).

# shellcheck source=rootfs/etc/xen/scripts/hotplug-common.sh
. "${0%/*}/hotplug-common.sh"
# shellcheck source=rootfs/etc/xen/scripts/locking.sh
. "${0%/*}/locking.sh"

# A line for each disk that dom0's kernel serves: MAJOR:MINOR (hex) and the backend's path. A
# check asks xenstored about those of its device only: to read the entries of all guests' disks
# takes some thirty requests for each of them.
uses=$HOTPLUG_RUN/xen-hotplug/uses

# entries_of PATH: sets $entries to the physical-device and the mode of a disk, a line each. Fails
# with 1 if the disk is gone, and with 2 if xenstored does not answer: then it may be there.
entries_of() {
	entries=$(xenstore-read "$1/physical-device" "$1/mode" 2>/dev/null) && return
	# This script's own disk has an entry.
	xenstore-read "$XENBUS_PATH/mode" >/dev/null 2>&1 || return 2
	return 1
}

# note_use NUMBER: adds the line for this disk, and drops those of the same device whose
# disk is gone. Call it with the lock held.
note_use() {
	if grep -q "^$1 " "$uses" 2>/dev/null; then
		while read -r number at; do
			[ "$at" != "$XENBUS_PATH" ] || continue
			if [ "$number" = "$1" ]; then
				entries_of "$at" || {
					[ $? = 2 ] || continue
					fatal "cannot attach the disk: xenstored does not answer"
				}
				case $entries in "$1$nl"*) ;; *) continue ;; esac
			fi
			printf '%s %s\n' "$number" "$at"
		done <"$uses" >"$uses.new"
		mv "$uses.new" "$uses"
	fi
	printf '%s %s\n' "$1" "$XENBUS_PATH" >>"$uses"
}

# connected DEVICE MAJOR:MINOR [KEY VALUE...]: tells the backend, in one transaction, so
# that no reader sees half of it. Call it with the lock held.
connected() {
	keys_device=$1
	keys_number=$2
	shift 2
	note_use "$keys_number"
	xenstore-write "$@" "$XENBUS_PATH/physical-device" "$keys_number" \
		"$XENBUS_PATH/physical-device-path" "$keys_device" \
		"$XENBUS_PATH/hotplug-status" connected
}

# still_wanted WHAT: fails if libxl gave up meanwhile: it would not call `remove` for a
# device set up now.
still_wanted() {
	peek "$XENBUS_PATH/state" gone
	[ "$value" = 2 ] || fatal "cannot attach $1: libxl gave up on the device while this script waited (state $value)"
}

# canonical_mode MODE: sets $mode to r, w or !.
canonical_mode() {
	case $1 in
	*w*!*) mode=! ;;
	*w*) mode=w ;;
	*) mode=r ;;
	esac
}

# busy TEXT: fails; the device is in use.
busy() {
	report busy "$1"
}

# server_of HOST[:PORT] DEFAULT: sets $host, without an IPv6 address's brackets, and
# $port. Messages use $path.
# shellcheck disable=SC2154 # who calls sets it, and host_port the reason
server_of() {
	# shellcheck source=rootfs/usr/lib/xenith/host-port.sh
	. "${0%/*}/../../../usr/lib/xenith/host-port.sh"
	host_port "$1" "$2" || fatal "${0##*/}: target=$path: $why"
}

# server_answers: fails if nothing listens on $host, $port; sets $peer to the peer's
# address and port, whatever name $host is. Call it before taking a lock. nc reports a
# refusal only with -v twice; its second line is a count of bytes.
server_answers() {
	said=$(nc -vv -z -w 5 "$host" "$port" 2>&1) || {
		said=${said%%sent *}
		said=${said%"$nl"}
		said=${said#nc: }
		fatal "cannot reach the server $host, port $port: ${said:-no answer}"
	}
	# HOST (ADDRESS:PORT) open
	peer=${said#*" ("}
	peer=${peer%%") open"*}
}

# walk WAY NUMBER: adds to $found the device (MAJOR:MINOR in decimal) and all devices
# under it (below: a partition's disk, a volume's parts) or on top of it (above). It
# starts no process, because it runs for every disk of every guest.
walk() {
	case "$found " in *" $2 "*) return 0 ;; esac
	found="$found $2"
	at=$HOTPLUG_SYS/dev/block/$2
	way=$1
	set --
	case $way in
	below)
		set -- "$at"/slaves/*/dev
		[ ! -e "$at/partition" ] || set -- "$@" "$at/../dev"
		;;
	above)
		set -- "$at"/holders/*/dev
		for part in "$at"/*/partition; do
			set -- "$@" "${part%partition}dev"
		done
		;;
	esac
	for file; do
		if [ -e "$file" ] && read -r number <"$file"; then walk "$way" "$number"; fi
	done
}

# related DEVICES: sets $shared to these, and all devices below and above them: any of
# those overlaps the device. Siblings, such as another partition or another volume of
# the group, are not included.
related() {
	all=
	for d in $1; do
		d=$((0x${d%:*})):$((0x${d#*:}))
		for way in below above; do
			found=
			walk $way "$d"
			all="$all$found"
		done
	done
	shared=$(for d in $all; do printf '%x:%x ' "${d%:*}" "${d#*:}"; done)
}

# mounted DEVICES: prints where dom0 has one of these (MAJOR:MINOR in hex, separated by
# spaces) mounted in conflict with $mode. The file system's own rw flag decides, not the
# mount's.
mounted() {
	decimal=
	for d in $1; do
		decimal="$decimal $((0x${d%:*})):$((0x${d#*:}))"
	done
	awk -v devices="$decimal" -v mode="$mode" '
		BEGIN { n = split(devices, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
		$3 in wanted && (mode == "w" || $NF ~ /^rw(,|$)/) { print $5; exit }
	' "$HOTPLUG_PROC/self/mountinfo"
}

# guests DEVICES: prints the domains that use one of these through dom0's kernel in
# conflict with $mode; false if xenstored does not answer.
guests() {
	[ -e "$uses" ] || return 0
	while read -r number at; do
		case " $1 " in *" $number "*) ;; *) continue ;; esac
		[ "$at" != "$XENBUS_PATH" ] || continue
		entries_of "$at" || {
			[ $? = 2 ] || continue
			return 1
		}
		case $entries in "$number$nl"*) ;; *) continue ;; esac
		case $mode,${entries#*"$nl"} in w,* | *,*w*) ;; *) continue ;; esac
		at=${at%/*}
		echo "${at##*/}"
	done <"$uses"
}

# look_at PATH: sets $kind (stat's name), $device_number (MAJOR:MINOR in hex, for a
# block device) and $inode (DEVICE:INODE); fails if PATH is missing.
look_at() {
	inode=$(stat -L -c '%F|%t:%T|%d:%i' "$1" 2>/dev/null) || return 1
	kind=${inode%%"|"*}
	device_number=${inode#*"|"}
	device_number=${device_number%"|"*}
	inode=${inode##*"|"}
}

# loops_of FILE-NUMBER: prints MAJOR:MINOR (hex) of the loop devices backed by this
# file, under any name.
loops_of() {
	number=$1
	shift
	for backing in "$HOTPLUG_SYS"/block/loop*/loop/backing_file; do
		if [ -e "$backing" ] && read -r name <"$backing"; then
			set -- "$@" "$name"
		fi
	done
	[ $# -gt 0 ] || return 0
	# One stat for all of them, however many guests there are.
	known=$nl$(stat -L -c '%d:%i %n' "$@" 2>/dev/null)$nl || :
	for backing in "$HOTPLUG_SYS"/block/loop*/loop/backing_file; do
		read -r name <"$backing" || continue
		case $known in
		*"$nl$number $name$nl"*)
			read -r name <"${backing%/loop/backing_file}/dev"
			printf '%x:%x ' "${name%:*}" "${name#*:}"
			;;
		esac
	done
}

# guests_of_qemu FILE: prints the domains that use FILE (DEVICE:INODE), or one of the
# devices $shared, through QEMU in conflict with $mode. Only its path is known, and a
# disk counts once block-qemu has passed it: of two at once the first wins. A check for
# a device skips files: their server may be unreachable, and all other disks would wait.
guests_of_qemu() {
	listing=$(xenstore-ls -f "$XENBUS_BASE_PATH/qdisk" 2>/dev/null) || return 0
	printf '%s\n' "$listing" | awk -v mode="$mode" '
		$1 ~ /\/mode$/ && (mode == "w" || $3 ~ /w/) { sub(/\/mode$/, "", $1); candidates[$1] = 1 }
		$1 ~ /\/hotplug-status$/ && $3 == "\"connected\"" { sub(/\/hotplug-status$/, "", $1); passed[$1] = 1 }
		END { for (at in candidates) if (at in passed) print at }' |
		while read -r at; do
			# FORMAT:PATH. -R: xenstore-ls would escape what is not ASCII.
			image=$(xenstore-read -R "$at/params" 2>/dev/null) || continue
			image=${image#*:}
			case $1,$image in ,/dev/* | ?*,/*) ;; *) continue ;; esac
			look_at "$image" || continue
			case $kind in
			block*) case " $shared" in *" $device_number "*) ;; *) continue ;; esac ;;
			*) [ "$inode" = "$1" ] || continue ;;
			esac
			at=${at#"$XENBUS_BASE_PATH/qdisk/"}
			echo "${at%%/*}"
		done
}

# peek PATH DEFAULT: sets $value to the xenstore entry's value.
peek() {
	value=$(xenstore-read "$1" 2>/dev/null) || value=$2
}

# same_machine DOMID: true if that domain is this guest under another number (a reboot),
# or one is the other's device model. A domain without an entry is being destroyed and
# counts as the same; dom0 has no entry.
same_machine() {
	get frontend-id || fatal "cannot attach the disk: xenstore has no frontend-id for it"
	frontend_id=$value
	[ "$1" != 0 ] || {
		[ "$frontend_id" = 0 ]
		return
	}
	peek "/local/domain/$frontend_id/vm" unknown
	ours=$value
	peek "/local/domain/$1/vm" "$ours"
	theirs=$value
	peek "/local/domain/$frontend_id/target" -1
	peek "/local/domain/$value/vm" "no target"
	our_target=$value
	peek "/local/domain/$1/target" -1
	peek "/local/domain/$value/vm" "no other target"
	their_target=$value
	[ "$ours" = "$theirs" ] || [ "$our_target" = "$theirs" ] ||
		[ "$ours" = "$their_target" ] || [ "$our_target" = "$their_target" ]
}

# check_sharing WHAT DEVICES [FILE]: fails with `busy` if $mode conflicts with another
# use of the devices or the file (DEVICE:INODE). Call it with the lock held, and write
# physical-device before unlocking: the next check reads that entry.
check_sharing() {
	[ "$mode" != ! ] || return 0
	writes=
	[ "$mode" = w ] || writes=", which writes to it"
	related "$2"
	place=$(mounted "$shared")
	[ -z "$place" ] || busy "cannot attach $1: it is in use by dom0, mounted${writes:+ for writing} on $place; unmount it or use a copy"
	others=$(guests "$shared") || fatal "cannot attach $1: xenstored does not answer"
	others="$others $(guests_of_qemu "${3:-}")"
	for other in $others; do
		if same_machine "$other"; then continue; fi
		peek "/local/domain/$other/name" ""
		busy "cannot attach $1: it is in use by domain $other${value:+ ($value)}$writes; stop that domain or use a copy"
	done
}

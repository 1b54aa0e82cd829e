# shellcheck shell=sh
# What the scripts for disks on a network share.

# shellcheck source=rootfs/etc/xen/scripts/hotplug-common.sh
. "${0%/*}/hotplug-common.sh"
# shellcheck source=rootfs/etc/xen/scripts/locking.sh
. "${0%/*}/locking.sh"

# use WORD...: calls block-use, the part of the program behind block and block-qemu that checks
# for conflicting use and notes it (hotplug/block.h). It reports a failure itself.
use() {
	"$HOTPLUG_USE" "$@" || {
		reported=yes
		exit 1
	}
}

# check_sharing WHAT DEVICES: fails if $mode conflicts with another use of the devices (MAJOR:MINOR
# in hex, separated by blanks). Call it with the lock held, and write physical-device before
# unlocking: the next check reads that entry.
check_sharing() {
	[ "$mode" = ! ] || use check "$mode" "$1" "$2"
}

# connected DEVICE MAJOR:MINOR [KEY VALUE...]: tells the backend, in one transaction, so
# that no reader sees half of it. Call it with the lock held.
connected() {
	keys_device=$1
	keys_number=$2
	shift 2
	use note "$keys_device" "$keys_number"
	xenstore-write "$@" "$XENBUS_PATH/physical-device" "$keys_number" \
		"$XENBUS_PATH/physical-device-path" "$keys_device" \
		"$XENBUS_PATH/hotplug-status" connected
}

# still_wanted WHAT: fails if libxl gave up meanwhile: it would not call `remove` for a
# device set up now.
still_wanted() {
	value=$(xenstore-read "$XENBUS_PATH/state" 2>/dev/null) || value=gone
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

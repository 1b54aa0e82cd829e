# shellcheck shell=sh
# Shared by the scripts for disks: reads the device's keys and reports the result to
# libxl. libxl starts a script with XENBUS_PATH (the backend's directory in xenstore) in
# the environment, waits up to 40 s, and shows hotplug-error to the user on failure.
# Keep the number of processes low: dozens of these run at once when a host boots.

set -eu

: "${XENBUS_PATH:?is set by libxl}"
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin

# Paths of the kernel's files and of a program. Only tests set these.
: "${HOTPLUG_SYS:=/sys}" "${HOTPLUG_RUN:=/run}" "${HOTPLUG_USE:=${0%/*}/block-use}"

nl='
'
reported=

# log LEVEL TEXT: writes to the system log, with the device's path.
log() {
	logger -t "${0##*/}" -p "daemon.$1" "$XENBUS_PATH: $2" || :
}

# report STATUS TEXT: reports in xenstore and in the log why there is no device, and
# exits. STATUS is `error`, or `busy` if the device is in use.
report() {
	reported=yes
	xenstore-write "$XENBUS_PATH/hotplug-error" "$2" "$XENBUS_PATH/hotplug-status" "$1" || :
	log err "$2"
	exit 1
}

fatal() {
	report error "$1"
}

# ended STATUS: reports a command that failed under `set -e`.
ended() {
	[ "$1" -eq 0 ] || [ -n "$reported" ] || fatal "${0##*/} failed with exit code $1"
}
trap 'ended $?' EXIT

# load: reads all keys of the device at once.
load() {
	device=$(xenstore-ls -f "$XENBUS_PATH" 2>/dev/null) || device=
}

# get KEY: sets $value to the key as loaded; fails if it is missing.
get() {
	value=$nl$device$nl
	case $value in
	*"$nl$XENBUS_PATH/$1 = \""*) ;;
	*)
		value=
		return 1
		;;
	esac
	value=${value#*"$nl$XENBUS_PATH/$1 = \""}
	value=${value%%"\"$nl"*}
}

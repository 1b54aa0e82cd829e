# shellcheck shell=sh
# What every hotplug script shares: how to read its device, how to tell libxl
# how it went. libxl starts a script with XENBUS_PATH (the backend's directory
# in xenstore) in the environment, waits up to 40 s for it, and shows the user
# what stands in hotplug-error when it fails. Nothing is started here that is
# not needed: dozens of these run at once when a host boots.

set -eu

: "${XENBUS_PATH:?is set by libxl}"
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin

# Where the kernel is looked at. Only tests set these.
: "${HOTPLUG_SYS:=/sys}" "${HOTPLUG_PROC:=/proc}" "${HOTPLUG_RUN:=/run}"

nl='
'
reported=

# log LEVEL TEXT: to the system log, with the device that it is about.
log() {
	logger -t "${0##*/}" -p "daemon.$1" "$XENBUS_PATH: $2" || :
}

# report STATUS TEXT: says in xenstore and in the log why there is no device,
# and ends. STATUS is `error`, or `busy` where somebody else uses it.
report() {
	reported=yes
	xenstore-write "$XENBUS_PATH/hotplug-error" "$2" "$XENBUS_PATH/hotplug-status" "$1" || :
	log err "$2"
	exit 1
}

fatal() {
	report error "$1"
}

# try COMMAND...: runs it; its own words are the error if it fails.
try() {
	said=$("$@" 2>&1) || fatal "$*: ${said:-failed}"
}

# A command that failed under `set -e` is an error like any other.
ended() {
	[ "$1" -eq 0 ] || [ -n "$reported" ] || fatal "${0##*/} failed with exit code $1"
}
trap 'ended $?' EXIT

# load: reads all keys of the device at once.
load() {
	device=$(xenstore-ls -f "$XENBUS_PATH" 2>/dev/null) || device=
}

# get KEY: sets $value to what load found there; fails if it is not there.
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

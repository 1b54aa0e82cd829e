# shellcheck shell=sh
# Shared by the boot scripts, the services and the shutdown.
#
# None of them uses `set -e`: during boot and shutdown, a step that fails is reported
# and the next one runs.
set -u

# event TEXT: adds TEXT to the timeline, with seconds since boot.
event() {
	read -r up _ </proc/uptime
	printf '%s %s\n' "$up" "$*" >>/run/xenith/boot.log
}

# mark TEXT: an event that the console shows as well. The wording of these log lines is
# an interface: tests and tools wait for them. 80-ready logs the lines of the boot together,
# to save a process per line. The logger runs detached, without the locks of the caller: a
# syslogd that hangs must not block it.
mark() {
	event "$*"
	if [ -e /run/xenith/marks.logged ]; then
		(logger -t xenith -p daemon.notice -- "$*" </dev/null >/dev/null 2>&1 8>&- 9>&- &)
	else
		printf '%s\n' "$*" >>/run/xenith/marks
	fi
	read -r consoles </sys/class/tty/console/active || consoles=console
	for console in $consoles; do
		printf 'Xenith: %s\n' "$*" >"/dev/$console" || :
	done 2>/dev/null
}

# conf KEY: prints a key's value. The merged host.conf holds every key, with validated
# values.
conf() {
	# read would take a "=" at the end of a value for a separator.
	while IFS= read -r line; do
		case $line in
		"$1="*)
			printf '%s\n' "${line#*=}"
			return
			;;
		esac
	done </config/host.conf
}

# wait_for SECONDS COMMAND...: polls COMMAND 20 times a second until it succeeds. False
# after the timeout.
wait_for() {
	polls=$(($1 * 20))
	shift
	until "$@"; do
		[ $polls -gt 0 ] || return 1
		polls=$((polls - 1))
		usleep 50000
	done
}

# within SECONDS COMMAND...: runs it, but continues without it after the timeout: a
# process that waits for an unreachable server may not even be killable. The status is
# the command's, or 124. Redirect its output to a file, and do not use $( ), which would
# wait for the end of the pipe.
within() (
	seconds=$1
	shift
	ended=$(mktemp /run/xenith/within.XXXXXX)
	{
		rc=0
		"$@" || rc=$?
		[ ! -e "$ended" ] || echo $rc >"$ended"
	} &
	rc=124
	! wait_for "$seconds" test -s "$ended" || read -r rc <"$ended"
	rm -f "$ended"
	exit "$rc"
)

# cmdline WORD: true if the kernel's command line has WORD.
cmdline() {
	read -r words </proc/cmdline
	case " $words " in *" $1 "*) ;; *) return 1 ;; esac
}

# service_up NAME: starts a service that is marked `down` at boot.
service_up() {
	rm -f "/run/service/$1/down"
	wait_for 10 test -e "/run/service/$1/supervise/ok" && sv up "$1" >/dev/null
}

# machine_uuid: prints the firmware's UUID of this machine, which survives reboots;
# nothing if there is none.
machine_uuid() {
	uuid=
	if [ -r /sys/class/dmi/id/product_uuid ]; then uuid=$(tr A-F a-f </sys/class/dmi/id/product_uuid); fi
	case $uuid in
	'' | 00000000-0000-* | ffffffff-ffff-*) ;;
	*) printf '%s\n' "$uuid" ;;
	esac
}

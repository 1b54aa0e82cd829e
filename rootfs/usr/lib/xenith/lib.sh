# shellcheck shell=sh
# What the boot scripts, the services and the shutdown have in common.
#
# None of them runs under `set -e`: on the way up and down, a step that fails is
# reported and the next one taken.
set -u

# event TEXT: a line for the timeline: seconds since the kernel started, and what.
event() {
	read -r up _ </proc/uptime
	printf '%s %s\n' "$up" "$*" >>/run/xenith/boot.log
}

# mark TEXT: an event that the person at the console should see, too. The wording
# of the marks is an interface: tests and tools wait for them.
mark() {
	event "$*"
	read -r consoles </sys/class/tty/console/active || consoles=console
	for console in $consoles; do
		printf 'Xenith: %s\n' "$*" >"/dev/$console" || :
	done 2>/dev/null
}

# conf KEY: the value of a key of host.conf. The merged file holds every key,
# and only values that were found right.
conf() {
	while IFS='=' read -r key value; do
		if [ "$key" = "$1" ]; then
			printf '%s\n' "$value"
			return
		fi
	done </config/host.conf
}

# wait_for SECONDS COMMAND...: polls 20 times a second until COMMAND is true.
# False when the time is over.
wait_for() {
	polls=$(($1 * 20))
	shift
	until "$@"; do
		[ $polls -gt 0 ] || return 1
		polls=$((polls - 1))
		usleep 50000
	done
}

# within SECONDS COMMAND...: runs it, but goes on without it when the time is over: what
# waits for a server that is gone may not even be killed. The status is the command's, or
# 124. Its output must go to a file, and it must not stand in $( ): the end of a pipe would
# be waited for.
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

# cmdline WORD: whether the kernel was started with WORD.
cmdline() {
	read -r words </proc/cmdline
	case " $words " in *" $1 "*) ;; *) return 1 ;; esac
}

# service_up NAME: starts a service that is marked `down` until its turn comes.
service_up() {
	rm -f "/run/service/$1/down"
	wait_for 10 test -e "/run/service/$1/supervise/ok" && sv up "$1" >/dev/null
}

# machine_uuid: who this machine is among others: the same after each boot, where its
# firmware gives it an identity; else nothing.
machine_uuid() {
	uuid=
	if [ -r /sys/class/dmi/id/product_uuid ]; then uuid=$(tr A-F a-f </sys/class/dmi/id/product_uuid); fi
	case $uuid in
	'' | 00000000-0000-* | ffffffff-ffff-*) ;;
	*) printf '%s\n' "$uuid" ;;
	esac
}

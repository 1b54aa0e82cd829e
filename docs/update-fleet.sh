#!/bin/sh
# Updates many hosts over SSH, the first one alone: only if it has committed the new version
# do the others follow. See docs/update.md. Runs on any machine with ssh.
set -eu

usage() {
	cat <<'END'
usage: update-fleet.sh [-n HOSTS] [-t SECONDS] URL HOST...

URL is an update on a web server that all hosts reach. The first HOST is the canary. The
others follow in the order given, and the script stops at the first that fails. A host that
runs the version already is left alone, so the same command can be repeated.

  -n HOSTS    so many at once, after the canary (1)
  -t SECONDS  how long a host may take to commit the new version (2700)

environment: SSH, the program with its options (ssh -o BatchMode=yes -o ConnectTimeout=10)
status: 0, all hosts run the new version; 1, one does not; 2, wrong usage
END
}

wrong() {
	printf 'update-fleet.sh: %s; see update-fleet.sh -h\n' "$*" >&2
	exit 2
}

need_number() {
	case $2 in '' | 0 | *[!0-9]*) wrong "-$1 $2: not a number" ;; esac
}

SSH=${SSH:-ssh -o BatchMode=yes -o ConnectTimeout=10}
PAUSE=${PAUSE:-10}
at_once=1
limit=2700
while getopts hn:t: option; do
	case $option in
	h)
		usage
		exit 0
		;;
	n) need_number n "$OPTARG" && at_once=$OPTARG ;;
	t) need_number t "$OPTARG" && limit=$OPTARG ;;
	*) wrong "there is no such option" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || wrong "a URL and a host are needed"
url=$1
shift
case $url in *[!A-Za-z0-9:/._~%?=\&@+-]*) wrong "$url: not a URL" ;; esac

# run_on HOST COMMAND: runs a command there as root.
run_on() {
	case $1 in *@*) target=$1 ;; *) target=root@$1 ;; esac
	# shellcheck disable=SC2086 # a program and its options
	$SSH -n "$target" "$2"
}

report() {
	printf '%s: %s\n' "$host" "$*"
}

report_failure() {
	printf '%s: %s\n' "$host" "$*" >&2
	return 1
}

# update HOST: writes the update there and restarts the host. Sets $version, and $waiting to
# the hosts whose trial has begun.
update() {
	host=$1
	said=$(run_on "$host" "xenith update '$url'" 2>&1) || {
		report_failure "cannot update: $(printf '%s\n' "$said" | tail -n 1)"
		return
	}
	said=$(printf '%s\n' "$said" | tail -n 1)
	case $said in
	*' is running already; nothing to do')
		report "$said"
		return
		;;
	*' is running already, on trial; nothing to do')
		version=${said%% *}
		report "$version is on trial"
		waiting="$waiting $host"
		return
		;;
	*' is tried at the next boot') ;;
	*)
		report_failure "cannot update: unexpected answer: $said"
		return
		;;
	esac
	version=${said%% *}
	report "$version is written; the host restarts"
	# The connection may end before the answer comes.
	run_on "$host" reboot >/dev/null 2>&1 || :
	waiting="$waiting $host"
}

# await_commit HOST: waits until the host has committed $version; fails if it has given it
# up. A host that does not answer restarts, or hangs until its watchdog fires.
await_commit() {
	host=$1
	end=$(($(date +%s) + limit))
	while [ "$(date +%s)" -lt $end ]; do
		sleep "$PAUSE"
		said=$(run_on "$host" "xenith version" 2>/dev/null) || continue
		case "
$said
" in
		*" $version, running, committed
"*)
			report "$version is committed"
			return
			;;
		*"
Failed $version
"*)
			report_failure "$version did not become healthy; the host is back on the version before"
			return
			;;
		esac
	done
	report_failure "$version is not committed after $limit s; xenith status on the host says more"
}

# update_wave HOST...: updates these hosts at once; fails if one does. Sets $skipped to the
# hosts behind one that takes no update.
update_wave() {
	waiting=
	skipped=
	rc=0
	for host; do
		if [ $rc = 1 ]; then skipped="$skipped $host"; else update "$host" || rc=1; fi
	done
	for host in $waiting; do
		await_commit "$host" || rc=1
	done
	return $rc
}

version=
updated=0
size=1
while [ $# -gt 0 ]; do
	hosts=
	count=0
	while [ $# -gt 0 ] && [ $count -lt "$size" ]; do
		hosts="$hosts $1"
		count=$((count + 1))
		shift
	done
	# shellcheck disable=SC2086 # names of hosts
	update_wave $hosts || {
		left="${skipped# }${skipped:+${1:+ }}$*"
		printf 'update-fleet.sh: stopped; not updated: %s\n' "${left:-no other}" >&2
		exit 1
	}
	updated=$((updated + count))
	size=$at_once
done
echo "$updated hosts run the new version"

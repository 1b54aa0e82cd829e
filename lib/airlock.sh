# shellcheck shell=sh
# The airlock: runs a command with an empty environment, no network, a neutral
# host name, and the work directory seen at a fixed path, so that nothing of the
# host can leak into what is built. Where the host allows no namespaces, the
# fixed path is made in its real /tmp and the network is merely not used.

# airlock_kind: "namespace" or "plain", once for a run.
airlock_kind() {
	set -- --mount --net --uts --ipc
	[ "$(id -u)" = 0 ] || set -- --user --map-root-user "$@"
	if unshare "$@" mount --bind /tmp /tmp 2>/dev/null; then
		echo "namespace $*"
	else
		echo plain
	fi
}

# airlock_root NAME WORK KIND: where the files of the build of NAME are to be
# put from outside; inside, they are seen in /tmp/xenith/NAME.
airlock_root() {
	case $3 in
	namespace*) printf '%s\n' "$2/tmp/xenith/$1" ;;
	*) printf '%s\n' "/tmp/xenith/$1" ;;
	esac
}

# airlock KIND WORK COMMAND...: runs the command inside.
airlock() {
	kind=$1
	work=$2
	shift 2
	clean="env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin"
	# Of make's flags only the job server goes in.
	jobserver=
	for flag in ${MAKEFLAGS:-}; do
		case $flag in
		-j* | --jobserver*) jobserver="$jobserver $flag" ;;
		esac
	done
	case $kind in
	namespace*)
		# shellcheck disable=SC2086,SC2016 # the flags are words; $0 and $@ are the inner shell's
		unshare ${kind#namespace } $clean "MAKEFLAGS=${jobserver# }" \
			sh -c 'mount --make-rprivate / && mount --bind "$0/tmp" /tmp &&
				{ echo xenith >/proc/sys/kernel/hostname || :; } 2>/dev/null && exec "$@"' "$work" "$@"
		;;
	*)
		# shellcheck disable=SC2086
		$clean "MAKEFLAGS=${jobserver# }" "$@"
		;;
	esac
}

# shellcheck shell=sh
# The airlock: runs a command with an empty environment, no network, a neutral host name,
# and the work directory at a fixed path, so that nothing of the host leaks into a package.
# Only the work directory is writable: a `make install` that forgets DESTDIR fails, even
# as root. On a host without namespaces, the fixed path is in the real /tmp, the network
# is reachable, and the files that the user may write to are not protected.

# airlock_kind: prints "namespace" and the flags for unshare, or "plain".
airlock_kind() {
	set -- --mount --net --uts --ipc
	[ "$(id -u)" = 0 ] || set -- --user --map-root-user "$@"
	if unshare "$@" mount --bind /tmp /tmp 2>/dev/null; then
		echo "namespace $*"
	else
		echo plain
	fi
}

# airlock_root NAME WORK KIND: prints the directory for the build of NAME, as it is
# reached from outside. Inside, it is /tmp/xenith/NAME.
airlock_root() {
	case $3 in
	namespace*) printf '%s\n' "$2/tmp/xenith/$1" ;;
	*) printf '%s\n' "/tmp/xenith/$1" ;;
	esac
}

# plain_place ROOT: creates the empty directory of a plain airlock, and locks it (file
# descriptor 9) until the caller exits. /tmp/xenith is world-writable like /tmp, so that
# users can build one after another.
plain_place() {
	everybodys=${1%/*}
	lock=$everybodys/.${1##*/}.lock
	# The directory may exist and belong to another user; it need only be writable.
	mkdir -m 1777 "$everybodys" 2>/dev/null || :
	{ [ -d "$everybodys" ] && [ -w "$everybodys" ]; } ||
		die "cannot write to $everybodys: without namespaces, packages are built there; ask its owner to remove it"
	[ -e "$lock" ] || (umask 0 && : >"$lock") 2>/dev/null || :
	# Open without O_CREAT, which the kernel refuses for another user's file in a
	# directory that is sticky and world-writable.
	exec 9<"$lock"
	flock 9
	if [ -e "$1" ]; then
		[ -O "$1" ] || die "cannot build ${1##*/} in $1: the directory belongs to another user; ask its owner to remove it"
		rm -rf "$1"
	fi
	# No access for other users: a configuration may contain secrets.
	mkdir -m 700 "$1"
}

# airlock KIND WORK COMMAND...: runs the command inside.
airlock() {
	kind=$1
	work=$2
	shift 2
	clean="env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin"
	# Of MAKEFLAGS, only the options of the job server are passed on.
	jobserver=
	for flag in ${MAKEFLAGS:-}; do
		case $flag in
		-j* | --jobserver*) jobserver="$jobserver $flag" ;;
		esac
	done
	case $kind in
	namespace*)
		# shellcheck disable=SC2086 # the flags are words
		unshare ${kind#namespace } $clean "MAKEFLAGS=${jobserver# }" \
			sh "$TREE/lib/engine/inside.sh" "$work" "$@"
		;;
	*)
		# shellcheck disable=SC2086
		$clean "MAKEFLAGS=${jobserver# }" "$@"
		;;
	esac
}

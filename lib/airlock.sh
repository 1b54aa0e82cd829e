# shellcheck shell=sh
# The airlock: runs a command with an empty environment, no network, a neutral
# host name, and the work directory seen at a fixed path, so that nothing of the
# host can leak into what is built. Nothing but the work directory can be written to:
# a `make install` that forgets DESTDIR fails, also as root. Where the host allows no
# namespaces, the fixed path is made in its real /tmp, the network is merely not used,
# and what the user may write to is not protected.

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

# plain_place ROOT: makes the directory of a plain airlock, empty, and locks it (file
# descriptor 9) until the caller ends. /tmp/xenith is everybody's, as /tmp is, so that
# one user can build after another.
plain_place() {
	everybodys=${1%/*}
	lock=$everybodys/.${1##*/}.lock
	# One that exists may be somebody else's and yet be right.
	mkdir -m 1777 "$everybodys" 2>/dev/null || :
	{ [ -d "$everybodys" ] && [ -w "$everybodys" ]; } ||
		die "cannot write to $everybodys, where packages must be built on this machine; its owner can remove it"
	[ -e "$lock" ] || (umask 0 && : >"$lock") 2>/dev/null || :
	# Without O_CREAT, which the kernel refuses for another user's file in such a place.
	exec 9<"$lock"
	flock 9
	if [ -e "$1" ]; then
		[ -O "$1" ] || die "$1 belongs to somebody else, and ${1##*/} must be built there; its owner can remove it"
		rm -rf "$1"
	fi
	# Of others' eyes, too: a configuration may have secrets in it.
	mkdir -m 700 "$1"
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
		# shellcheck disable=SC2086 # the flags are words
		unshare ${kind#namespace } $clean "MAKEFLAGS=${jobserver# }" \
			sh "$TREE/lib/inside.sh" "$work" "$@"
		;;
	*)
		# shellcheck disable=SC2086
		$clean "MAKEFLAGS=${jobserver# }" "$@"
		;;
	esac
}

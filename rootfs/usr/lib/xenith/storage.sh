# shellcheck shell=sh
# Storage for domains' disks: logical volumes, thin ones, files. Sourced by create and
# remove, which run under `set -eu`.

# The host's paths; tests override them.
DEV=${XENITH_DEV:-/dev}
CONFIG=${XENITH_CONFIG:-/config}
DRIVE=${XENITH_DRIVE:-/run/xenith/sources/drive}
IMAGES=${XENITH_IMAGES:-/var/lib/xenith/images}
RUN=${XENITH_RUN_DIR:-/run/xenith}
MOUNTS=${XENITH_MOUNTS:-/proc/mounts}

fail() {
	printf 'xenith: %s\n' "$*" >&2
	exit 1
}

# quoted WORD...: prints the words, quoted for a shell.
quoted() {
	for word; do
		printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
	done
}

# try WHAT COMMAND...: runs it; on failure reports WHAT and why.
try() {
	what=$1
	shift
	"$@" >"$work/said" 2>&1 || fail "$what failed: $(tail -n 1 "$work/said")"
}

# undo COMMAND...: records an undo step; they run in reverse order.
undo() {
	quoted "$@" >>"$work/undo"
	echo >>"$work/undo"
}

# step WHAT WORDS COMMAND...: runs it and records its undo (WORDS, from `quoted`), with
# signals blocked in between.
step() {
	what=$1
	words=$2
	shift 2
	trap '' INT TERM HUP PIPE
	try "$what" "$@"
	printf '%s\n' "$words" >>"$work/undo"
	trap 'exit 130' INT TERM HUP PIPE
}

# undone WORDS: drops a recorded undo step.
undone() {
	left=$(grep -vxF -e "$1" "$work/undo") || :
	printf '%s\n' "$left" >"$work/undo"
}

undo_all() {
	[ -s "$work/undo" ] || return 0
	tac "$work/undo" | while read -r line; do
		eval "$line" >>"$work/undone" 2>&1 ||
			printf 'xenith: could not be undone: %s\n' "$line" >&2
	done
}

# begin: makes the work directory. The exit undoes all steps unless `finished`, and
# ignores a second Ctrl-C meanwhile.
begin() {
	mkdir -p "$RUN"
	work=$(mktemp -d "$RUN/work.XXXXXX")
	finished=
	opened=
	# shellcheck disable=SC2154 # rc is set in it
	trap 'rc=$?; trap "" INT TERM HUP PIPE; trap - EXIT; [ -n "$finished" ] || undo_all; rm -rf "$work"; exit $rc' EXIT
	trap 'exit 130' INT TERM HUP PIPE
}

# alone: waits for any other create or remove to finish: they would use the same names,
# and make the drive read-only under the other's writes. The variable stops LVM's
# warning about the open file.
alone() {
	export LVM_SUPPRESS_FD_WARNINGS=1
	exec 9>"$RUN/create.lock"
	flock -n -x 9 || {
		echo "xenith: another create or remove is at work, and is waited for" >&2
		# The shell handles signals only between commands.
		until flock -n -x 9; do sleep 1; done
	}
}

# drive_open: makes the drive writable. A drive that is already writable stays so; else
# drive_close or undo_all makes it read-only again.
drive_open() {
	! awk -v at="$DRIVE" '$2 == at && $4 ~ /^rw(,|$)/ { rw = 1 } END { exit !rw }' "$MOUNTS" || return 0
	mount -o remount,rw "$DRIVE" || return 1
	undo mount -o remount,ro "$DRIVE"
	opened=yes
}

drive_close() {
	[ -z "$opened" ] || mount -o remount,ro "$DRIVE" 2>/dev/null || :
}

# host_setting KEY: prints its value in host.conf; nothing if unset.
host_setting() {
	sed -n "s/^$1=//p" "$CONFIG/host.conf" 2>/dev/null || :
}

# fact KEY: prints its value in the facts (xenith file-facts) on stdin.
fact() {
	awk -F '\t' -v key="$1" '$1 == key { value = $2 } END { print value }'
}

# disks_of: prints a line for each disk in the facts on standard input: w, or r if it is
# read-only; its path, or - if it has none on this host; the path as in the file.
disks_of() {
	awk -F '\t' -v OFS='\t' '$1 == "disk" { print $2, $3, $4 }'
}

# files_of NAME: prints the domain files with that name.
files_of() {
	xenith file-named "$1" "$CONFIG/domains"
}

# bytes SIZE: converts a number with K, M, G or T to bytes.
bytes() {
	number=${1%[KMGT]}
	case $number in '' | *[!0-9]* | 0*) return 1 ;; esac
	case $1 in
	*K) echo $((number * 1024)) ;;
	*M) echo $((number * 1048576)) ;;
	*G) echo $((number * 1073741824)) ;;
	*T) echo $((number * 1099511627776)) ;;
	*) return 1 ;;
	esac
}

# is_pool VG/NAME: true for a thin pool.
is_pool() {
	case $(lvs --noheadings -o lv_attr "$1" 2>/dev/null | tr -d ' ') in t*) ;; *) return 1 ;; esac
}

# storage_find WANTED: sets $kind (thin, volume or file) and $place (VG/POOL, VG or
# DIRECTORY), as requested, or else to the only candidate.
storage_find() {
	wanted=$1
	[ -n "$wanted" ] || wanted=$(host_setting storage)
	if [ -z "$wanted" ]; then
		wanted=$(lvs --noheadings -o vg_name,lv_name -S 'lv_attr=~^t' 2>/dev/null | awk '{ print $1 "/" $2 }')
		[ -n "$wanted" ] || wanted=$(vgs --noheadings -o vg_name 2>/dev/null | awk '{ print $1 }')
		# shellcheck disable=SC2086 # names
		set -- $wanted
		[ $# -le 1 ] || fail "disks could go to any of $*: say which with --storage"
		[ $# = 1 ] || fail "there is no place for a disk: make a volume group (see vgcreate), or name a directory with --storage"
		wanted=$1
	fi
	place=$wanted
	case $wanted in
	/*)
		kind="file"
		[ -d "$wanted" ] || fail "--storage $wanted: there is no such directory"
		# BusyBox lacks names for overlay, tmpfs and ramfs: use their numbers.
		case $(stat -f -c %t "$wanted") in
		794c7630 | 1021994 | 858458f6)
			echo "xenith: $wanted is in memory: what is there is gone when the host restarts" >&2
			;;
		esac
		;;
	*/*)
		kind=thin
		is_pool "$wanted" || fail "--storage $wanted: there is no thin pool of that name"
		;;
	*)
		kind=volume
		vgs "$wanted" >/dev/null 2>&1 || fail "--storage $wanted: there is no volume group of that name"
		;;
	esac
}

# disk_path NAME: prints the disk's path.
disk_path() {
	case $kind in
	thin) echo "$DEV/${place%/*}/$1" ;;
	volume) echo "$DEV/$place/$1" ;;
	file) echo "$place/$1.img" ;;
	esac
}

# remover VOLUME: prints its undo step.
remover() {
	quoted lvremove -q -y "$1"
}

# disk_make NAME BYTES: makes an empty disk, and sets $disk to its path.
disk_make() {
	disk=$(disk_path "$1")
	[ ! -e "$disk" ] || fail "$disk exists already"
	case $kind in
	thin)
		step "making the volume $disk" "$(remover "${place%/*}/$1")" \
			lvcreate -q -y -W n -V "${2}b" -T "$place" -n "$1"
		made volume "${place%/*}/$1"
		;;
	volume)
		step "making the volume $disk" "$(remover "$place/$1")" \
			lvcreate -q -y -W n -L "${2}b" -n "$1" "$place"
		made volume "$place/$1"
		;;
	file)
		undo rm -f "$disk"
		try "making $disk" truncate -s "$2" "$disk"
		made file "$disk"
		;;
	esac
}

# open_disk TYPE DISK DIRECTORY [ro]: mounts it until close_disk.
open_disk() {
	loop=
	[ -b "$2" ] || loop=,loop
	mkdir -p "$3"
	step "mounting $2" "$(quoted umount "$3")" mount -t "$1" -o "${4:-rw}$loop" "$2" "$3"
}

# close_disk DISK DIRECTORY
close_disk() {
	try "writing to $1" umount "$2"
	undone "$(quoted umount "$2")"
}

# disk_clear FROM: writes zeros from the MiB that holds this byte. A thick volume still
# holds an earlier volume's data, which the guest must not read; other disks are empty
# when made.
disk_clear() {
	[ "$kind" = volume ] || return 0
	first=$(($1 / 1048576))
	count=$(($(disk_size "$disk") / 1048576 - first))
	[ $count -gt 0 ] || return 0
	[ $count -lt 1024 ] || echo "xenith: writing zeros to $disk, $((count / 1024)) GiB" >&2
	try "writing zeros to $disk" dd if=/dev/zero of="$disk" bs=1M seek=$first count=$count conv=notrunc
}

# made KIND NAME: records it for the domain file, where `remove` reads it.
made() {
	printf '# made: %s %s\n' "$1" "$2" >>"$work/made"
}

# disk_size PATH: in bytes.
disk_size() {
	if [ -b "$1" ]; then
		blockdev --getsize64 "$1"
	else
		stat -L -c %s "$1"
	fi
}

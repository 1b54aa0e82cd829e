# shellcheck shell=sh
# Where the disks of domains are: logical volumes, thin ones, files. Sourced by
# create and remove, which run under `set -eu`.

# The places of the host; tests have others.
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

# quoted WORD...: the words so that a shell reads them as they are.
quoted() {
	for word; do
		printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
	done
}

# try WHAT COMMAND...: runs it; where it fails, says that WHAT did, and why.
try() {
	what=$1
	shift
	"$@" >"$work/said" 2>&1 || fail "$what failed: $(tail -n 1 "$work/said")"
}

# undo COMMAND...: to be done if a later step fails, the last first.
undo() {
	quoted "$@" >>"$work/undo"
	echo >>"$work/undo"
}

# step WHAT WORDS COMMAND...: try, and note in the same breath how it is undone: WORDS
# are from `quoted`. No signal comes between the two.
step() {
	what=$1
	words=$2
	shift 2
	trap '' INT TERM HUP PIPE
	try "$what" "$@"
	printf '%s\n' "$words" >>"$work/undo"
	trap 'exit 130' INT TERM HUP PIPE
}

# undone WORDS: has been done, and is no longer to do.
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

# begin: the directory for what is in work. All is undone unless `finished`; and no
# second Ctrl-C comes into that.
begin() {
	mkdir -p "$RUN"
	work=$(mktemp -d "$RUN/work.XXXXXX")
	finished=
	opened=
	# shellcheck disable=SC2154 # rc is set in it
	trap 'rc=$?; trap "" INT TERM HUP PIPE; trap - EXIT; [ -n "$finished" ] || undo_all; rm -rf "$work"; exit $rc' EXIT
	trap 'exit 130' INT TERM HUP PIPE
}

# alone: waits until no other create or remove is at work: they would take each other's
# names, and make the drive read-only while the other one writes to it. LVM is told
# not to complain of the open file.
alone() {
	export LVM_SUPPRESS_FD_WARNINGS=1
	exec 9>"$RUN/create.lock"
	flock -n -x 9 || {
		echo "xenith: another create or remove is at work, and is waited for" >&2
		# A signal is not looked at before the command is over that runs just then.
		until flock -n -x 9; do sleep 1; done
	}
}

# drive_open: makes the drive writable. Where somebody has done that before, it stays
# so; else drive_close makes it read-only again, as does undo_all.
drive_open() {
	! awk -v at="$DRIVE" '$2 == at && $4 ~ /^rw(,|$)/ { rw = 1 } END { exit !rw }' "$MOUNTS" || return 0
	mount -o remount,rw "$DRIVE" || return 1
	undo mount -o remount,ro "$DRIVE"
	opened=yes
}

drive_close() {
	[ -z "$opened" ] || mount -o remount,ro "$DRIVE" 2>/dev/null || :
}

# host_setting KEY: its value in host.conf; nothing where that says nothing.
host_setting() {
	sed -n "s/^$1=//p" "$CONFIG/host.conf" 2>/dev/null || :
}

# fact KEY: its value among the facts (xenith file-facts) on standard input.
fact() {
	awk -F '\t' -v key="$1" '$1 == key { value = $2 } END { print value }'
}

# disks_of: a line for each disk among the facts on standard input: w, or r where it can
# only be read; a path, or - where it has none on this host; and the path as the file has it.
disks_of() {
	awk -F '\t' -v OFS='\t' '$1 == "disk" { print $2, $3, $4 }'
}

# files_of NAME: the domain files whose domain calls itself so.
files_of() {
	xenith file-named "$1" "$CONFIG/domains"
}

# bytes SIZE: SIZE, a number with K, M, G or T behind it, in bytes.
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

# is_pool VG/NAME: whether it is a thin pool.
is_pool() {
	case $(lvs --noheadings -o lv_attr "$1" 2>/dev/null | tr -d ' ') in t*) ;; *) return 1 ;; esac
}

# storage_find WANTED: sets $kind (thin, volume or file) and $place (VG/POOL, VG or
# DIRECTORY), as asked for, or else the only one that there is.
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
		# BusyBox has no names for some: overlay, tmpfs and ramfs by their numbers.
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

# disk_path NAME: where a disk of that name would be.
disk_path() {
	case $kind in
	thin) echo "$DEV/${place%/*}/$1" ;;
	volume) echo "$DEV/$place/$1" ;;
	file) echo "$place/$1.img" ;;
	esac
}

# remover VOLUME: the words that remove it.
remover() {
	quoted lvremove -q -y "$1"
}

# disk_make NAME BYTES: makes an empty disk there, and sets $disk to its path.
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

# open_disk TYPE DISK DIRECTORY [ro]: its file system is there until close_disk.
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

# disk_clear FROM: zeros on the disk from the whole MiB on that this byte is in. A thick
# volume still holds what the volume before it held, which its guest must not read;
# all other disks are empty when they are made.
disk_clear() {
	[ "$kind" = volume ] || return 0
	first=$(($1 / 1048576))
	count=$(($(disk_size "$disk") / 1048576 - first))
	[ $count -gt 0 ] || return 0
	[ $count -lt 1024 ] || echo "xenith: writing zeros to $disk, $((count / 1024)) GiB" >&2
	try "writing zeros to $disk" dd if=/dev/zero of="$disk" bs=1M seek=$first count=$count conv=notrunc
}

# made KIND NAME: noted for the domain file, where `remove` finds it.
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

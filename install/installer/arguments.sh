# shellcheck shell=sh
# The command line of install, and the questions on a terminal.
#
# Needs: wrong, fail (domain/steps.sh), update-file.sh, disks.sh, choose.sh.
# Gives: the variables below, by arguments_read; target_find, confirm.

target=      # the disk, as given
target2=     # the second one of a mirror
answer=      # --yes: their names once more
answer2=
repair=      # --repair: the disk
from=
given=       # --config
given_unsigned=
unsigned=
data=lvm     # lvm or none
list=        # yes, or empty
dry_run=
erase=
downgrade=
force=
restart=

usage() {
	cat <<'END'
usage: xenith install [DISK [DISK2]] [OPTION...]
       xenith install --repair DISK
       xenith install --list

Installs the system that was booted from a CD, a stick or the network on a disk.
DISK is its name, identifier, serial number or WWN; without it you are asked. An
installed Xenith is upgraded, and keeps its configuration and its guests. With
DISK2 the host is mirrored on two disks, and boots with either.

  --list             the disks, and what is on them
  --dry-run          print what would be done, and do nothing
  --yes DISK         do not ask: the disk once more; twice for two disks
  --repair DISK      on a mirrored host that has lost a disk: DISK takes its place
  --erase            erase an installed Xenith, with its configuration and guests
  --from WHAT        the new system: an update, a directory, or a URL of either;
                     that of a directory ends with / (default: the boot medium)
  --config WHAT      a configuration over that of this host: an archive of xenith
                     config export, or a tar file of a configuration directory, or
                     a URL; {mac}, {uuid} and {serial} in it are this machine's
  --config-unsigned  accept it from a URL without a signature
  --unsigned SHA256  instead of a signature of an update: the hash of the file
  --data lvm|none    what becomes of the rest of the disk (default: lvm, a volume
                     group for guests)
  --allow-downgrade  upgrade also to a version that is not newer
  --force            also to one that is there, or that has failed on this disk; also
                     on a disk from which the firmware of this machine cannot boot
  --reboot           restart when it is done
END
}

# argument_set OPTION VALUE
argument_set() {
	case $1 in
	--yes) if [ -z "$answer" ]; then answer=$2; else answer2=$2; fi ;;
	--repair) repair=$2 ;;
	--from) from=$2 ;;
	--config) given=$2 ;;
	--data)
		case $2 in lvm | none) ;; *) wrong "--data $2: use lvm or none" ;; esac
		data=$2
		;;
	--unsigned) unsigned_set "$2" ;;
	*) wrong "unknown option $1; see xenith install --help" ;;
	esac
}

# arguments_read WORD...
arguments_read() {
	while [ $# -gt 0 ]; do
		case $1 in
		--list) list=yes ;;
		--dry-run) dry_run=yes ;;
		--erase) erase=yes ;;
		--allow-downgrade) downgrade=yes ;;
		--force) force=yes ;;
		--reboot) restart=yes ;;
		--config-unsigned) given_unsigned=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		--*)
			[ $# -ge 2 ] || wrong "unknown option $1, or it needs a value; see xenith install --help"
			argument_set "$1" "$2"
			shift
			;;
		-*) wrong "unknown option $1; see xenith install --help" ;;
		*)
			[ -z "$target2" ] || wrong "unexpected argument \"$1\": the disks are $target and $target2 already"
			if [ -z "$target" ]; then target=$1; else target2=$1; fi
			;;
		esac
		shift
	done
	[ -z "$unsigned" ] || [ -n "$from" ] || wrong "--unsigned is for an update: --from FILE or URL"
	if [ -n "$repair" ]; then
		[ -z "$target$from$given$erase" ] || wrong "--repair takes no other disk, and copies the system that runs"
		target=$repair
	fi
	[ -z "$answer" ] || [ -n "$target" ] || wrong "--yes needs the disk twice: xenith install DISK --yes DISK"
}

# ask TEXT: reads a line from the terminal into $reply.
ask() {
	printf '%s' "$1" >&4
	read -r reply || {
		echo >&4
		fail "nothing was done"
	}
}

# target_find: sets $chosen to the names of the disks, or fails with the list of disks.
target_find() {
	if [ -z "$target" ]; then
		[ -t 0 ] || fail_with_list "missing disk; use one of these:"
		disks_show
		ask "install on which disk? (Return: none) "
		[ -n "$reply" ] || fail "nothing was done"
		target=$reply
	fi
	target_name "$target"
	chosen=$disk
	[ -n "$target2" ] || return 0
	target_name "$target2"
	[ "$disk" != "$chosen" ] || fail_with_list "$target and $target2 are the same disk: $disk; a mirror needs two"
	chosen="$chosen $disk"
}

# target_name WORD: sets $disk to the disk that is meant.
target_name() {
	disk=$(disk_named "$1" | xargs)
	case $disk in
	'') fail_with_list "there is no disk $1" ;;
	*' '*) fail_with_list "$1 is more than one disk: $disk; use the name" ;;
	esac
}

# confirm WHAT: fails unless the names of the disks are typed, or were given twice.
confirm() {
	if [ -n "$answer" ]; then
		[ "$({
			disk_named "$answer"
			[ -z "$answer2" ] || disk_named "$answer2"
		} | sort | xargs)" = "$(printf '%s\n' "$chosen" | tr ' ' '\n' | sort | xargs)" ] ||
			fail_with_list "--yes $answer${answer2:+ --yes $answer2} is not the disk $target${target2:+ and $target2}; nothing was done"
		return
	fi
	[ -t 0 ] ||
		fail "cannot ask for confirmation: standard input is not a terminal; use xenith install $target${target2:+ $target2} --yes $target${target2:+ --yes $target2}; nothing was done"
	for disk in $chosen; do
		ask "type $disk to $1: "
		[ "$reply" = "$disk" ] || fail "\"$reply\" is not $disk; nothing was done"
	done
}

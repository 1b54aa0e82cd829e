# shellcheck shell=sh
# The command line of create, and all that can be checked of it alone.
#
# Needs: host_setting (host.sh), wrong and fail (steps.sh), hex and readable (detect.sh),
# address_problem (address.sh).
# Gives: the variables below, by arguments_read; arguments_check also gives the defaults.

name=       # of the domain
from=       # the options' values, as given
clone=
size=
storage=
memory=     # in MiB once checked
vcpus=
type=
firmware=
kernel=
ramdisk=
extra=
bridge=
ip=
ssh_key=
user_data=
no_zero=    # yes, or empty
start=
dry_run=
size_bytes=0 # --size in bytes

usage() {
	cat <<'END'
usage: xenith create NAME [OPTION...]

  --from WHAT        a disk image (qcow2 or raw), an ISO, a directory or tarball
                     that is a root file system, or KERNEL+RAMDISK
  --clone-of OTHER   a copy of another domain and its first disk
  --size SIZE        of the disk: 10G (default: what --from needs; 10G for an ISO)
  --storage PLACE    volume group, VG/POOL (thin), or a directory
  --memory SIZE      512M (the default)
  --vcpus N          1
  --type TYPE        pv, pvh or hvm (default: what --from needs)
  --firmware WHAT    bios or uefi: what starts an HVM guest's disk or CD (bios), or
                     a PVH guest's disk (its own GRUB's menu is read)
  --kernel FILE      start this kernel, not its own boot loader
  --ramdisk FILE
  --extra TEXT       the kernel's command line
  --bridge NAME      the bridge of host.conf
  --ip ADDRESS/BITS[,GATEWAY]
                     instead of DHCP (by cloud-init, or by the kernel)
  --ssh-key FILE     who may log in (by cloud-init)
  --cloud-init FILE  user data for cloud-init
  --no-zero          do not write zeros to a thick volume first
  --start            start it at once
  --dry-run          print the domain file, and do nothing
END
}

# argument_set OPTION VALUE
argument_set() {
	case $1 in
	--from) from=$2 ;;
	--clone-of) clone=$2 ;;
	--size) size=$2 ;;
	--storage) storage=$2 ;;
	--memory) memory=$2 ;;
	--vcpus) vcpus=$2 ;;
	--type) type=$2 ;;
	--firmware) firmware=$2 ;;
	--kernel) kernel=$2 ;;
	--ramdisk) ramdisk=$2 ;;
	--extra) extra=$2 ;;
	--bridge) bridge=$2 ;;
	--ip) ip=$2 ;;
	--ssh-key) ssh_key=$2 ;;
	--cloud-init) user_data=$2 ;;
	*) wrong "unknown option $1; see xenith create --help" ;;
	esac
}

# arguments_read WORD...
arguments_read() {
	while [ $# -gt 0 ]; do
		case $1 in
		--start) start=yes ;;
		--no-zero) no_zero=yes ;;
		--dry-run) dry_run=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		--*)
			[ $# -ge 2 ] || wrong "option $1 needs a value; see xenith create --help"
			argument_set "$1" "$2"
			shift
			;;
		-*) wrong "unknown option $1; see xenith create --help" ;;
		*)
			[ -z "$name" ] || wrong "unexpected argument \"$1\": the name is $name already"
			name=$1
			;;
		esac
		shift
	done
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

# megabytes SIZE: in MiB, for `memory`.
megabytes() {
	memory_bytes=$(bytes "$1") || wrong "--memory $1: invalid size; use a number with K, M, G or T, such as 512M"
	[ "$memory_bytes" -ge 8388608 ] || wrong "--memory $1: too small; a guest needs at least 8M"
	echo $((memory_bytes / 1048576))
}

# check_name NAME
check_name() {
	case $1 in
	'') wrong "missing domain name; see xenith create --help" ;;
	*[!A-Za-z0-9_.+-]* | [!A-Za-z0-9_]*) wrong "invalid name \"$1\": use letters, digits and _ . + -, and begin with a letter, a digit or _" ;;
	Domain-0) wrong "invalid name \"$1\": it is the name of dom0; choose another" ;;
	*[!0-9]*) ;;
	*) wrong "invalid name \"$1\": xl takes a number for a domain ID; add a letter" ;;
	esac
	[ ${#1} -le 60 ] || wrong "invalid name \"$1\": longer than 60 characters"
}

# check_firmware TYPE FIRMWARE
check_firmware() {
	case $1 in '' | pv | pvh | hvm) ;; *) wrong "--type $1: unknown type; use pv, pvh or hvm" ;; esac
	case $1-$2 in
	*- | -bios | hvm-bios | -uefi | hvm-uefi | pvh-uefi) ;;
	pv-bios | pv-uefi | pvh-bios) wrong "--firmware $2: unsupported for a $1 guest; leave it out, or use --type hvm" ;;
	*) wrong "--firmware $2: unknown firmware; use bios or uefi" ;;
	esac
}

# text_file OPTION FILE: fails unless it is readable, and not in UTF-16.
text_file() {
	readable "$@"
	case $(hex "$2" 0 2) in
	fffe | feff) fail "$1 $2: encoded in UTF-16; save it as UTF-8" ;;
	esac
}

# check_files: the files that options name.
check_files() {
	[ -z "$ssh_key" ] || text_file --ssh-key "$ssh_key"
	[ -z "$user_data" ] || text_file --cloud-init "$user_data"
	[ -z "$kernel" ] || readable --kernel "$kernel"
	[ -z "$ramdisk" ] || readable --ramdisk "$ramdisk"
}

# arguments_check: checks the variables above, and sets the defaults. A clone has the
# other's settings instead.
arguments_check() {
	check_name "$name"
	check_firmware "$type" "$firmware"
	if [ -z "$clone" ]; then
		: "${memory:=512M}" "${vcpus:=1}" "${bridge:=$(host_setting bridge)}"
		: "${bridge:=xenbr0}"
	fi
	case $vcpus in *[!0-9]* | 0*) wrong "--vcpus $vcpus: invalid number of CPUs; use 1 or more" ;; esac
	case $bridge in *[!A-Za-z0-9_.-]*) wrong "--bridge $bridge: invalid name; use letters, digits and _ . -" ;; esac
	# A quotation mark would end the domain file's string, a comma the disk's path.
	case $extra$from$kernel$ramdisk$storage in *[\"\'\\]*) wrong "unsupported quotation mark or backslash in --extra or a path: the domain file cannot hold it; leave it out" ;; esac
	case $from$storage in *,*) wrong "unsupported comma in --from or --storage: it separates the fields of a disk; rename the file" ;; esac
	[ -z "$memory" ] || memory=$(megabytes "$memory") || exit $?
	[ -z "$size" ] || size_bytes=$(bytes "$size") || wrong "--size $size: invalid size; use a number with K, M, G or T, such as 10G"
	if [ -n "$ip" ]; then
		problem=$(address_problem "$ip")
		[ -z "$problem" ] || wrong "--ip $ip: $problem"
	fi
	if [ -n "$from" ] && [ -n "$clone" ]; then
		wrong "--from and --clone-of exclude each other; use one of them"
	fi
	if [ -n "$clone" ] && [ -n "$size$type$firmware$kernel$ramdisk$extra$no_zero" ]; then
		wrong "--clone-of: a copy keeps the size, type, firmware and kernel of the original; leave out the options for these"
	fi
	check_files
}

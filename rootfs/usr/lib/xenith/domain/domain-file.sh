# shellcheck shell=sh
# The domain file of a new domain. See xenith-domain(5).
#
# Needs: $OVMF and $CONFIG (host.sh), hex (detect.sh), fail and $work (steps.sh).
# Gives: new_mac, domain_file, domain_file_check.
# shellcheck disable=SC2154 # $work, and what domain_file lists

# new_mac: prints a random MAC address in Xen's range.
new_mac() {
	printf '00:16:3e%s\n' "$(hex /dev/urandom 0 3 | sed 's/../:&/g')"
}

# command_line EXTRA DISK ADDRESS: prints the kernel's command line.
command_line() {
	words=$1
	if [ -n "$2" ] && [ -z "$1" ]; then words="root=/dev/xvda rw"; fi
	[ -z "$3" ] || words="${words:+$words }$3"
	printf 'console=hvc0%s\n' "${words:+ $words}"
}

# kernel_lines KERNEL RAMDISK COMMAND-LINE
kernel_lines() {
	printf 'kernel = "%s"\n' "$1"
	[ -z "$2" ] || printf 'ramdisk = "%s"\n' "$2"
	printf 'extra = "%s"\n' "$3"
}

# loader_line TYPE FIRMWARE: GRUB, which reads the grub.cfg on the guest's disk, or
# firmware that starts the guest's own boot loader.
loader_line() {
	case $1$2 in
	pv) printf 'kernel = "/usr/libexec/xen/boot/grub-x86_64-xen.bin"\n' ;;
	pvhuefi) printf 'kernel = "%s"\n' "$OVMF" ;;
	pvh) printf 'kernel = "/usr/libexec/xen/boot/grub-i386-xen_pvh.bin"\n' ;;
	esac
}

# hvm_lines NAME FIRMWARE FORMAT: the devices of an HVM guest.
hvm_lines() {
	[ "$2" != uefi ] || printf 'bios = "ovmf"\n'
	# The VNC socket is for root, here or over SSH. AHCI: firmware and installers
	# without PV drivers read it far faster than IDE.
	printf 'hdtype = "ahci"\n'
	printf 'serial = "pty"\nvga = "stdvga"\nusb = 1\nusbdevice = [ "tablet" ]\n'
	printf 'vnc = 1\nvncunused = 0\nvnclisten = "unix:/run/xen/vnc-%s"\n' "$1"
	[ "$3" != iso ] || printf 'boot = "dc"\n'
	# Firmware and many installers have no PV drivers: their devices never connect, so
	# do not wait for them.
	case $3 in iso | none) printf 'ready = "created"\n' ;; esac
}

# disk_line TYPE DISK SEED CDROM: the disks that are not empty words.
disk_line() {
	list=
	[ -z "$2" ] || list="\"$2,raw,xvda,rw\""
	# AHCI emulates an HVM guest's xvda to xvdf, and cannot be read-only.
	case $1 in hvm) at=xvdg ;; *) at=xvdb ;; esac
	[ -z "$3" ] || list="${list:+$list, }\"$3,raw,$at,ro\""
	[ -z "$4" ] || list="${list:+$list, }\"$4,raw,xvdc,ro,cdrom\""
	[ -z "$list" ] || printf 'disk = [ %s ]\n' "$list"
}

# domain_file: prints the domain file for $name, $type, $memory, $vcpus, $firmware,
# $kernel, $ramdisk, $extra, $bridge, $mac, the payload's $format and $from, and the
# paths $disk and $seed and the kernel's option $address, which may be empty.
domain_file() {
	echo "# Made by xenith create."
	[ ! -e "$work/made" ] || cat "$work/made"
	printf 'name = "%s"\ntype = "%s"\nmemory = %s\nvcpus = %s\n' "$name" "$type" "$memory" "$vcpus"
	if [ -n "$kernel" ]; then
		kernel_lines "$kernel" "$ramdisk" "$(command_line "$extra" "$disk" "$address")"
	elif [ "$type" = hvm ]; then
		hvm_lines "$name" "$firmware" "$format"
	else
		loader_line "$type" "$firmware"
	fi
	printf 'vif = [ "bridge=%s,mac=%s" ]\n' "$bridge" "$mac"
	cdrom=
	[ "$format" != iso ] || cdrom=$from
	disk_line "$type" "$disk" "$seed" "$cdrom"
}

# domain_file_check FILE: fails if `xenith check` finds an error in it.
domain_file_check() {
	# With another tree, only its own files can be checked.
	[ "$CONFIG" = /config ] || set -- --config "$CONFIG" "$@"
	xenith check "$@" >"$work/said" || {
		sed "s|^$work/||" "$work/said" >&2
		fail "cannot create domain $name: its domain file would be invalid, as reported above"
	}
}

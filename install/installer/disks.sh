# shellcheck shell=sh disable=SC2154 # $work
# The disks of this machine: what each is, and what is on it.
#
# Needs: $work and slots.sh.
# Gives: disks_read, which writes $work/disks (a line per disk, fields separated by tabs:
# name, bytes, bus, identifier, serial number, WWN, bytes of a sector, 1 if it is read-only,
# model) and $work/blkid; the functions below.

TAB='	'

# What a partition begins with while it is written (slot/write.c).
INCOMPLETE="Xenith: incomplete"

# one_line: prints the text on standard input without blanks at its ends, and without
# characters that a terminal obeys.
one_line() {
	tr -cd ' -~' | {
		read -r one_line || [ -n "$one_line" ] || return 0
		case $one_line in *'  '*) one_line=$(printf '%s\n' "$one_line" | sed 's/  */ /g') ;; esac
		printf '%s\n' "$one_line"
	}
}

# plain TEXT: prints the text like that.
plain() {
	case $1 in
	*[!\ -~]* | *'  '* | ' '* | *' ') printf '%s\n' "$1" | one_line ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# attribute FILE...: prints the first that can be read and is not empty.
attribute() {
	for attribute_file; do
		[ -f "$attribute_file" ] || continue
		attribute_value=
		read -r attribute_value 2>/dev/null <"$attribute_file" || :
		case $attribute_value in *[!\ -~]* | *'  '*) attribute_value=$(plain "$attribute_value") ;; esac
		if [ -n "$attribute_value" ]; then
			printf '%s\n' "$attribute_value"
			return
		fi
	done
}

# disk_names: prints the names of the disks, in the kernel's order.
disk_names() {
	for disk_at in /sys/class/block/*; do
		case ${disk_at##*/} in
		loop* | ram* | zram* | fd* | sr* | nbd* | dm-* | md* | xvd* | nvme*c*n* | mtd* | mmcblk*boot* | mmcblk*rpmb) continue ;;
		esac
		[ -e "$disk_at/partition" ] || [ "$(attribute "$disk_at/size")" = 0 ] || printf '%s\n' "${disk_at##*/}"
	done
}

# disk_bus NAME: how it is connected.
disk_bus() {
	disk_place=$(cd -P "/sys/class/block/$1" && pwd)
	case $disk_place in
	*/nvme-fabrics/*) echo nvme-of ;;
	*/nvme/* | */nvme-subsystem/*) echo nvme ;;
	*/usb[0-9]*) echo usb ;;
	*/virtio[0-9]*) echo virtio ;;
	*/mmc_host/*) echo mmc ;;
	*/session[0-9]*) echo iscsi ;;
	*/ata[0-9]*) echo sata ;;
	*) echo scsi ;;
	esac
}

disk_model() {
	case $(attribute "/sys/class/block/$1/device/vendor") in
	'' | ATA | 0x*) attribute "/sys/class/block/$1/device/model" "/sys/class/block/$1/device/name" ;;
	*) printf '%s %s\n' "$(attribute "/sys/class/block/$1/device/vendor")" "$(attribute "/sys/class/block/$1/device/model")" | one_line ;;
	esac
}

# disk_serial NAME: a page of SCSI begins with four bytes that are no text; a USB device has
# its number, and not the disk in it.
disk_serial() {
	if [ -s "/sys/class/block/$1/device/vpd_pg80" ]; then
		tail -c +5 "/sys/class/block/$1/device/vpd_pg80" | one_line
		return
	fi
	disk_number=$(attribute "/sys/class/block/$1/serial" "/sys/class/block/$1/device/serial")
	if [ -z "$disk_number" ] && [ "$(disk_bus "$1")" = usb ]; then
		disk_above=$(cd -P "/sys/class/block/$1" && pwd)
		while [ -n "$disk_above" ] && [ ! -e "$disk_above/idVendor" ]; do
			disk_above=${disk_above%/*}
		done
		disk_number=$(attribute "$disk_above/serial")
	fi
	printf '%s\n' "$disk_number"
}

# disk_wwn NAME: the number that is unique in the world; t10 is none.
disk_wwn() {
	case $(attribute "/sys/class/block/$1/wwid" "/sys/class/block/$1/device/wwid") in
	t10.* | '') ;;
	*) attribute "/sys/class/block/$1/wwid" "/sys/class/block/$1/device/wwid" ;;
	esac
}

# identifier BUS MODEL SERIAL: one word, for people and answer files; nothing without a
# serial number, because it would not tell two disks apart.
identifier() {
	[ -z "$3" ] || printf '%s-%s\n' "$1" "${2:+$2 }$3" | tr -c 'A-Za-z0-9.\n-' _
}

disks_read() {
	for read_disk in $(disk_names); do
		model=$(disk_model "$read_disk")
		serial=$(disk_serial "$read_disk")
		bus=$(disk_bus "$read_disk")
		sector=$(attribute "/sys/class/block/$read_disk/queue/logical_block_size")
		printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$read_disk" $(($(attribute "/sys/class/block/$read_disk/size") * 512)) \
			"$bus" "$(identifier "$bus" "$model" "$serial")" "$serial" "$(disk_wwn "$read_disk")" "${sector:-512}" \
			"$(attribute "/sys/class/block/$read_disk/ro")" "$model"
	done >"$work/disks"
	set --
	for read_disk in /sys/class/block/*; do
		case ${read_disk##*/} in loop* | ram* | zram* | fd*) continue ;; esac
		[ "$(attribute "$read_disk/size")" = 0 ] || set -- "$@" "/dev/${read_disk##*/}"
	done
	blkid -c /dev/null -s LABEL -s TYPE -s PTTYPE "$@" >"$work/blkid" 2>/dev/null || :
}

# disk_field NAME NUMBER: a field of its line in $work/disks.
disk_field() {
	while IFS= read -r field_line; do
		case $field_line in "$1$TAB"*) ;; *) continue ;; esac
		field_number=$2
		while [ "$field_number" -gt 1 ]; do
			field_line=${field_line#*"$TAB"}
			field_number=$((field_number - 1))
		done
		printf '%s\n' "${field_line%%"$TAB"*}"
		return
	done <"$work/disks"
}

# partitions_of NAME: prints the names of its partitions.
partitions_of() {
	for part_at in "/sys/class/block/$1/"*/partition; do
		[ ! -e "$part_at" ] || {
			read -r part_number <"$part_at"
			part_at=${part_at%/partition}
			printf '%s %s\n' "$part_number" "${part_at##*/}"
		}
	done | sort -n | while read -r _ part_at; do
		printf '%s\n' "$part_at"
	done
}

# tag NAME TAG: of the device, as blkid found it.
tag() {
	while IFS= read -r tag_line; do
		case $tag_line in "/dev/$1:"*"$2=\""*) ;; *) continue ;; esac
		tag_line=${tag_line##*"$2=\""}
		plain "${tag_line%%\"*}"
		return
	done <"$work/blkid"
}

# show_bytes BYTES: as disks are sold, in powers of 1000.
show_bytes() {
	awk -v bytes="$1" 'BEGIN {
		split("B kB MB GB TB PB", unit, " ")
		for (i = 1; bytes >= 1000 && i < 6; i++) bytes /= 1000
		printf (bytes < 10 && i > 1 ? "%.1f %s\n" : "%.0f %s\n"), bytes, unit[i]
	}'
}

# is_blank NAME: true if nothing is on the disk: no partitions, nothing that blkid knows, and
# only zeros at both ends. The size of a disk is seldom a number of MiB.
is_blank() {
	[ -z "$(partitions_of "$1")" ] && ! grep -q "^/dev/$1: " "$work/blkid" || return 1
	blank_end=$(($(disk_field "$1" 2) / 1048576 - 1))
	for blank_at in 0 $blank_end; do
		# What cannot be read is not blank.
		dd if="/dev/$1" bs=1048576 skip="$blank_at" count=2 >"$work/end" 2>/dev/null || return 1
		[ "$(tr -d '\0' <"$work/end" | wc -c)" = 0 ] || return 1
	done
}

# is_incomplete NAME: true if an installation was cut off on this disk, and nothing has been
# put there since. Its EFI partition begins with $INCOMPLETE, from before the partitions are
# made until it is complete.
is_incomplete() {
	has_slots "$1" || return 1
	incomplete_esp=$(partition "$1" xenith-esp)
	[ "$(head -c ${#INCOMPLETE} "$incomplete_esp" 2>/dev/null | tr -d '\0')" = "$INCOMPLETE" ] || return 1
	incomplete_data=$(partition "$1" xenith-data) || return 0
	[ -z "$(tag "${incomplete_data##*/}" ' TYPE')" ]
}

# committed_of NAME: the committed slot of an installed disk.
committed_of() {
	"$LIBRARY/slot" state "$(partition "$1" xenith-esp)" 2>/dev/null | sed -n 's/^slot=//p'
}

# installed_version NAME: the committed version of an installed disk, for messages.
installed_version() {
	installed_slot=$(committed_of "$1")
	installed_is=$(value_on "$(partition "$1" "xenith-${installed_slot:-a}")" version)
	printf '%s\n' "${installed_is:-of an unknown version}"
}

# medium_of NAME: the medium that an installed disk was installed from.
medium_of() {
	"$LIBRARY/slot" cat "$(partition "$1" xenith-esp)" xenith/medium 2>/dev/null | sed -n 's/^medium=//p'
}

# part_name NAME: prints the name of a partition in the GPT.
part_name() {
	[ -r "/sys/class/block/$1/uevent" ] || return 0
	while IFS= read -r part_line; do
		case $part_line in PARTNAME=*) plain "${part_line#*=}" ;; esac
	done <"/sys/class/block/$1/uevent"
}

# content_of NAME: prints what is on the disk, a line each.
content_of() {
	if is_incomplete "$1"; then
		echo "an installation of Xenith that was cut off"
	elif has_slots "$1"; then
		echo "Xenith $(installed_version "$1")"
	fi
	for part in $(partitions_of "$1"); do
		part_label=$(part_name "$part")
		fs_label=$(tag "$part" ' LABEL')
		[ "$fs_label" != "$part_label" ] || fs_label=
		fs=$(tag "$part" ' TYPE')
		printf '%-10s %8s  %s%s%s\n' "$part" "$(show_bytes $(($(attribute "/sys/class/block/$part/size") * 512)))" \
			"${fs:--}" "${part_label:+ $part_label}" "${fs_label:+ \"$fs_label\"}"
	done
	[ -z "$(partitions_of "$1")" ] || return 0
	whole=$(tag "$1" ' TYPE')
	if [ -n "$whole" ]; then
		whole_label=$(tag "$1" ' LABEL')
		echo "$whole${whole_label:+ \"$whole_label\"}"
	elif is_blank "$1"; then
		echo "empty"
	else
		echo "no partitions, but data of an unknown kind"
	fi
}

# disk_show NAME: its lines in the list.
disk_show() {
	printf '%-10s %8s  %-8s%s\n' "$1" "$(show_bytes "$(disk_field "$1" 2)")" "$(disk_field "$1" 3)" \
		"$(printf '%s\n' "$(disk_field "$1" 9) $(disk_field "$1" 5)" | one_line)"
	show_id=$(disk_field "$1" 4)
	[ -z "$show_id" ] || printf '    id %s\n' "$show_id"
	show_wwn=$(disk_field "$1" 6)
	[ -z "$show_wwn" ] || printf '    wwn %s\n' "$show_wwn"
	content_of "$1" | sed 's/^/    /'
	target_refused "$1" || return 0
	printf '    cannot be used: %s\n' "$why"
}

# disks_show: the list.
disks_show() {
	if [ ! -s "$work/disks" ]; then
		echo "this machine has no disk"
		return
	fi
	cut -f 1 "$work/disks" >"$work/names"
	while read -r show_name <&5; do
		disk_show "$show_name"
	done 5<"$work/names"
}

# shellcheck shell=sh disable=SC2154 # $work, and what the other parts set
# A new installation: everything on the disk is replaced. What makes the disk bootable is
# written last, so that a disk on which this was cut off does not boot half a system: first
# the boot code is cleared and the head of the EFI partition says that it is incomplete
# (is_incomplete), then all else is written and read back, then come the EFI partition and
# the boot code.
#
# Needs: the other parts, domain/steps.sh.
# Gives: $mirror, $config_uuid, mirror_make, new_plan, new_install; boot_code_missing,
# boot_code_write, data_missing and data_make, which complete one that was cut off.

# The boot loader of this version.
LOADER=/usr/share/xenith/loader

mirror=             # of two disks: the number 1 and their GUIDs
config_uuid=random  # of the file system of the configuration

# mirror_make: what the two disks have in common, which the boot knows them by.
mirror_make() {
	read -r config_uuid </proc/sys/kernel/random/uuid
	mirror="00000001 $(new_guid) $(new_guid)"
}

# boots_by_bios NAME: true if a BIOS can boot the disk, too: it reads sectors of 512 bytes.
boots_by_bios() {
	[ "$(disk_field "$1" 7)" = 512 ]
}

# uefi_only NAME...: prints that they boot by UEFI only. The disks of a mirror are alike.
uefi_only() {
	if [ $# = 1 ]; then words="boots by UEFI only: its"; else words="boot by UEFI only: their"; fi
	echo "$* $words sectors have $(disk_field "$1" 7) bytes"
}

# new_plan NAME...: prints what would be done.
new_plan() {
	echo "partitions of $*, after everything on it is erased:"
	sh "$LIBRARY/partitions.sh" "$LAYOUT" | while read -r number name _ size label _; do
		[ "$name:$data" != data:none ] || continue
		if [ "$size" = - ]; then size="the rest"; else size="$((size / 2048)) MiB"; fi
		case $name in
		a) what="Xenith $version" ;;
		b) what="for the first update" ;;
		config) what="$(config_kib "$work/tree") KiB of configuration" ;;
		data) what="LVM, volume group $(data_group)" ;;
		*) what= ;;
		esac
		printf '  %s  %-12s %9s  %s\n' "$number" "$label" "$size" "$what"
	done
	boots_by_bios "$1" || echo "  $(uefi_only "$@")"
	layer_files "$work/tree" | sed 's/^/  configuration: /'
	printf '  options for Xen: %s\n  options for Linux: %s\n' "$(cat "$work/xen.options")" "$(cat "$work/linux.options")"
}

# wipe DEVICE [BLOCKS]: clears what systems recognise it by: its first and last MiB, but for
# the first BLOCKS of 4096 bytes.
wipe() {
	wipe_sectors=$(($(device_bytes "$1") / 512))
	dd if=/dev/zero of="$1" bs=4096 seek="${2:-0}" count=$((256 - ${2:-0})) conv=notrunc,fsync &&
		dd if=/dev/zero of="$1" bs=512 count=2048 seek=$((wipe_sectors - 2048)) conv=notrunc,fsync
}

# boot_code_clear NAME
boot_code_clear() {
	dd if=/dev/zero of="/dev/$1" bs=440 count=1 conv=notrunc,fsync
}

# esp_clear NAME: has the EFI partition, if there is one, begin with $INCOMPLETE.
esp_clear() {
	! clear_esp=$(partition "$1" xenith-esp) || dd if="$work/incomplete" of="$clear_esp" bs=4096 count=1 conv=notrunc,fsync
}

# spoil NAME: makes sure that the disk does not boot, after a failure.
spoil() {
	spoiled=yes
	boot_code_clear "$1" 2>/dev/null || spoiled=
	esp_clear "$1" 2>/dev/null || spoiled=
	if [ -n "$spoiled" ]; then
		say "xenith: install: $1 holds no system now: it does not boot, and what was on it is lost"
	else
		say "xenith: install: $1 cannot be written any more: do not boot from it; what was on it is lost"
	fi
}

# partition_disk NAME GUID: writes the partition table.
partition_disk() {
	alone=
	[ "$data" != none ] || alone=alone
	identity_table "$(disk_field "$1" 7)" "$2" "$alone" >"$work/table" &&
		sfdisk --quiet --wipe always --wipe-partitions always "/dev/$1" <"$work/table"
}

# nodes_there NAME: true once the kernel has the new partitions.
nodes_there() {
	for label in xenith-bios xenith-esp xenith-a xenith-b XENITH-CFG; do
		node=$(partition "$1" $label) && [ -e "$node" ] || return 1
	done
}

wait_for_nodes() {
	tries=50
	until nodes_there "$1"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 200000
	done
}

# write_image DEVICE BYTES WHAT: writes standard input there, reads it back, and sets $got
# to the hash of what the disk returned.
write_image() {
	meter "$2" "$3" | "$LIBRARY/slot" write "$1" >"$work/written" 2>"$work/said" ||
		fail "cannot write $3 ($1): $(tail -n 1 "$work/said")"
	read -r got _ <"$work/written" || got=nothing
}

# write_slot DEVICE: writes the new version there, and verifies what the disk returns.
write_slot() {
	source_image | write_image_of "$1"
	said=$("$LIBRARY/slot" check "$1" 2>&1) ||
		fail "$1 is damaged after the write: $(printf '%s\n' "$said" | tail -n 1)"
}

# write_image_of DEVICE: a subshell, so it compares the hash itself.
write_image_of() {
	write_image "$1" "$image_size" "Xenith $version"
	[ "$got" = "$image_sha256" ] ||
		fail "$1 holds SHA-256 $got after the write, and $image_sha256 was expected: the disk is faulty, or what was read has changed"
}

# esp_make NAME: the EFI partition of the disk as $work/esp.img, a file with holes. The head
# depends on the size of the disk's sectors; GRUB follows it. FAT32 has its serial number in
# the first sector, and in the copy of that in the seventh. On sectors of 4096 bytes it is
# FAT16, which has no copy.
esp_make() {
	if boots_by_bios "$1"; then
		cp "$PARTS/esp.head" "$work/esp.img"
		places='67 3139'
	else
		cp "$PARTS/esp-4096.head" "$work/esp.img"
		places=39
	fi
	cat "$LOADER/BOOTX64.EFI" >>"$work/esp.img"
	esp_used=$(stat -c %s "$work/esp.img")
	head -c 4 /dev/urandom >"$work/serial"
	for place in $places; do
		dd if="$work/serial" of="$work/esp.img" bs=1 seek="$place" conv=notrunc 2>/dev/null
	done
	truncate -s "$(sh "$LIBRARY/partitions.sh" "$LAYOUT" | awk '$2 == "esp" { printf "%.0f\n", $4 * 512 }')" "$work/esp.img"
	for number in 0 1; do
		try "set the options" "$LIBRARY/slot" options "$work/esp.img" $number "$(cat "$work/xen.options")" "$(cat "$work/linux.options")"
	done
	medium_note | "$LIBRARY/slot" put "$work/esp.img" xenith/medium 2>"$work/said" ||
		fail "cannot record the medium: $(tail -n 1 "$work/said")"
}

# medium_note: what an installed disk knows of the medium, in 512 bytes.
medium_note() {
	{
		printf 'medium=%s\n' "$medium_id"
		head -c 512 /dev/zero | tr '\0' '#'
	} | head -c 512
}

# data_group: the name for the volume group of guests, which no other has.
data_group() {
	group=xenith
	number=2
	while vgs "$group" >/dev/null 2>&1; do
		group=xenith$number
		number=$((number + 1))
	done
	printf '%s\n' "$group"
}

# group_make NAME DEVICE...: the volume group. The tag tells xenith create that each volume is
# to be on both disks.
group_make() {
	group=$1
	shift
	for node; do
		wipe "$node" && pvcreate -q -y -ff "$node" || return 1
	done
	# shellcheck disable=SC2086 # two words
	vgcreate -q ${mirror:+--addtag xenith-mirror} "$group" "$@"
}

# data_make NAME...: the volume group of the guests. The system is complete without it.
data_make() {
	group=$(data_group)
	nodes=
	for data_disk; do
		node=$(partition "$data_disk" xenith-data) || return 0
		nodes="$nodes${nodes:+ }$node"
	done
	# shellcheck disable=SC2086 # devices
	if group_make "$group" $nodes >"$work/said" 2>&1; then
		say "volume group $group for guests: $nodes"
	else
		say "xenith: install: warning: the system is installed, but there is no volume group for guests on $nodes ($(tail -n 1 "$work/said")); make it with vgcreate ${mirror:+--addtag xenith-mirror }$group $nodes"
	fi
}

# disk_free_of_users NAME: fails if the kernel knows of a user that the checks did not.
disk_free_of_users() {
	blockdev --rereadpt "/dev/$1" 2>"$work/said" ||
		fail_with_list "cannot use $1: something has it open ($(tail -n 1 "$work/said")); nothing was changed"
}

# disk_prepare NAME GUID: its partitions, empty. From here on the disk does not boot, until
# its EFI partition and its boot code are there. sfdisk clears what each old partition is
# recognised by, and Linux finds no partitions while the table is half written: the old system
# must not boot then.
disk_prepare() {
	{
		printf '%s\n' "$INCOMPLETE"
		head -c 4096 /dev/zero
	} | head -c 4096 >"$work/incomplete"
	prepare_at=$(sh "$LIBRARY/partitions.sh" "$LAYOUT" | awk '$2 == "esp" { print $3 / 2048 }')
	undo spoil "$1"
	try "clear the boot code of $1" boot_code_clear "$1"
	try "clear the EFI partition of $1" esp_clear "$1"
	# Where the EFI partition will be.
	try "write to $1" dd if="$work/incomplete" of="/dev/$1" bs=1048576 seek="$prepare_at" conv=notrunc,fsync
	try "write the partition table of $1" partition_disk "$@"
	wait_for_nodes "$1" || fail "cannot find the new partitions of $1: the kernel has not read the table"
	try "clear the partition xenith-esp of $1" wipe "$(partition "$1" xenith-esp)" 1
	for label in xenith-bios xenith-a xenith-b XENITH-CFG; do
		try "clear the partition $label of $1" wipe "$(partition "$1" $label)"
	done
	# What stood there is not taken for something that was put there afterwards (data_missing).
	! prepare_data=$(partition "$1" xenith-data) ||
		try "clear the partition xenith-data of $1" clear_mib "$prepare_data"
}

# clear_mib DEVICE: clears its first MiB, or all of it if it is smaller.
clear_mib() {
	clear_blocks=$(($(device_bytes "$1") / 512))
	[ "$clear_blocks" -lt 2048 ] || clear_blocks=2048
	dd if=/dev/zero of="$1" bs=512 count="$clear_blocks" conv=notrunc,fsync
}

# data_missing NAME: true if the installation was cut off before the volume group: nothing
# has been put into its partition.
data_missing() {
	missing_at=$(partition "$1" xenith-data) && [ -z "$(tag "${missing_at##*/}" ' TYPE')" ] &&
		[ "$(head -c 1048576 "$missing_at" | tr -d '\0' | wc -c)" = 0 ]
}

# boot_code_missing NAME: true if a BIOS could boot the disk, but for the boot code, which is
# written last.
boot_code_missing() {
	boots_by_bios "$1" && [ "$(head -c 440 "/dev/$1" | tr -d '\0' | wc -c)" = 0 ]
}

# boot_code_write NAME FILE: GRUB's first stage, for BIOS.
boot_code_write() {
	try "write the boot code of $1" dd if="$2" of="/dev/$1" bs=440 count=1 conv=notrunc,fsync
	blockdev --flushbufs "/dev/$1" 2>/dev/null || :
	head -c 440 "/dev/$1" >"$work/code"
	head -c 440 "$2" | cmp -s - "$work/code" ||
		fail "the boot code of $1 reads back different from what was written: the disk is faulty"
}

# disk_install NAME GUID: a new installation there.
disk_install() {
	esp_make "$1"
	disk_prepare "$@"
	esp=$(partition "$1" xenith-esp)
	write_slot "$(partition "$1" xenith-a)"
	config_write "$work/tree" "$(partition "$1" XENITH-CFG)"
	! boots_by_bios "$1" || write_image "$(partition "$1" xenith-bios)" "$(stat -L -c %s "$LOADER/bios.img")" "the boot loader" <"$LOADER/bios.img"
	head -c "$esp_used" "$work/esp.img" | write_image "$esp" "$esp_used" "the EFI partition"
	! boots_by_bios "$1" || boot_code_write "$1" "$LOADER/boot.img"
	undone "$(quoted spoil "$1")"
}

# new_install NAME [NAME2]: one after the other, so that the first one is complete if the
# second one fails.
new_install() {
	for each; do
		disk_free_of_users "$each"
	done
	guids=${mirror#* }
	[ -n "$guids" ] || guids=$(new_guid)
	disk_install "$1" "${guids% *}"
	if [ $# = 2 ]; then
		first_only="xenith: install: $1 is complete, and boots without $2 (degraded); on that host xenith install --repair DISK brings another disk in"
		undo say "$first_only"
		disk_install "$2" "${guids#* }"
		undone "$(quoted say "$first_only")"
	fi
	[ "$data" = none ] || data_make "$@"
	say "Xenith $version is installed on $*"
	boots_by_bios "$1" || say "$(uefi_only "$@")"
}

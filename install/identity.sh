# shellcheck shell=sh
# What makes an installation differ from all others: the GUIDs of its disk, the UUID of its
# configuration, its identifier and its SSH key. Sourced by the first boot of xenith.img and
# by the installer. Each function may be called again after a power cut: it completes what
# was cut off, and never changes what is complete. It returns false with the reason in $why.

LIBRARY=/usr/lib/xenith
LAYOUT=/usr/share/xenith/layout

# identity_call COMMAND...: runs it; prints what it printed.
identity_call() {
	why=
	said=$("$@" 2>&1) || {
		why=$(printf '%s\n' "$said" | tail -n 1 | sed 's/^slot: //')
		return 1
	}
}

# identity_of DISK: sets $guid, the disk's GUID, and $from: image (it was written from
# xenith.img and not booted yet), own, or cut (the last step of the first boot is missing).
identity_of() {
	identity_call "$LIBRARY/slot" identity "$1" || return 1
	guid=$(printf '%s\n' "$said" | sed -n 's/^guid=//p')
	from=$(printf '%s\n' "$said" | sed -n 's/^from=//p')
}

# identity_give DISK [alone]: gives a disk that was written from xenith.img GUIDs, UUID and
# serial number of its own, and lets its table reach to its end. The rest of the disk becomes
# the partition xenith-data, unless `alone`. No partition of the disk may be in use.
identity_give() {
	identity_disk=$1
	if [ "${2:-}" = alone ]; then
		set --
	else
		# shellcheck disable=SC2046 # two words
		set -- $(awk '$2 == "data" { print $3, $5 }' "$LAYOUT")
	fi
	identity_call "$LIBRARY/slot" identify "$identity_disk" "$@" || return 1
	identity_of "$identity_disk"
}

# new_guid: prints a random GUID for a disk. sfdisk's own will not do: it puts the version into
# another digit, so that one disk in sixteen is taken for one written from xenith.img.
new_guid() {
	tr a-f A-F </proc/sys/kernel/random/uuid
}

# identity_table SECTOR GUID [alone]: prints the partitions of a new disk with sectors of
# SECTOR bytes (/sys/class/block/NAME/queue/logical_block_size), for the standard input of
# `sfdisk --wipe always --wipe-partitions always DISK`, which makes the partitions' GUIDs.
# The disk itself gets GUID.
identity_table() {
	printf 'label: gpt\nlabel-id: %s\nunit: sectors\nsector-size: %s\n' "$2" "$1"
	sh "$LIBRARY/partitions.sh" "$LAYOUT" "$1" | while read -r number _ start size label type; do
		if [ "$size" = - ]; then
			[ "${3:-}" != alone ] || continue
			size=
		fi
		printf '%s : start=%s%s, type=%s, name="%s"\n' "$number" "$start" "${size:+, size=$size}" "$type" "$label"
	done
}

# identity_put FILE: makes FILE of standard input, whole or not at all. The directory is on
# ext4, where a rename is safe.
identity_put() {
	identity_aside=${1%/*}/.${1##*/}.new
	{ cat >"$identity_aside" && sync "$identity_aside" && mv "$identity_aside" "$1" && sync "${1%/*}"; } 2>/dev/null || {
		why="cannot write $1"
		rm -f "$identity_aside" 2>/dev/null
		return 1
	}
}

# mirror_of DIRECTORY: prints what the configuration in DIRECTORY says of the mirror that its
# disk belongs to: a number, which increases when a disk is replaced, and the GUIDs of the
# disks; nothing if the host has one disk.
mirror_of() {
	sed -n 's/^mirror=\([0-9]\{8\}\( [0-9A-F-]\{36\}\)\{2\}\)$/\1/p' "$1/installation" 2>/dev/null
}

# identity_installation DIRECTORY [MEDIUM]: sets $installation to the identifier of the
# installation whose configuration is in DIRECTORY, which can be written. Makes it if there
# is none, with the identifier of the MEDIUM that it was installed from. The disks of a
# mirror share it.
identity_installation() {
	why=
	installation=$(sed -n 's/^id=//p' "$1/installation" 2>/dev/null)
	[ -z "$installation" ] || return 0
	read -r installation </proc/sys/kernel/random/uuid
	printf 'id=%s\n%s' "$installation" "${2:+medium=$2
}" | identity_put "$1/installation"
}

# identity_has_key DIRECTORY: true if the configuration there has a host key.
identity_has_key() {
	for identity_key in "$1"/ssh/dropbear_*_host_key; do
		[ ! -e "$identity_key" ] || return 0
	done
	return 1
}

# identity_host_key DIRECTORY: makes the SSH key of the host whose configuration is in
# DIRECTORY, unless it has one.
identity_host_key() {
	why=
	! identity_has_key "$1" || return 0
	identity_key=$1/ssh/dropbear_ed25519_host_key
	rm -f "$1/ssh/.new"
	if mkdir -p "$1/ssh" 2>/dev/null && dropbearkey -t ed25519 -f "$1/ssh/.new" >/dev/null 2>&1 &&
		{ sync "$1/ssh/.new" && mv "$1/ssh/.new" "$identity_key" && sync "$1/ssh" "$1"; } 2>/dev/null; then
		return
	fi
	why="cannot write $identity_key"
	rm -f "$1/ssh/.new" 2>/dev/null
	return 1
}

# shellcheck shell=sh
# The host: its paths and its settings, and what its domain files hold.
#
# Needs: `xenith`, which reads domain files. Tests set the paths in the environment.
# Gives: the paths below, host_setting, host_link, files_of, fact, disks_of.

DEV=${XENITH_DEV:-/dev}
# The configuration in memory, and the drive that keeps it.
CONFIG=${XENITH_CONFIG:-/config}
DRIVE=${XENITH_DRIVE:-/run/xenith/sources/drive}
# Guests' kernels, if there is no drive.
IMAGES=${XENITH_IMAGES:-/var/lib/xenith/images}
RUN=${XENITH_RUN_DIR:-/run/xenith}
MOUNTS=${XENITH_MOUNTS:-/proc/mounts}
DEVICE_MODEL=${DEVICE_MODEL:-/usr/libexec/xen/bin/qemu-system-i386}
OVMF=${OVMF:-/usr/share/ovmf/OVMF.fd}

# host_setting KEY: prints its value in host.conf; nothing if unset.
host_setting() {
	sed -n "s/^$1=//p" "$CONFIG/host.conf" 2>/dev/null || :
}

# host_link: prints the name of the link with the host's own address.
host_link() {
	cat "$RUN/networks/primary" 2>/dev/null || host_setting bridge
}

# files_of NAME: prints the domain files with that name.
files_of() {
	xenith file-named "$1" "$CONFIG/domains"
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

# shellcheck shell=sh
# Shared by the network scripts. A guest's card has two interfaces in dom0: the vif
# (`online`, `offline`) and, for HVM guests with an emulated card, QEMU's tap (`add`,
# `remove`); libxl calls for each, with type_if=.
#
# This sets $up (yes, or empty on removal), $kind (vif or tap) and $dev (the interface,
# renamed to `vifname`), and loads the keys.

# shellcheck source=rootfs/etc/xen/scripts/hotplug-common.sh
. "${0%/*}/hotplug-common.sh"
net=${HOTPLUG_NET:-/usr/lib/xenith/network}
# shellcheck source=rootfs/usr/lib/xenith/network/vif.sh
. "$net/vif.sh"

action=
kind=vif
for arg; do
	case $arg in
	type_if=*) kind=${arg#type_if=} ;;
	*=*) ;;
	*) action=$arg ;;
	esac
done

case $kind/$action in
vif/online | tap/add) up=yes ;;
vif/offline | tap/remove) up= ;;
# For the other interface.
vif/add | vif/remove | tap/online | tap/offline) exit 0 ;;
*) fatal "${0##*/}: unknown action '$action' for an interface of type '$kind'" ;;
esac

load
case $kind in
vif)
	dev=${vif:?is set by libxl}
	suffix=
	;;
tap)
	dev=${INTERFACE:?is set by libxl}
	suffix=-emu
	;;
esac

exists() {
	[ -e "$HOTPLUG_SYS/class/net/$1" ]
}

if get vifname; then
	wanted=$value$suffix
	if [ -n "$up" ] && [ "$wanted" != "$dev" ]; then
		# Taking another guest's interface name would take its traffic.
		! exists "$wanted" || fatal "cannot rename $dev to $wanted: there is an interface of that name; change vifname"
		try ip link set dev "$dev" name "$wanted"
	fi
	dev=$wanted
fi

# connected [KEY VALUE...]: reports the device as ready, with more keys.
connected() {
	if [ "$kind" = vif ]; then
		set -- "$@" "$XENBUS_PATH/hotplug-status" connected
	fi
	[ $# -eq 0 ] || try xenstore-write "$@"
}

# address_of DEVICE: sets $value to its first IPv4 address; fails if none.
address_of() {
	value=$(ip -4 -o addr show dev "$1" 2>/dev/null) || value=
	case $value in
	*" inet "*) ;;
	*) return 1 ;;
	esac
	value=${value#*" inet "}
	value=${value%%[/ ]*}
}

# allow SETTING: enables a network setting of the kernel: ipv4/... or ipv6/....
allow() {
	echo 1 >"$HOTPLUG_PROC/sys/net/$1" || fatal "cannot enable $1: the kernel refuses it"
}

# dead: takes the interface down; one already gone is no error.
dead() {
	ip link set dev "$dev" down 2>/dev/null || :
}

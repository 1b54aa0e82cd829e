# shellcheck shell=sh
# Which type of guest starts a payload, and whether this host runs it.
#
# Needs: $DEVICE_MODEL and $OVMF (host.sh), fail (steps.sh).
# Gives: guest_type, guest_type_check.

# can_hvm: true if this host runs HVM and PVH guests.
can_hvm() {
	xl info virt_caps 2>/dev/null | grep -q hvm
}

# guest_type FORMAT FIRMWARE: prints the default.
guest_type() {
	case $1,$2 in
	*,?*) echo hvm ;;
	iso,* | qcow2,* | raw,*) echo hvm ;;
	*) if can_hvm; then echo pvh; else echo pv; fi ;;
	esac
}

# guest_type_check NAME TYPE FORMAT FIRMWARE KERNEL
guest_type_check() {
	if [ -n "$4" ]; then
		case $5$3 in
		none | iso | qcow2 | raw) ;;
		*) fail "--firmware $4: only for guests that start from their own disk or CD, and $1 starts from a kernel; leave it out" ;;
		esac
	fi
	[ "$3" != iso ] || [ "$2" = hvm ] || fail "--type $2: only HVM guests start from an ISO; use --type hvm"
	if [ "$2" = hvm ] && [ ! -e "$DEVICE_MODEL" ]; then
		fail "--type hvm: this host has no device model (its image was built without HVM); use --type pvh or pv"
	fi
	[ "$4" != uefi ] || [ -e "$OVMF" ] || fail "--firmware uefi: this host has no UEFI firmware for guests (its image was built without HVM); leave it out"
}

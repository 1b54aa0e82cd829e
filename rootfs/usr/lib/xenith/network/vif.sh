# shellcheck shell=sh
# What the network scripts in /etc/xen/scripts do with the keys of a guest's card: VLANs,
# rate, anti-spoofing.
#
# Needs: fatal, log, get, $value and $dev (vif-common.sh), $net (this directory).
# Gives: bridge_is_guarded, guard_card, limit_card, join_vlans.
# shellcheck disable=SC2154 # $net, $value, $dev
: "${XENITH_RUN_DIR:=/run/xenith}"

# shellcheck source=rootfs/usr/lib/xenith/network/packets.sh
. "$net/packets.sh"

# bridge_is_guarded BRIDGE: true if its file has AntiSpoofing=yes.
bridge_is_guarded() {
	grep -qxF "$1	Bridge.AntiSpoofing	yes" "$XENITH_RUN_DIR/networks/facts" 2>/dev/null
}

# guard_card ADDRESSES [any]: drops what the guest sends from others' addresses. With `any`
# it may have every IPv6 link-local address.
guard_card() {
	get mac || fatal "cannot guard $dev: its MAC address is missing"
	guard_reason=$(frames_filter "$dev" "$value" "$1" "${2:-}" 2>&1) ||
		fatal "cannot guard $dev: ${guard_reason:-no reason given}"
}

# limit_card: applies `rate` to an emulated card. The back end of a vif does so by itself.
limit_card() {
	get rate || return 0
	limit_reason=$(frames_police "$dev" "${value%,*}" "${value#*,}" 2>&1) ||
		fatal "cannot limit the rate of $dev: ${limit_reason:-no reason given}"
}

# vlan_fatal TERM
vlan_fatal() {
	fatal "cannot connect $dev: vlan=$vlan_spec has the invalid term '$1'; write VLANs from 1 to 4094 as in 10p/20/30-39"
}

# is_vlan TEXT
is_vlan() {
	case $1 in '' | 0* | *[!0-9]* | ?????*) return 1 ;; esac
	[ "$1" -le 4094 ]
}

# join_vlan TERM FLAG...: adds the port to a VLAN, or to those of a range: A-B, or A+STEPxN
# for A and N more.
join_vlan() {
	vlan_term=$1
	shift
	case $vlan_term in
	*+*x*)
		vlan_id=${vlan_term%%+*}
		vlan_step=${vlan_term#*+}
		vlan_more=${vlan_step#*x}
		vlan_step=${vlan_step%%x*}
		if ! is_vlan "$vlan_id" || ! is_vlan "$vlan_step" || ! is_vlan "$vlan_more"; then vlan_fatal "$vlan_term"; fi
		is_vlan $((vlan_id + vlan_step * vlan_more)) || vlan_fatal "$vlan_term"
		while [ "$vlan_more" -ge 0 ]; do
			try bridge vlan add dev "$dev" vid "$vlan_id" "$@"
			vlan_id=$((vlan_id + vlan_step))
			vlan_more=$((vlan_more - 1))
		done
		return
		;;
	*-*)
		if ! is_vlan "${vlan_term%-*}" || ! is_vlan "${vlan_term#*-}"; then vlan_fatal "$vlan_term"; fi
		[ "${vlan_term%-*}" -le "${vlan_term#*-}" ] || vlan_fatal "$vlan_term"
		;;
	*) is_vlan "$vlan_term" || vlan_fatal "$vlan_term" ;;
	esac
	try bridge vlan add dev "$dev" vid "$vlan_term" "$@"
}

# join_vlans BRIDGE VLANS: puts the port, which is down, into the VLANs of xl's vlan=, and
# takes it out of the bridge's own.
join_vlans() {
	vlan_spec=$2
	read -r vlan_filtering <"$HOTPLUG_SYS/class/net/$1/bridge/vlan_filtering" || vlan_filtering=0
	[ "$vlan_filtering" = 1 ] ||
		fatal "cannot connect $dev: vlan=$vlan_spec needs a bridge with VLANs; set VLANFiltering=yes for $1, or name a bridge on the VLAN"
	read -r vlan_default <"$HOTPLUG_SYS/class/net/$1/bridge/default_pvid" || vlan_default=0
	[ "$vlan_default" = 0 ] || try bridge vlan del dev "$dev" vid "$vlan_default"
	case $vlan_spec in
	*p*p*) fatal "cannot connect $dev: vlan=$vlan_spec has two VLANs for untagged frames (p); keep one" ;;
	*[/+-]* | *[pu]) vlan_rest=$vlan_spec/ ;;
	*) vlan_rest=${vlan_spec}p/ ;;
	esac
	while [ -n "$vlan_rest" ]; do
		vlan_term=${vlan_rest%%/*}
		vlan_rest=${vlan_rest#*/}
		case $vlan_term in
		*[-+]*p) vlan_fatal "$vlan_term" ;;
		*p) join_vlan "${vlan_term%p}" pvid untagged ;;
		*u) join_vlan "${vlan_term%u}" untagged ;;
		*) join_vlan "$vlan_term" ;;
		esac
	done
}

# shellcheck shell=sh
# The commands that difference.awk prints: each is a function do_NAME, which fails with the
# reason on standard error. `ip` may be BusyBox's or iproute2's.
#
# Needs: state.sh. $careful is not empty where a duplicate address is an error; a boot
# does not wait for that.
# Gives: run_actions.
# shellcheck disable=SC2154 # $careful

do_remove() {
	ip link del dev "$1"
}

do_release() {
	ip link set dev "$1" nomaster
}

do_down() {
	ip link set dev "$1" down
}

do_up() {
	ip link set dev "$1" up
}

# Without max_bonds=0 the module makes a bond0 of its own.
do_make_bond() {
	modprobe -q bonding max_bonds=0 2>/dev/null || :
	ip link add name "$1" type bond || return 1
	do_write "$1" bonding/mode "$2"
}

# A bridge without a card keeps one address, too, which is another on each host.
do_make_bridge() {
	ip link add name "$1" type bridge || return 1
	ip link set dev "$1" address "$(derived_mac "$1")"
}

# derived_mac NAME: prints a MAC address of the host's own, made of the names.
derived_mac() {
	printf '%s %s' "$(setting hostname)" "$1" | sha256sum |
		sed 's/\(..\)\(..\)\(..\)\(..\)\(..\).*/02:\1:\2:\3:\4:\5/'
}

do_make_vlan() {
	ip link add link "$2" name "$1" type vlan id "$3"
}

do_write() {
	{ printf '%s\n' "$3" >"$NET_SYS/$1/$2"; } 2>/dev/null || {
		echo "the kernel refuses $3 in $NET_SYS/$1/$2" >&2
		return 1
	}
}

# For what can only be set while the link is down.
do_write_down() {
	ip link set dev "$1" down && do_write "$@" && ip link set dev "$1" up
}

do_mac() {
	ip link set dev "$1" address "$2"
}

do_mtu() {
	ip link set dev "$1" mtu "$2"
}

# A card is down while it joins a bond, which then raises it.
do_join_bond() {
	ip link set dev "$1" down && ip link set dev "$1" master "$2"
}

do_join_bridge() {
	if [ "${3:-}" = first ]; then
		read -r mac <"$NET_SYS/$1/address"
		ip link set dev "$2" address "$mac" || return 1
	fi
	ip link set dev "$1" master "$2"
}

# do_vlan_add PORT VLANS [pvid] [untagged] [self]
do_vlan_add() {
	vlan_port=$1
	vlan_ids=$2
	shift 2
	command -v bridge >/dev/null || {
		echo "the program bridge (iproute2) is not in this image" >&2
		return 1
	}
	bridge vlan add dev "$vlan_port" vid "$vlan_ids" "$@"
}

do_vlan_remove() {
	vlan_port=$1
	vlan_ids=$2
	shift 2
	bridge vlan del dev "$vlan_port" vid "$vlan_ids" "$@"
}

do_ipv6() {
	{ echo "$3" >"$NET_PROC/sys/net/ipv6/conf/$1/$2"; } 2>/dev/null
}

# Advertisements are also heeded where the host forwards packets of guests (2). IPv6 then
# starts anew: the kernel asks for an advertisement, or forgets what the last one has set.
# Fixed addresses that this takes away are set in the next round.
do_accept_ra() {
	do_ipv6 "$1" autoconf $(($2 > 0)) && do_ipv6 "$1" accept_ra "$2" &&
		do_ipv6 "$1" disable_ipv6 1 && do_ipv6 "$1" disable_ipv6 0
}

# do_address_add LINK ADDRESS detect|none
do_address_add() {
	case $2 in
	*:*) ip addr add "$2" dev "$1" ;;
	*)
		if [ -n "$careful" ] && [ "$3" = detect ]; then
			do_up "$1"
			other_host "$1" "${2%/*}" || return 1
		fi
		ip addr add "$2" brd + dev "$1"
		;;
	esac
}

# other_host LINK ADDRESS: fails, and says who, if another machine has the address.
other_host() {
	# A link needs a moment until it carries anything.
	tries=0
	until read -r carrier <"$NET_SYS/$1/carrier" && [ "$carrier" = 1 ]; do
		tries=$((tries + 1))
		[ $tries -le 40 ] || return 0
		usleep 50000
	done 2>/dev/null
	answer=$(arping -D -c 2 -w 2 -I "$1" "$2" 2>&1) && return
	case $answer in
	*reply*\[*\]*)
		answer=${answer#*\[}
		echo "another machine (${answer%%\]*}) has the address $2" >&2
		return 1
		;;
	esac
}

do_address_remove() {
	ip addr del "$2" dev "$1"
}

do_duplicate() {
	echo "another machine has the address $2" >&2
	return 1
}

# route_words FAMILY TO VIA METRIC: sets $route to the words for `ip`.
route_words() {
	route=$2
	[ "$3" = - ] || route="$route via $3"
	[ "$4" = 0 ] || route="$route metric $4"
}

# do_route_add LINK FAMILY TO VIA METRIC SOURCE onlink|-
do_route_add() {
	route_words "$2" "$3" "$4" "$5"
	[ "$6" = - ] || route="$route src $6"
	# iproute2 takes the word behind the link.
	direct=
	[ "$7" = - ] || direct=onlink
	# shellcheck disable=SC2086 # words
	ip "-$2" route replace $route dev "$1" $direct
}

do_route_remove() {
	route_words "$2" "$3" "$4" "$5"
	# shellcheck disable=SC2086 # words
	ip "-$2" route del $route dev "$1"
}

do_dhcp_start() {
	dhcp_start "$1" "$2"
}

do_dhcp_stop() {
	dhcp_stop "$1"
}

do_refuse() {
	echo "that cannot be changed while the host runs" >&2
	return 1
}

# Not an action: the difference stays until a card appears.
do_wait() {
	:
}

# run_actions FILE: runs the actions in it. Those that fail are reported, as "TEXT: REASON";
# false if one did.
run_actions() {
	actions_failed=
	while IFS="$TAB" read -r text command <&4; do
		# shellcheck disable=SC2086 # words
		set -- $command
		verb=$1
		shift
		"do_$verb" "$@" >"$NET/said" 2>&1 || {
			printf '%s: %s\n' "$text" "$(tail -n 1 "$NET/said")" >&2
			actions_failed=yes
		}
	done 4<"$1"
	[ -z "$actions_failed" ]
}

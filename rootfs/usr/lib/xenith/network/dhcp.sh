# shellcheck shell=sh
# Clients of DHCP: udhcpc for IPv4, udhcpc6 for IPv6, each below a supervisor of its own.
# The client for the bridge of host.conf is the service udhcpc, which the boot starts.
#
# Needs: state.sh.
# Gives: dhcp_start, dhcp_stop, lease_forget.
# shellcheck disable=SC2154 # paths of state.sh

# dhcp_start LINK ipv4|ipv6|yes: starts the clients. Those that run already go on, if the
# families are the same.
dhcp_start() {
	if [ -d "$NET/dhcp/$1" ]; then
		dhcp_stop "$1"
	fi
	if [ "$2" != ipv4 ] && ! command -v udhcpc6 >/dev/null; then
		echo "udhcpc6, which DHCP over IPv6 needs, is not in this image" >&2
		return 1
	fi
	mkdir -p "$NET/dhcp/$1"
	echo "$2" >"$NET/dhcp/$1/mode"
	[ "$2" = ipv6 ] || dhcp_service "$1" udhcpc "exec $BOOT/sv/udhcpc/run $1"
	# Routes come from advertisements, which the kernel reads if IPv6AcceptRA=yes.
	[ "$2" = ipv4 ] || dhcp_service "$1" udhcpc6 "exec udhcpc6 -f -i $1 -s $here/lease6 -O dns -O search -t 4 -T 1 -A 15 -R -S >/dev/null 2>&1"
}

# dhcp_service LINK NAME COMMAND: supervises the command.
dhcp_service() {
	service=$NET/dhcp/$1/$2
	mkdir -p "$service"
	printf '#!/bin/sh\n%s\n' "$3" >"$service/run"
	chmod 755 "$service/run"
	setsid runsv "$service" </dev/null >/dev/null 2>&1 8>&- &
}

# dhcp_stop LINK: stops the clients, and removes the address of the lease.
dhcp_stop() {
	for service in "$NET/dhcp/$1"/*/; do
		[ -d "$service" ] || continue
		sv -w 5 exit "${service%/}" >/dev/null 2>&1 || :
	done
	if [ ! -d "$NET/dhcp/$1/udhcpc" ] && [ "$1" = "$(setting bridge)" ] && [ -d "$SERVICES/udhcpc" ]; then
		sv -w 5 down "$SERVICES/udhcpc" >/dev/null 2>&1 || :
	fi
	rm -rf "$NET/dhcp/$1"
	lease_drop "$1"
}

# lease_drop LINK: takes the address and the routes of a lease away.
lease_drop() {
	if [ -e "$NET/lease6/$1" ]; then
		read -r word <"$NET/lease6/$1"
		ip -6 addr del "$word" dev "$1" 2>/dev/null || :
		rm -f "$NET/lease6/$1" "$NET/servers/$1.6"
	fi
	lease_forget "$1"
	rm -f "$NET/lease/$1" "$NET/servers/$1"
}

# lease_forget LINK [ADDRESS]: takes what the lease of IPv4 has set from the link, but for
# this address.
lease_forget() {
	[ -e "$NET/lease/$1" ] || return 0
	while read -r word rest; do
		case $word in
		route)
			# shellcheck disable=SC2086 # words
			ip route del $rest 2>/dev/null || :
			;;
		"${2:-}") ;;
		*) ip addr del "$word" dev "$1" 2>/dev/null || : ;;
		esac
	done <"$NET/lease/$1"
}

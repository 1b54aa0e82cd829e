# shellcheck shell=sh
# Makes the links of this host what is declared.
#
# Needs: state.sh, actions.sh, dhcp.sh, resolv.sh.
# Gives: find_difference, converge, finish_networks.
# shellcheck disable=SC2154 # paths of state.sh

# find_difference OLD NEW: leaves in $NET/resolved the facts NEW with their cards, in
# $NET/difference what differs, and in $NET/todo that without what waits for a card.
find_difference() {
	"$here/running" >"$NET/running"
	awk -F "$TAB" -f "$here/resolve.awk" "$1" "$2" "$NET/running" >"$NET/resolved"
	awk -F "$TAB" -f "$here/difference.awk" "$1" "$NET/resolved" "$NET/running" >"$NET/difference"
	grep -v "${TAB}wait " "$NET/difference" >"$NET/todo" || :
}

# converge OLD NEW: does what differs, until nothing does. False if something failed, or
# still differs; the reasons are printed. An action may have others as its consequence.
converge() {
	: >"$NET/done"
	rounds=0
	while :; do
		find_difference "$1" "$2"
		[ -s "$NET/todo" ] || return 0
		rounds=$((rounds + 1))
		if [ $rounds -gt 5 ] || cmp -s "$NET/todo" "$NET/done"; then
			cut -f 1 "$NET/todo" | sed 's/$/: the change had no effect/' >&2
			return 1
		fi
		cp "$NET/todo" "$NET/done"
		run_actions "$NET/todo" || return 1
	done
}

# converge_on OLD NEW: the same for a boot, which goes on with the rest if something fails.
converge_on() {
	: >"$NET/done"
	: >"$NET/failed"
	rounds=0
	while :; do
		find_difference "$1" "$2"
		if [ ! -s "$NET/todo" ] || cmp -s "$NET/todo" "$NET/done" || [ $rounds -ge 5 ]; then break; fi
		rounds=$((rounds + 1))
		cp "$NET/todo" "$NET/done"
		run_actions "$NET/todo" 2>"$NET/failed" || :
	done
	# What failed first, and came with another action later, has not failed.
	[ -s "$NET/todo" ] || : >"$NET/failed"
	[ ! -s "$NET/todo" ]
}

# primary_link FACTS: prints the link that has the host's own address: the first with a
# default route, or one that finds its own; else the first with an address. A card's file
# stands for its card.
primary_link() {
	awk -F "$TAB" '
		$2 == "kind" { link[++n] = $1 }
		$2 == "card" && !($1 in name) { name[$1] = $3 }
		$2 ~ /^Address[.]/ { addressed[$1] = 1 }
		$2 ~ /[.]Destination$/ && $3 == "default" { best[$1] = 1 }
		$2 == "Network.DHCP" && $3 != "no" { best[$1] = 1 }
		$2 == "Network.IPv6AcceptRA" && $3 == "yes" { best[$1] = 1 }
		END {
			for (i = n; i > 0; i--) if (link[i] in addressed) one = link[i]
			for (i = n; i > 0; i--) if (link[i] in best) one = link[i]
			print one in name ? name[one] : one
		}' "$1"
}

# default_bridge FACTS: prints the bridge for cards of guests that name none: that of
# host.conf, or the first.
default_bridge() {
	awk -F "$TAB" -v wanted="$(setting bridge)" '
		$2 == "kind" && $3 == "bridge" { if (one == "" || $1 == wanted) one = $1 }
		END { print one }' "$1"
}

# finish_networks: makes the links that were reached (in $NET/resolved) the ones that run,
# and tells whoever depends on them. False if one of the guards failed, which is printed.
finish_networks() {
	mv "$NET/resolved" "$NET/facts"
	chmod 644 "$NET/facts"
	primary_link "$NET/facts" >"$NET/primary"
	bridge=$(default_bridge "$NET/facts")
	[ -z "$bridge" ] || [ ! -e "$XL_CONF" ] ||
		sed -i "s/^vif.default.bridge=.*/vif.default.bridge=\"$bridge\"/" "$XL_CONF"
	resolv_write
	run_guards "$NET/facts"
}

# run_guards FACTS: the firewall, NAT, then the cards of guests, if this image has them.
# What they start must not hold the lock.
run_guards() {
	guards=
	for guard in firewall nat antispoof; do
		[ ! -x "$here/$guard" ] || "$here/$guard" "$1" "$CONFIG/network" 8>&- || guards=failed
	done
	[ -z "$guards" ]
}

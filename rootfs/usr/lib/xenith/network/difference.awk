# Prints what has to be done so that the host's links become what is declared: a line of
# TEXT (what differs now) and a command of actions.sh, separated by a tab. The order is the
# one to do it in. Where one action has others as its consequence (the kernel drops a route
# with its address), those are found the next time.
#
# Guests' ends of links are left alone: a bridge that has some is never removed.
#
# usage: awk -F TAB -f network/difference.awk OLD NEW RUNNING
#   OLD, NEW   the facts of before and of what shall be, with their cards (resolve.awk)
#   RUNNING    what the program `running` prints

# As many sections of one name can a file have (parse.awk).
BEGIN { MOST = 256 }

FILENAME == ARGV[1] {
	old[$1, $2] = $3
	if ($2 == "kind") old_link[++olds] = $1
	if ($2 == "card") add_card(old_cards, $1, $3)
	next
}

FILENAME == ARGV[2] {
	new[$1, $2] = $3
	if ($2 == "kind") new_link[++news] = $1
	if ($2 == "card") add_card(new_cards, $1, $3)
	next
}

{
	run[$1, $2] = $3
	if ($2 == "kind") run_link[++runs] = $1
	if ($2 == "master") port[++ports] = $1
	if ($2 == "address") address[$1, ++addresses[$1]] = $3
	if ($2 == "route") {
		split($3, word, " ")
		routed[$1, word[1] " " word[2] " " word[3] " " word[4]] = word[5]
	}
	if ($2 == "vlan") {
		split($3, word, " ")
		has_vlans[$1] = 1
		has_vlan[$1, word[1]] = word[2] " " word[3]
	}
}

function add_card(list, link, card) {
	list[link] = list[link] (list[link] == "" ? "" : " ") card
}

function act(text, command) {
	printf "%s\t%s\n", text, command
}

# Returns the interfaces of a link: its cards, or itself.
function interfaces(link, kind, cards) {
	return kind == "card" ? cards[link] : link
}

function get(link, key) {
	return (link, key) in new ? new[link, key] : ""
}

function running(name, key) {
	return (name, key) in run ? run[name, key] : "-"
}

function is_there(name) {
	return running(name, "kind") != "-"
}

function is_guest(name) {
	return name ~ /^(vif|tap)[0-9]/ || name ~ /-emu$/ || (running(name, "kind") == "-")
}

# --- What goes

# Removes a link that was made, and what the kernel removes with it.
function remove(name, text,    i, kind) {
	kind = running(name, "kind")
	for (i = 1; i <= ports; i++)
		if (running(port[i], "master") == name) {
			if (kind == "bridge" && is_guest(port[i])) {
				act(text ", but the guest's card " port[i] " is connected to it", "refuse " name)
				return
			}
		}
	for (i = 1; i <= ports; i++)
		if (running(port[i], "master") == name)
			delete run[port[i], "master"]
	for (i = 1; i <= runs; i++)
		if (running(run_link[i], "parent") == name)
			forget(run_link[i])
	if (running(name, "dhcp") != "-")
		act("", "dhcp_stop " name)
	act(text, "remove " name)
	forget(name)
}

function forget(name,    pair, part) {
	for (pair in run) {
		split(pair, part, SUBSEP)
		if (part[1] == name)
			delete run[pair]
	}
	addresses[name] = 0
}

# Returns the interface below a declared VLAN, or "".
function parent_of(vlan,    i, word, n) {
	for (i = 1; i <= news; i++)
		for (n = split(get(new_link[i], "Network.VLAN"), word, " "); n > 0; n--)
			if (word[n] == vlan) {
				split(interfaces(new_link[i], get(new_link[i], "kind"), new_cards), word, " ")
				return word[1]
			}
	return ""
}

# Returns why the running link of this name cannot become the declared one, or "".
function why_remade(name, kind) {
	if (running(name, "kind") != kind)
		return name " is a " running(name, "kind") ", not a " kind
	if (kind == "vlan" && running(name, "VLAN.Id") != get(name, "VLAN.Id"))
		return name " has the Id " running(name, "VLAN.Id") ", not " get(name, "VLAN.Id")
	if (kind == "vlan" && parent_of(name) != "" && running(name, "parent") != parent_of(name))
		return name " is on " running(name, "parent") ", not on " parent_of(name)
	if (kind == "bond" && running(name, "Bond.Mode") != get(name, "Bond.Mode"))
		return name " has the Mode " running(name, "Bond.Mode") ", not " get(name, "Bond.Mode")
	return ""
}

function remove_links(    pass, i, name, kind, text) {
	# VLANs go before the links below them.
	for (pass = 1; pass <= 2; pass++) {
		for (i = 1; i <= olds; i++) {
			name = old_link[i]
			kind = old[name, "kind"]
			if (kind == "card" || (kind == "vlan") != (pass == 1) || !is_there(name) || get(name, "kind") != "")
				continue
			remove(name, name " is there, and no file declares it")
		}
		for (i = 1; i <= news; i++) {
			name = new_link[i]
			kind = get(name, "kind")
			if (kind == "card" || (kind == "vlan") != (pass == 1) || !is_there(name))
				continue
			text = why_remade(name, kind)
			if (text == "")
				continue
			if (running(name, "kind") ~ /^(card|other)$/)
				act(text, "refuse " name)
			else
				remove(name, text)
		}
	}
}

# Releases the ports that belong elsewhere, and empties cards that no file has any more.
function release_ports(    i, n, word, name, link, other) {
	for (i = 1; i <= news; i++) {
		link = new_link[i]
		other = get(link, "Network.Bridge") get(link, "Network.Bond")
		n = split(interfaces(link, get(link, "kind"), new_cards), word, " ")
		for (; n > 0; n--) {
			name = word[n]
			declared[name] = link
			if (is_there(name) && running(name, "master") != "-" && running(name, "master") != other) {
				act(name " is a port of " running(name, "master") (other == "" ? "" : ", not of " other), "release " name)
				delete run[name, "master"]
			}
		}
	}
	for (i = 1; i <= olds; i++) {
		if (old[old_link[i], "kind"] != "card")
			continue
		n = split(old_cards[old_link[i]], word, " ")
		for (; n > 0; n--) {
			name = word[n]
			if (name in declared || !is_there(name))
				continue
			if (running(name, "master") != "-") {
				act(name " is a port of " running(name, "master") ", and no file has it", "release " name)
				delete run[name, "master"]
			}
			emptied[name] = 1
		}
	}
}

# Whether the running address is one that stays on NAME.
function stays(name, text,    part, link, n) {
	split(text, part, " ")
	link = name in declared ? declared[name] : ""
	if (part[3] == "dynamic" || part[1] == running(name, "lease") || part[1] == running(name, "lease6"))
		return 1
	if (link == "")
		return part[2] == "link"
	for (n = 1; n <= MOST; n++)
		if (get(link, "Address." n ".Address") == part[1])
			return 1
	# The kernel makes the link-local address.
	if (part[2] != "global")
		return !was_declared(name, part[1])
	return get(link, "Network.DHCP") ~ /^(ipv4|yes)$/ && get(link, "DHCPv4.FallbackAddress") == part[1]
}

function was_declared(name, wanted,    i, n, word, w) {
	for (i = 1; i <= olds; i++)
		for (w = split(interfaces(old_link[i], old[old_link[i], "kind"], old_cards), word, " "); w > 0; w--)
			if (word[w] == name)
				for (n = 1; n <= MOST; n++)
					if ((old_link[i], "Address." n ".Address") in old && old[old_link[i], "Address." n ".Address"] == wanted)
						return 1
	return 0
}

function remove_addresses(    i, name, n, part) {
	for (i = 1; i <= runs; i++) {
		name = run_link[i]
		if (!is_there(name) || !(name in declared || name in emptied))
			continue
		if (running(name, "dhcp") != "-" && running(name, "dhcp") != dhcp_of(name))
			act(name " uses DHCP, and no file says so", "dhcp_stop " name)
		for (n = 1; n <= addresses[name]; n++) {
			if (stays(name, address[name, n]))
				continue
			split(address[name, n], part, " ")
			act(name " has the address " part[1] ", and no file does", "address_remove " name " " part[1])
		}
		if (name in emptied && running(name, "up") == 1)
			act(name " is up, and no file has it", "down " name)
	}
}

function dhcp_of(name,    mode) {
	mode = name in declared ? get(declared[name], "Network.DHCP") : "no"
	return mode == "no" || mode == "" ? "-" : mode
}

# --- Routes: FAMILY TO VIA METRIC; the source is compared if it is declared

function route_of(facts, link, n,    to, via, metric) {
	if (!((link, "Route." n ".Destination") in facts))
		return ""
	to = facts[link, "Route." n ".Destination"]
	via = (link, "Route." n ".Gateway") in facts ? facts[link, "Route." n ".Gateway"] : "-"
	metric = (link, "Route." n ".Metric") in facts ? facts[link, "Route." n ".Metric"] : 0
	return (to via ~ /:/ ? 6 : 4) " " to " " via " " (to via ~ /:/ && metric == 1024 ? 0 : metric)
}

function remove_routes(    i, n, w, word, route, name) {
	for (i = 1; i <= news; i++)
		for (n = 1; n <= MOST; n++) {
			route = route_of(new, new_link[i], n)
			split(interfaces(new_link[i], get(new_link[i], "kind"), new_cards), word, " ")
			if (route != "" && word[1] != "")
				kept[word[1], route] = 1
		}
	for (i = 1; i <= olds; i++)
		for (n = 1; n <= MOST; n++) {
			route = route_of(old, old_link[i], n)
			if (route == "")
				continue
			w = split(interfaces(old_link[i], old[old_link[i], "kind"], old_cards), word, " ")
			for (; w > 0; w--) {
				name = word[w]
				if (is_there(name) && ((name, route) in routed) && !((name, route) in kept))
					act(name " has the route " route_text(route) ", and no file does", "route_remove " name " " route)
			}
		}
}

function route_text(route,    part) {
	split(route, part, " ")
	return part[2] (part[3] == "-" ? "" : " via " part[3]) (part[4] == 0 ? "" : " metric " part[4])
}

# --- What comes

function make_links(    pass, i, name, kind, below) {
	for (pass = 1; pass <= 3; pass++)
		for (i = 1; i <= news; i++) {
			name = new_link[i]
			kind = get(name, "kind")
			if (kind != (pass == 1 ? "bond" : pass == 2 ? "bridge" : "vlan") || is_there(name))
				continue
			if (kind == "vlan") {
				below = parent_of(name)
				if (below == "" || !(is_there(below) || below in made)) {
					act(name ": the link below it is not there", "wait " name)
					continue
				}
				act(name " is not there", "make_vlan " name " " below " " get(name, "VLAN.Id"))
			} else {
				act(name " is not there", "make_" kind " " name (kind == "bond" ? " " get(name, "Bond.Mode") : ""))
			}
			made[name] = 1
		}
	for (i = 1; i <= news; i++)
		if (get(new_link[i], "kind") == "card" && new_cards[new_link[i]] == "")
			act(substr(new_link[i], 2) ": no card matches" match_text(new_link[i]) "; it joins when it appears", "wait " new_link[i])
}

function match_text(link,    text, key, n, i) {
	n = split("Name MACAddress Path Driver", key, " ")
	for (i = 1; i <= n; i++)
		if (get(link, "Match." key[i]) != "")
			text = text " " key[i] "=" get(link, "Match." key[i])
	return text
}

# Compares a number or a word, and writes it below /sys/class/net.
function compare(name, key, file, wanted, verb,    now) {
	if (wanted == "")
		return
	now = name in made ? "" : running(name, key)
	if (now != wanted)
		act(name ": " key " is " (now == "" ? "not set" : shown(key, now)) ", not " shown(key, wanted), verb " " name " " file " " wanted)
}

# Numbers of the kernel, as they are written in the files.
function shown(key, value) {
	if (key ~ /(STP|MulticastSnooping|VLANFiltering)$/)
		return value + 0 ? "yes" : "no"
	if (key ~ /ForwardDelaySec$/)
		return value / 100 "s"
	return key ~ /Sec$/ ? value "ms" : value
}

function flag(link, key) {
	return get(link, key) == "yes" ? 1 : 0
}

function set_bridge(name,    delay) {
	delay = get(name, "Bridge.ForwardDelaySec")
	delay = delay == "" ? (flag(name, "Bridge.STP") ? 1500 : 0) : int(delay / 10)
	compare(name, "Bridge.STP", "bridge/stp_state", flag(name, "Bridge.STP"), "write")
	compare(name, "Bridge.ForwardDelaySec", "bridge/forward_delay", delay, "write")
	compare(name, "Bridge.Priority", "bridge/priority", get(name, "Bridge.Priority"), "write")
	compare(name, "Bridge.MulticastSnooping", "bridge/multicast_snooping", flag(name, "Bridge.MulticastSnooping"), "write")
	# The kernel without VLANs for bridges has no such files.
	if (flag(name, "Bridge.VLANFiltering") || running(name, "Bridge.VLANFiltering") == 1)
		compare(name, "Bridge.VLANFiltering", "bridge/vlan_filtering", flag(name, "Bridge.VLANFiltering"), "write")
	if (flag(name, "Bridge.VLANFiltering"))
		compare(name, "Bridge.DefaultPVID", "bridge/default_pvid", get(name, "Bridge.DefaultPVID") == "none" ? 0 : get(name, "Bridge.DefaultPVID"), "write")
}

function set_bond(name) {
	compare(name, "Bond.MIIMonitorSec", "bonding/miimon", get(name, "Bond.MIIMonitorSec"), "write")
	compare(name, "Bond.LACPTransmitRate", "bonding/lacp_rate", get(name, "Bond.LACPTransmitRate"), "write_down")
	compare(name, "Bond.TransmitHashPolicy", "bonding/xmit_hash_policy", get(name, "Bond.TransmitHashPolicy"), "write")
	compare(name, "Bond.MinLinks", "bonding/min_links", get(name, "Bond.MinLinks"), "write")
	compare(name, "Bond.UpDelaySec", "bonding/updelay", get(name, "Bond.UpDelaySec"), "write")
	compare(name, "Bond.DownDelaySec", "bonding/downdelay", get(name, "Bond.DownDelaySec"), "write")
}

# The MTU that a link shall have; "" for a card in a bond, which follows the bond.
function mtu_of(link) {
	if (get(link, "Network.Bond") != "")
		return ""
	return get(link, "Link.MTUBytes") == "" ? 1500 : get(link, "Link.MTUBytes")
}

function set_links(    pass, i, n, word, name, link, kind) {
	# A link's MTU is at most that of the one below it.
	for (pass = 1; pass <= 4; pass++)
		for (i = 1; i <= news; i++) {
			link = new_link[i]
			kind = get(link, "kind")
			if (kind != (pass == 1 ? "card" : pass == 2 ? "bond" : pass == 3 ? "bridge" : "vlan"))
				continue
			n = split(interfaces(link, kind, new_cards), word, " ")
			for (; n > 0; n--) {
				name = word[n]
				if (!is_there(name) && !(name in made))
					continue
				if (kind == "bridge")
					set_bridge(name)
				if (kind == "bond")
					set_bond(name)
				if (get(link, "Link.MACAddress") != "" && running(name, "mac") != get(link, "Link.MACAddress"))
					act(name ": the MAC address is " running(name, "mac") ", not " get(link, "Link.MACAddress"), \
						"mac " name " " get(link, "Link.MACAddress"))
				if (mtu_of(link) != "" && running(name, "mtu") != mtu_of(link) && (is_there(name) || mtu_of(link) != 1500))
					act(name ": the MTU is " (is_there(name) ? running(name, "mtu") : 1500) ", not " mtu_of(link), "mtu " name " " mtu_of(link))
			}
		}
}

# Whether the bridge has a port that is no guest's.
function has_port(bridge,    i) {
	for (i = 1; i <= ports; i++)
		if (running(port[i], "master") == bridge && !is_guest(port[i]))
			return 1
	return bridge in joined
}

function join_ports(    pass, i, n, count, word, name, link, to) {
	for (pass = 1; pass <= 2; pass++)
		for (i = 1; i <= news; i++) {
			link = new_link[i]
			to = get(link, pass == 1 ? "Network.Bond" : "Network.Bridge")
			if (to == "" || get(to, "kind") == "")
				continue
			count = split(interfaces(link, get(link, "kind"), new_cards), word, " ")
			for (n = 1; n <= count; n++) {
				name = word[n]
				if ((!is_there(name) && !(name in made)) || running(name, "master") == to)
					continue
				if (pass == 1) {
					act(name " is not in the bond " to, "join_bond " name " " to)
				} else {
					# The bridge has the address of its first port: a reservation of DHCP
					# holds, whichever guests come and go.
					act(name " is not a port of " to, "join_bridge " name " " to \
						(has_port(to) || get(to, "Link.MACAddress") != "" ? "" : " first"))
					joined[to] = 1
				}
			}
		}
	for (i = 1; i <= news; i++) {
		link = new_link[i]
		split(new_cards[link], word, " ")
		if (get(link, "Network.PrimarySlave") == "yes" && word[1] != "" && running(get(link, "Network.Bond"), "primary") != word[1])
			act(word[1] " is not the primary card of " get(link, "Network.Bond"), "write " get(link, "Network.Bond") " bonding/primary " word[1])
	}
}

function raise_links(    pass, i, n, word, name) {
	# A VLAN comes up only on a link that is up.
	for (pass = 1; pass <= 2; pass++)
		for (i = 1; i <= news; i++) {
			if ((get(new_link[i], "kind") == "vlan") != (pass == 2))
				continue
			n = split(interfaces(new_link[i], get(new_link[i], "kind"), new_cards), word, " ")
			for (; n > 0; n--) {
				name = word[n]
				if ((is_there(name) && running(name, "up") != 1) || name in made)
					act(name " is down", "up " name)
			}
		}
}

# --- The VLANs of a port

function want_vlans(text, kind,    part, v) {
	split(text, part, "-")
	for (v = part[1] + 0; v <= (part[2] == "" ? part[1] : part[2]) + 0; v++) {
		vlan_in[v] = 1
		if (kind == "untagged")
			vlan_untagged[v] = 1
		else if (kind == "pvid")
			vlan_pvid = v
	}
}

# What the port shall have, as has_vlan has it.
function flags_of(v) {
	return (vlan_pvid == v ? "pvid" : "-") " " ((v in vlan_untagged) ? "untagged" : "-")
}

function set_vlans_of(name, link, bridge,    n, v, from, pvid, given, self) {
	split("", vlan_in)
	split("", vlan_untagged)
	vlan_pvid = ""
	for (n = 1; n <= MOST; n++) {
		if ((link, "BridgeVLAN." n ".VLAN") in new) want_vlans(get(link, "BridgeVLAN." n ".VLAN"), "")
		if ((link, "BridgeVLAN." n ".PVID") in new) want_vlans(get(link, "BridgeVLAN." n ".PVID"), "pvid")
		if ((link, "BridgeVLAN." n ".EgressUntagged") in new) want_vlans(get(link, "BridgeVLAN." n ".EgressUntagged"), "untagged")
	}
	for (v in vlan_in)
		given = 1
	pvid = get(bridge, "Bridge.DefaultPVID")
	if (!given && pvid != "none") {
		want_vlans(pvid, "pvid")
		want_vlans(pvid, "untagged")
	}
	# Without the program `bridge` there is only the default.
	if (!given && !(name in has_vlans))
		return
	self = name == bridge ? " self" : ""
	for (v = 1; v <= 4094; v++)
		if (((name, v) in has_vlan) && !(v in vlan_in)) {
			for (from = v; v < 4094 && ((name, v + 1) in has_vlan) && !((v + 1) in vlan_in); v++)
				;
			n = from == v ? v : from "-" v
			act(name " has the VLAN " n ", and no file does", "vlan_remove " name " " n self)
		}
	for (v = 1; v <= 4094; v++)
		if (v in vlan_in && (!((name, v) in has_vlan) || has_vlan[name, v] != flags_of(v))) {
			for (from = v; v < 4094 && (v + 1) in vlan_in && flags_of(v + 1) == flags_of(from) && flags_of(v + 1) !~ /pvid/; v++)
				;
			n = from == v ? v : from "-" v
			pvid = flags_of(from)
			gsub(/-/, "", pvid)
			act(name " lacks the VLAN " n (pvid ~ /[a-z]/ ? " (" pvid ")" : ""), "vlan_add " name " " n " " pvid self)
		}
}

function set_vlans(    i, n, word, link, bridge) {
	for (i = 1; i <= news; i++) {
		link = new_link[i]
		bridge = get(link, "kind") == "bridge" ? link : get(link, "Network.Bridge")
		if (bridge == "" || get(bridge, "Bridge.VLANFiltering") != "yes")
			continue
		n = split(interfaces(link, get(link, "kind"), new_cards), word, " ")
		for (; n > 0; n--)
			if (is_there(word[n]) || word[n] in made)
				set_vlans_of(word[n], link, bridge)
	}
}

# --- The host's own addresses

function add_addresses(    i, n, word, name, link, k, wanted, now) {
	for (i = 1; i <= news; i++) {
		link = new_link[i]
		split(interfaces(link, get(link, "kind"), new_cards), word, " ")
		name = word[1]
		if (name == "" || get(link, "Network.Bridge") get(link, "Network.Bond") != "" || (!is_there(name) && !(name in made)))
			continue
		set_ipv6(name, link)
		for (n = 1; n <= MOST; n++) {
			wanted = get(link, "Address." n ".Address")
			if (wanted == "")
				continue
			now = ""
			for (k = 1; k <= addresses[name]; k++)
				if (index(address[name, k], wanted " ") == 1)
					now = address[name, k]
			if (now == "")
				act(name " lacks the address " wanted, "address_add " name " " wanted " " detection_of(link, n, wanted))
			else if (now ~ / duplicate$/)
				act(name ": another machine has the address " wanted, "duplicate " name " " wanted)
		}
		if (dhcp_of(name) != "-" && running(name, "dhcp") == "-")
			act(name " does not use DHCP", "dhcp_start " name " " dhcp_of(name))
		else if (dhcp_of(name) != "-" && running(name, "dhcp") != dhcp_of(name))
			act(name " asks DHCP for " running(name, "dhcp") ", not for " dhcp_of(name), "dhcp_start " name " " dhcp_of(name))
	}
}

# Whether others are asked for the address before it is used.
function detection_of(link, n, wanted,    family, given) {
	family = wanted ~ /:/ ? "ipv6" : "ipv4"
	given = get(link, "Address." n ".DuplicateAddressDetection")
	return given == "" || given == "both" || given == family ? "detect" : "none"
}

function set_ipv6(name, link,    off, ra) {
	off = get(link, "Network.LinkLocalAddressing") == "no" ? 1 : 0
	ra = get(link, "Network.IPv6AcceptRA") == "yes" ? 2 : 0
	if (name in made ? off : (running(name, "disable_ipv6") != "-" && running(name, "disable_ipv6") != off))
		act(name ": IPv6 is " (off ? "on, not off" : "off, not on"), "ipv6 " name " disable_ipv6 " off)
	if (name in made ? ra : (running(name, "accept_ra") != "-" && running(name, "accept_ra") != ra))
		act(name ": IPv6AcceptRA is " (ra ? "no, not yes" : "yes, not no"), "accept_ra " name " " ra)
}

function add_routes(    i, n, word, route, link, name, source, key) {
	for (i = 1; i <= news; i++) {
		link = new_link[i]
		split(interfaces(link, get(link, "kind"), new_cards), word, " ")
		name = word[1]
		if (name == "" || (!is_there(name) && !(name in made)))
			continue
		for (n = 1; n <= MOST; n++) {
			route = route_of(new, link, n)
			if (route == "")
				continue
			key = "Route." n ".PreferredSource"
			source = get(link, key)
			if (((name, route) in routed) && (source == "" || routed[name, route] == source))
				continue
			act(name " lacks the route " route_text(route), "route_add " name " " route " " (source == "" ? "-" : source) " " \
				(get(link, "Route." n ".GatewayOnLink") == "yes" ? "onlink" : "-"))
		}
	}
}

END {
	remove_links()
	release_ports()
	remove_routes()
	remove_addresses()
	make_links()
	set_links()
	join_ports()
	raise_links()
	set_vlans()
	add_addresses()
	add_routes()
}

# What the files of network/ must agree on, and the output of parse.awk, which see.

# Returns the value of KEY in file I, or "".
function get(i, key) {
	return (i, key) in value_of ? value_of[i, key] : ""
}

# Reports that KEY of file I is wrong, and leaves it out.
function drop(i, key, text) {
	complain(path[i], line_of[i, key], text)
	delete value_of[i, key]
}

# Leaves out the section NAME.N of file I.
function drop_section(i, name, n, text,    k) {
	complain(path[i], line_of[i, name "." n], text)
	for (k = 1; k <= key_count[i]; k++)
		if (index(key_of[i, k], name "." n ".") == 1)
			delete value_of[i, key_of[i, k]]
	gone[i, name, n] = 1
}

# Returns the first key of file I in one of SECTIONS (separated by "|"), or "".
function first_in(i, wanted,    k) {
	for (k = 1; k <= key_count[i]; k++)
		if ((i, key_of[i, k]) in value_of && key_of[i, k] ~ "^(" wanted ")[.]")
			return key_of[i, k]
	return ""
}

# Drops what file I has in these sections.
function drop_all(i, wanted, text,    key) {
	key = first_in(i, wanted)
	if (key == "")
		return
	drop(i, key, text)
	while ((key = first_in(i, wanted)) != "")
		delete value_of[i, key]
}

function where(i, key) {
	return path[i] ":" line_of[i, key]
}

# --- The link of each file

function check_links(    i, kind, name, n) {
	for (i = 1; i <= files; i++) {
		kind = get(i, "NetDev.Kind")
		if (first_in(i, "Match") != "") {
			drop_all(i, "NetDev", "a file has [Match] or [NetDev], not both")
			if (get(i, "Match.MACAddress") != "" && get(i, "Link.MACAddress") != "")
				drop(i, "Link.MACAddress", "the card could not be found by its own address later: use Path or Name in [Match]")
			kind = "card"
		}
		if (kind == "") {
			# A file of comments stands for one that was removed.
			if (!noted[i])
				;
			else if (first_in(i, "NetDev") != "")
				complain(path[i], line_of[i, first_in(i, "NetDev")], "[NetDev] has no Kind (bridge, bond or vlan)")
			else
				complain(path[i], 0, "describes no link: it has neither [Match] nor [NetDev]")
			bad[i] = 1
			continue
		}
		kind_of[i] = kind
		name = kind == "card" ? "@" label[i] : get(i, "NetDev.Name")
		if (name == "" && expectation("interface", label[i]) == "")
			name = label[i]
		if (name == "") {
			complain(path[i], 0, "its name cannot be a link's (15 characters, the first a letter): add Name= to [NetDev]")
			bad[i] = 1
		} else if (name ~ /^(lo|all|default|(eth|usb|wlan|vif|tap)[0-9].*)$/) {
			complain(path[i], line_of[i, "NetDev.Name"] + 0, name " is a name for cards and guests; choose another")
			bad[i] = 1
		} else if (name in by_name) {
			complain(path[i], line_of[i, "NetDev.Name"] + 0, path[by_name[name]] " makes " name ", too")
			bad[i] = 1
		} else {
			by_name[name] = i
			link[i] = name
		}
	}
	for (i = 1; i <= files; i++) {
		if (bad[i])
			continue
		kind = kind_of[i]
		if (kind != "bridge") {
			drop_all(i, "Bridge", "[Bridge] is for Kind=bridge")
			drop_all(i, "DHCPServer|DHCPServerStaticLease[.][0-9]+|Forward[.][0-9]+", "guests' networks are bridges: this section is for Kind=bridge")
			if (get(i, "Network.DHCPServer") == "yes")
				drop(i, "Network.DHCPServer", "DHCPServer is for Kind=bridge")
			if (get(i, "Network.IPMasquerade") == "ipv4")
				drop(i, "Network.IPMasquerade", "IPMasquerade is for Kind=bridge")
		}
		n = get(i, "Bridge.ForwardDelaySec")
		if (n + 0 > 30000 || (n != "" && n + 0 < 2000 && get(i, "Bridge.STP") == "yes"))
			drop(i, "Bridge.ForwardDelaySec", "ForwardDelaySec is 30s at most, and with STP 2s at least")
		if (kind != "bond")
			drop_all(i, "Bond", "[Bond] is for Kind=bond")
		if (kind != "vlan")
			drop_all(i, "VLAN", "[VLAN] is for Kind=vlan")
		else if (get(i, "VLAN.Id") == "") {
			complain(path[i], 0, "a VLAN needs Id= in [VLAN]")
			bad[i] = 1
		}
	}
}

# A card is told by what only it has: two files must not name the same.
function check_cards(    i, k, n, word, w, keys, name) {
	n = split("Match.MACAddress Match.Path Match.Name", keys, " ")
	for (i = 1; i <= files; i++) {
		for (k = 1; k <= n; k++) {
			for (w = split(get(i, keys[k]), word, " "); w > 0; w--) {
				name = keys[k] " " word[w]
				if (word[w] ~ /[*?]/)
					continue
				if (name in claimed) {
					complain(path[i], line_of[i, keys[k]], word[w] " is the card of " where(claimed[name], keys[k]) ", too")
					bad[i] = 1
				} else {
					claimed[name] = i
				}
			}
		}
	}
}

# --- Ports of bridges and bonds

# Returns the file of the link that KEY of file I names, or 0 after a report.
function target_of(i, key, name, kind,    other) {
	other = name in by_name ? by_name[name] : 0
	if (!other || bad[other])
		complain(path[i], line_of[i, key], "no file makes the " kind " " name)
	else if (kind_of[other] != kind)
		complain(path[i], line_of[i, key], name " is a " kind_of[other] ", not a " kind " (" path[other] ")")
	else
		return other
	return 0
}

# Sets master[I], and drops what a port cannot have.
function check_port(i, key, kind,    other) {
	other = target_of(i, key, get(i, key), kind)
	if (!other) {
		delete value_of[i, key]
		return
	}
	master[i] = other
	members[other]++
	drop_all(i, "Address[.][0-9]+|Route[.][0-9]+|DHCPv4", "the link is a port of " link[other] ": addresses and routes belong in " path[other])
	if (get(i, "Network.DHCP") != "" && get(i, "Network.DHCP") != "no")
		drop(i, "Network.DHCP", "the link is a port of " link[other] ": DHCP belongs in " path[other])
	if (get(i, "Network.IPv6AcceptRA") == "yes")
		drop(i, "Network.IPv6AcceptRA", "the link is a port of " link[other] ": IPv6AcceptRA belongs in " path[other])
}

function check_ports(    i, other) {
	for (i = 1; i <= files; i++) {
		if (bad[i])
			continue
		if (get(i, "Network.Bridge") != "" && get(i, "Network.Bond") != "")
			drop(i, "Network.Bridge", "a link is a port of a bridge or of a bond, not of both")
		if (get(i, "Network.Bridge") != "") {
			if (kind_of[i] == "bridge")
				drop(i, "Network.Bridge", "a bridge cannot be a port of a bridge")
			else
				check_port(i, "Network.Bridge", "bridge")
		}
		if (get(i, "Network.Bond") != "") {
			if (kind_of[i] != "card")
				drop(i, "Network.Bond", "only cards can be in a bond")
			else
				check_port(i, "Network.Bond", "bond")
		}
		if (get(i, "Network.PrimarySlave") == "yes" && get(i, "Network.Bond") == "")
			drop(i, "Network.PrimarySlave", "PrimarySlave is for a card with Bond=")
		if (get(i, "Network.Bond") != "" && get(i, "Network.VLAN") != "")
			drop(i, "Network.VLAN", "the card is in the bond " get(i, "Network.Bond") ": VLAN= belongs in the bond's file")
	}
	for (i = 1; i <= files; i++) {
		if (bad[i])
			continue
		other = kind_of[i] == "bridge" ? i : master[i]
		if (other && get(other, "Bridge.VLANFiltering") == "yes" && other != i && get(i, "Network.VLAN") != "")
			drop(i, "Network.VLAN", link[other] " filters VLANs, and would miss these: VLAN= belongs in " path[other])
		if ((i, "BridgeVLAN") in number_of && (!other || get(other, "Bridge.VLANFiltering") != "yes"))
			drop_all(i, "BridgeVLAN[.][0-9]+", "[BridgeVLAN] needs a bridge with VLANFiltering=yes")
	}
}

function check_bonds(    i, mode, other) {
	for (i = 1; i <= files; i++) {
		if (bad[i] || kind_of[i] != "bond")
			continue
		mode = get(i, "Bond.Mode")
		if (!members[i])
			complain(path[i], 0, "no file has Bond=" link[i] ": a bond needs cards")
		if (mode != "802.3ad") {
			if (get(i, "Bond.LACPTransmitRate") != "")
				drop(i, "Bond.LACPTransmitRate", "LACPTransmitRate needs Mode=802.3ad")
			if (get(i, "Bond.TransmitHashPolicy") != "")
				drop(i, "Bond.TransmitHashPolicy", "TransmitHashPolicy needs Mode=802.3ad")
			if (get(i, "Bond.MinLinks") != "")
				drop(i, "Bond.MinLinks", "MinLinks needs Mode=802.3ad")
		}
	}
	for (i = 1; i <= files; i++) {
		if (bad[i] || get(i, "Network.PrimarySlave") != "yes")
			continue
		other = master[i]
		if (get(other, "Bond.Mode") == "802.3ad")
			drop(i, "Network.PrimarySlave", "PrimarySlave needs Mode=active-backup")
		else if (other in primary)
			drop(i, "Network.PrimarySlave", link[other] " has a primary already: " where(primary[other], "Network.PrimarySlave"))
		else
			primary[other] = i
	}
}

# --- VLANs

function check_vlans(    i, n, w, word, other, kept, id) {
	for (i = 1; i <= files; i++) {
		if (bad[i] || get(i, "Network.VLAN") == "")
			continue
		kept = ""
		n = split(get(i, "Network.VLAN"), word, " ")
		for (w = 1; w <= n; w++) {
			other = target_of(i, "Network.VLAN", word[w], "vlan")
			if (!other)
				continue
			id = i " " get(other, "VLAN.Id")
			if (kind_of[i] == "vlan")
				complain(path[i], line_of[i, "Network.VLAN"], "a VLAN cannot be on a VLAN")
			else if (other in parent)
				complain(path[i], line_of[i, "Network.VLAN"], word[w] " is on the link of " where(parent[other], "Network.VLAN") " already")
			else if (id in tagged)
				complain(path[i], line_of[i, "Network.VLAN"], word[w] " has the same Id as " tagged[id])
			else {
				parent[other] = i
				tagged[id] = word[w]
				kept = kept (kept == "" ? "" : " ") word[w]
			}
		}
		value_of[i, "Network.VLAN"] = kept
		if (kept == "")
			delete value_of[i, "Network.VLAN"]
	}
	for (i = 1; i <= files; i++)
		if (!bad[i] && kind_of[i] == "vlan" && !(i in parent)) {
			complain(path[i], 0, "no file has VLAN=" link[i] ": a VLAN needs a link below it")
			bad[i] = 1
		}
}

# Frames go from a port to its bridge, and from a link to the VLANs on it. They must not
# come back: such a bridge would forward them for ever.
function check_cycles(    i) {
	for (i = 1; i <= files; i++)
		if (!bad[i] && !visited[i])
			visit(i)
}

function visit(i,    n, w, word, to) {
	visited[i] = "now"
	to = master[i]
	if (to && visited[to] == "now")
		drop(i, "Network.Bridge", "the bridge " link[to] " would be a port of itself, by way of its VLANs")
	else if (to && !visited[to])
		visit(to)
	n = split(get(i, "Network.VLAN"), word, " ")
	for (w = 1; w <= n; w++) {
		to = by_name[word[w]]
		if (visited[to] == "now")
			drop(i, "Network.VLAN", "the VLAN " link[to] " would be on itself")
		else if (!visited[to])
			visit(to)
	}
	visited[i] = "before"
}

# --- Sizes of packets

function mtu_of(i) {
	return get(i, "Link.MTUBytes") == "" ? 1500 : get(i, "Link.MTUBytes") + 0
}

function check_sizes(    i, own, below) {
	for (i = 1; i <= files; i++) {
		if (bad[i])
			continue
		own = get(i, "Link.MTUBytes")
		if (own == "" && !master[i] && !(i in parent))
			continue
		if (i in parent) {
			below = parent[i]
			if (mtu_of(i) > mtu_of(below))
				drop(i, own == "" ? "VLAN.Id" : "Link.MTUBytes", "the MTU is " mtu_of(i) ", and that of the link below only " mtu_of(below) " (" path[below] ")")
		}
		if (master[i] && kind_of[master[i]] == "bridge" && mtu_of(i) < mtu_of(master[i]))
			complain(path[i], line_of[i, "Network.Bridge"], "the MTU is " mtu_of(i) ", and that of its bridge " mtu_of(master[i]) " (" path[master[i]] ")")
		if (master[i] && kind_of[master[i]] == "bond" && own != "" && own != mtu_of(master[i]))
			drop(i, "Link.MTUBytes", "the cards of a bond have its MTU: MTUBytes belongs in " path[master[i]])
		if (get(i, "Link.MTUBytes") != "" && own + 0 < 1280 && has_ipv6(i))
			drop(i, "Link.MTUBytes", "IPv6 needs an MTU of 1280")
	}
}

# --- Addresses and routes

function has_ipv6(i,    n) {
	if (get(i, "Network.IPv6AcceptRA") == "yes" || get(i, "Network.DHCP") ~ /^(ipv6|yes)$/)
		return 1
	for (n = 1; n <= number_of[i, "Address"]; n++)
		if (get(i, "Address." n ".Address") ~ /:/)
			return 1
	return 0
}

function check_addresses(    i, n, own, plain, network, reachable) {
	for (i = 1; i <= files; i++) {
		if (bad[i])
			continue
		for (n = 1; n <= number_of[i, "Address"]; n++) {
			own = get(i, "Address." n ".Address")
			if (own == "") {
				if (first_in(i, "Address[.]" n) != "")
					drop_section(i, "Address", n, "[Address] has no Address")
				continue
			}
			plain = own
			sub(/\/.*/, "", plain)
			if (plain in addressed && !(plain ~ /^fe80:/ && addressed[plain] != i)) {
				drop_section(i, "Address", n, plain " is an address of " path[addressed[plain]] ", too")
				continue
			}
			addressed[plain] = i
			network = network_of(own)
			if (network in networks && networks[network] != i && network !~ /^fe80:/)
				warn(path[i], line_of[i, "Address." n], network " is the network of " path[networks[network]] ", too: answers may leave by the other link")
			networks[network] = i
			reachable = 1
		}
		if (get(i, "Network.DHCP") ~ /^(ipv4|ipv6|yes)$/ || get(i, "Network.IPv6AcceptRA") == "yes")
			reachable = 1
		if (get(i, "Network.LinkLocalAddressing") == "no" && has_ipv6(i))
			drop(i, "Network.LinkLocalAddressing", "IPv6 needs the link-local address")
		if (get(i, "DHCPv4.FallbackAddress") != "" && get(i, "Network.DHCP") !~ /^(ipv4|yes)$/)
			drop(i, "DHCPv4.FallbackAddress", "FallbackAddress is for a link with DHCP=ipv4")
	}
	if (files && !reachable && !failed)
		warn(path[1], 0, "no link has an address: the host cannot be reached over the network")
}

# Whether the link of file I reaches the router S by itself.
function reaches(i, s,    n, own) {
	if (s ~ /^fe80:/)
		return 1
	if (s ~ /:/ ? has_dynamic6(i) : get(i, "Network.DHCP") ~ /^(ipv4|yes)$/)
		return 1
	for (n = 1; n <= number_of[i, "Address"]; n++) {
		own = get(i, "Address." n ".Address")
		if (own != "" && is_within(s, own))
			return 1
	}
	return 0
}

function has_dynamic6(i) {
	return get(i, "Network.IPv6AcceptRA") == "yes" || get(i, "Network.DHCP") ~ /^(ipv6|yes)$/
}

function check_route(i, n,    to, via, source, name, family) {
	to = get(i, "Route." n ".Destination")
	via = get(i, "Route." n ".Gateway")
	source = get(i, "Route." n ".PreferredSource")
	if (to == "" && via == "")
		return "a route needs Destination or Gateway"
	family = family_of(via == "" ? to : via)
	if (to == "default" && via == "")
		return "the default route needs Gateway"
	if (to != "" && to != "default" && family_of(to) != family)
		return "Destination and Gateway are not of the same family"
	if (source != "" && family_of(source) != family)
		return "PreferredSource is not of the route's family"
	if (source != "" && !(source in addressed))
		return "PreferredSource: no link has the address " source
	if (via in addressed)
		return "the router " via " is an address of this host"
	if (via != "" && get(i, "Route." n ".GatewayOnLink") != "yes" && !reaches(i, via))
		return "the router " via " is in none of the link's networks; if it is on this link anyway, GatewayOnLink=yes"
	if (to == "")
		set(i, "Route." n ".Destination", "default", line_of[i, "Route." n])
	name = family " " get(i, "Route." n ".Destination") " " (get(i, "Route." n ".Metric") + 0)
	if (name in routed)
		return "the same route is in " routed[name] "; a Metric tells them apart"
	routed[name] = path[i] ":" line_of[i, "Route." n]
	return ""
}

function check_routes(    i, n, text) {
	for (i = 1; i <= files; i++)
		for (n = 1; !bad[i] && n <= number_of[i, "Route"]; n++)
			if (first_in(i, "Route[.]" n) != "") {
				text = check_route(i, n)
				if (text != "")
					drop_section(i, "Route", n, text)
			}
}

# --- Guests' networks

# Returns the first IPv4 address of file I, with its prefix length.
function first_ipv4(i,    n, own) {
	for (n = 1; n <= number_of[i, "Address"]; n++) {
		own = get(i, "Address." n ".Address")
		if (own != "" && own !~ /:/)
			return own
	}
	return ""
}

function check_server(i, own,    part, first, size, n, to) {
	if (get(i, "Network.DHCP") ~ /^(ipv4|yes)$/)
		return "a link is a client or a server of DHCP, not both"
	split(own, part, "/")
	size = two_to(32 - part[2])
	if (size < 4)
		return "the network " network_of(own) " has no addresses for guests"
	first = get(i, "DHCPServer.PoolOffset") + 0
	if (first + get(i, "DHCPServer.PoolSize") > size - 1)
		return "the pool is larger than the network " network_of(own)
	if (members[i])
		warn(path[i], line_of[i, "Network.DHCPServer"], link[i] " has a port that is no guest's: whoever is there gets addresses, too")
	for (n = 1; n <= number_of[i, "DHCPServerStaticLease"]; n++) {
		to = get(i, "DHCPServerStaticLease." n ".Address")
		if (to == "" || get(i, "DHCPServerStaticLease." n ".MACAddress") == "")
			drop_section(i, "DHCPServerStaticLease", n, "a static lease needs MACAddress and Address")
		else if (!is_within(to, own) || to in addressed)
			drop_section(i, "DHCPServerStaticLease", n, to " is not for a guest of " network_of(own))
	}
	return ""
}

# Returns "" if the forward N of file I is right. Two must not take the same port.
function check_forward(i, n, own,    to, proto, part, first, last, f) {
	proto = get(i, "Forward." n ".Protocol")
	to = get(i, "Forward." n ".To")
	if (proto == "" || to == "" || get(i, "Forward." n ".Port") == "")
		return "a forward needs Protocol, Port and To"
	if (own == "")
		return "a forward needs an IPv4 address of the bridge"
	split(get(i, "Forward." n ".Port"), part, "-")
	first = part[1] + 0
	last = part[2] == "" ? first : part[2] + 0
	split(to, part, ":")
	if (!is_within(part[1], own))
		return part[1] " is not in the network of " link[i] " (" network_of(own) ")"
	if (part[2] != "" && last > first)
		return "several ports go to the same ports of the guest: To=" part[1]
	for (f = 1; f <= forwards; f++)
		if (forward_proto[f] == proto && first <= forward_last[f] && last >= forward_first[f])
			return "the port is forwarded in " forward_where[f] " already"
	forwards++
	forward_proto[forwards] = proto
	forward_first[forwards] = first
	forward_last[forwards] = last
	forward_where[forwards] = path[i] ":" line_of[i, "Forward." n]
	if (proto == "tcp" && first <= 22 && last >= 22)
		warn(path[i], line_of[i, "Forward." n], "port 22 of the host goes to the guest: nobody can log in to the host by SSH over other links")
	return ""
}

function check_guests(    i, n, own, text) {
	for (i = 1; i <= files; i++) {
		if (bad[i] || kind_of[i] != "bridge")
			continue
		own = first_ipv4(i)
		if (get(i, "Network.IPMasquerade") == "ipv4" && own == "")
			drop(i, "Network.IPMasquerade", "IPMasquerade needs an IPv4 address of the bridge")
		if (get(i, "Network.DHCPServer") == "yes") {
			text = own == "" ? "DHCPServer needs an IPv4 address of the bridge" : check_server(i, own)
			if (text != "")
				drop(i, "Network.DHCPServer", text)
		} else {
			drop_all(i, "DHCPServer|DHCPServerStaticLease[.][0-9]+", "needs DHCPServer=yes in [Network]")
		}
		for (n = 1; n <= number_of[i, "Forward"]; n++) {
			text = check_forward(i, n, own)
			if (text != "")
				drop_section(i, "Forward", n, text)
		}
	}
}

# --- Output

function print_link(i,    k, name) {
	printf "%s\tkind\t%s\n%s\tfile\tnetwork/%s.conf\n", link[i], kind_of[i], link[i], label[i]
	for (k = 1; k <= preset_count; k++) {
		name = presets[k]
		if (!((i, name) in value_of) && (preset_for[name] == "" || preset_for[name] == kind_of[i]))
			printf "%s\t%s\t%s\n", link[i], name, preset_value[name]
	}
	for (k = 1; k <= key_count[i]; k++) {
		name = key_of[i, k]
		if ((i, name) in value_of && name !~ /^NetDev/)
			printf "%s\t%s\t%s\n", link[i], name, value_of[i, name]
	}
}

END {
	check_links()
	check_cards()
	check_ports()
	check_bonds()
	check_vlans()
	check_cycles()
	check_sizes()
	check_addresses()
	check_routes()
	check_guests()
	for (i = 1; i <= files; i++)
		if (!bad[i])
			print_link(i)
	close("cat 1>&2")
	exit failed
}

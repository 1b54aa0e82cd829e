# Prints the rules for packets in the language of iptables-restore, with lines
# "#jump CHAIN TARGET [A|I]" for rules_load.
#
# usage: awk -F '\t' -v part=firewall|nat -v family=4|6 -f facts.awk -f rules.awk FACTS
#	[FIREWALL.RULES]

# "FAMILY [forward] RULE"
file == 2 && !/^[ \t]*(#|$)/ {
	line = $0
	sub(/^[ \t]+/, "", line)
	word = line
	sub(/[ \t].*/, "", word)
	sub(/^[^ \t]+[ \t]+/, "", line)
	chain = "XENITH_USER"
	if (line ~ /^forward[ \t]/) {
		sub(/^forward[ \t]+/, "", line)
		chain = "XENITH_USER_FORWARD"
	}
	if (word == "any" || word == (family == 4 ? "ip" : "ip6"))
		user[++users] = "-A " chain " " line
}

# The link's names in the kernel: several if several cards match.
function devices(link) {
	return link ~ /^@/ ? names[link] : link
}

# Opens a port of `Allow`: ssh, all, tcp/N, udp/A-B.
function open_port(device, what,    part) {
	if (what == "ssh")
		what = "tcp/22"
	if (what == "all") {
		print "-A XENITH_INPUT -i " device " -j ACCEPT"
		return
	}
	split(what, part, "/")
	sub(/-/, ":", part[2])
	print "-A XENITH_INPUT -i " device " -p " part[1] " --dport " part[2] " -j ACCEPT"
}

function firewall(    i, j, k, device, devs, allow, what, n, m) {
	print "*filter"
	print ":XENITH_INPUT - [0:0]"
	print ":XENITH_USER - [0:0]"
	print ":XENITH_USER_FORWARD - [0:0]"
	print "#jump INPUT XENITH_INPUT"
	print "#jump FORWARD XENITH_USER_FORWARD I"
	for (i = 1; i <= users; i++)
		print user[i]
	print "-A XENITH_INPUT -i lo -j ACCEPT"
	print "-A XENITH_INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
	print "-A XENITH_INPUT -j XENITH_USER"
	if (family == 4) {
		print "-A XENITH_INPUT -p icmp -j ACCEPT"
		print "-A XENITH_INPUT -p udp --sport 67 --dport 68 -j ACCEPT"
	} else {
		print "-A XENITH_INPUT -p ipv6-icmp -j ACCEPT"
		print "-A XENITH_INPUT -s fe80::/10 -p udp --sport 547 --dport 546 -j ACCEPT"
	}
	for (i = 1; i <= count; i++) {
		n = split(devices(links[i]), device, " ")
		m = split(facts[links[i], "Firewall.Allow"], what, " ")
		for (j = 1; j <= n; j++) {
			if (facts[links[i], "Network.DHCPServer"] == "yes") {
				if (family == 4)
					open_port(device[j], "udp/67")
				open_port(device[j], "udp/53")
				open_port(device[j], "tcp/53")
			}
			for (k = 1; k <= m; k++)
				open_port(device[j], what[k])
			print "-A XENITH_INPUT -i " device[j] " -j DROP"
		}
	}
	# Interfaces that no file declares: routed guests, and those made by hand.
	print "-A XENITH_INPUT -p tcp --dport 22 -j ACCEPT"
	print "-A XENITH_INPUT -j DROP"
	print "COMMIT"
}

function forward(link, i,    key, ports, to, protocol, source, n, j) {
	key = "Forward." i "."
	protocol = facts[link, key "Protocol"]
	ports = facts[link, key "Port"]
	to = facts[link, key "To"]
	sub(/-/, ":", ports)
	n = split(facts[link, key "Source"], source, " ")
	if (n == 0)
		source[n = 1] = "0.0.0.0/0"
	for (j = 1; j <= n; j++)
		if (source[j] !~ /:/)
			print "-A XENITH_DNAT -s " source[j] " -p " protocol " -m addrtype --dst-type LOCAL" \
				" --dport " ports " -j DNAT --to-destination " to
}

function nat(    i, j, link) {
	print "*nat"
	print ":XENITH_DNAT - [0:0]"
	print ":XENITH_MASQUERADE - [0:0]"
	print "#jump PREROUTING XENITH_DNAT"
	print "#jump POSTROUTING XENITH_MASQUERADE"
	for (i = 1; i <= count; i++) {
		link = links[i]
		if (facts[link, "Network.IPMasquerade"] != "ipv4" || address(link) == "")
			continue
		for (j = 1; (link, "Forward." j ".Port") in facts; j++)
			forward(link, j)
		# A guest that uses a forward to its own network: the answer must come back here.
		print "-A XENITH_MASQUERADE -s " address(link) " -o " link " -m conntrack --ctstate DNAT -j MASQUERADE"
		print "-A XENITH_MASQUERADE -s " address(link) " ! -o " link " -j MASQUERADE"
	}
	print "COMMIT"
	# From outside, only answers and forwards reach the guests.
	print "*filter"
	print ":XENITH_FORWARD - [0:0]"
	print "#jump FORWARD XENITH_FORWARD"
	for (i = 1; i <= count; i++) {
		link = links[i]
		if (facts[link, "Network.IPMasquerade"] != "ipv4" || address(link) == "")
			continue
		print "-A XENITH_FORWARD -o " link " -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT"
		print "-A XENITH_FORWARD -o " link " -i " link " -j ACCEPT"
		print "-A XENITH_FORWARD -o " link " -j DROP"
	}
	print "COMMIT"
}

END {
	if (part == "firewall")
		firewall()
	else
		nat()
}

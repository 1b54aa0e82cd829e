# Writes a configuration of dnsmasq, DIRECTORY/dnsmasq-NETWORK.new, for each network of the
# facts with DHCPServer=yes.
#
# usage: awk -F '\t' -v directory=DIRECTORY -f facts.awk -f dnsmasq.awk FACTS

function number(text,    part) {
	split(text, part, ".")
	return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4]
}

function dotted(value,    i, text) {
	for (i = 1; i <= 4; i++) {
		text = (value % 256) (i > 1 ? "." : "") text
		value = int(value / 256)
	}
	return text
}

function power(exponent,    value) {
	for (value = 1; exponent > 0; exponent--)
		value *= 2
	return value
}

function complain(link, message) {
	print facts[link, "file"] ": " message | "cat 1>&2"
	bad = 1
}

# Sets `first` and `last`: the pool of addresses.
function pool(link, own,    part, size, network, offset, length_) {
	split(own, part, "/")
	size = power(32 - part[2])
	network = int(number(part[1]) / size) * size
	offset = facts[link, "DHCPServer.PoolOffset"]
	length_ = facts[link, "DHCPServer.PoolSize"]
	first = offset > 0 ? network + offset : number(part[1]) + 1
	last = length_ > 0 ? first + length_ - 1 : network + size - 2
	if (last > network + size - 2)
		last = network + size - 2
	return first <= last
}

function write(link,    own, file, i, list, time, key) {
	own = address(link)
	if (own == "" || !pool(link, own)) {
		complain(link, "DHCPServer=yes needs an IPv4 address of the bridge with room for guests after it")
		return
	}
	file = directory "/dnsmasq-" link ".new"
	print "# network/nat has made this file." >file
	print "interface=" link >file
	print "except-interface=lo" >file
	# The address may come later, and other networks have a dnsmasq of their own.
	print "bind-dynamic" >file
	print "no-hosts" >file
	print "resolv-file=/run/resolv.conf" >file
	print "user=dnsmasq" >file
	print "group=dnsmasq" >file
	# None: dnsmasq removes the file that is named here, as root, before it writes it.
	print "pid-file=" >file
	print "dhcp-leasefile=" directory "/dnsmasq-" link ".leases" >file
	print "dhcp-authoritative" >file
	print "quiet-dhcp" >file
	time = facts[link, "DHCPServer.DefaultLeaseTimeSec"]
	print "dhcp-range=" dotted(first) "," dotted(last) "," (time > 0 ? time : 3600) >file
	# Without translation there is no way out through dom0.
	if (facts[link, "Network.IPMasquerade"] != "ipv4")
		print "dhcp-option=option:router" >file
	list = facts[link, "DHCPServer.DNS"]
	gsub(/[ \t]+/, ",", list)
	if (list != "")
		print "dhcp-option=option:dns-server," list >file
	if (facts[link, "DHCPServer.Domain"] != "")
		print "domain=" facts[link, "DHCPServer.Domain"] >file
	for (i = 1; (link, (key = "DHCPServerStaticLease." i ".") "Address") in facts; i++)
		print "dhcp-host=" facts[link, key "MACAddress"] "," facts[link, key "Address"] >file
	close(file)
}

END {
	for (i = 1; i <= count; i++)
		if (facts[links[i], "Network.DHCPServer"] == "yes")
			write(links[i])
	close("cat 1>&2")
	exit bad
}

# Prints the filter for the frames of a guest's network card, as commands of `tc -batch`:
# the classifier u32 in tables, on what comes in from the card.
#
# usage: awk -v device=DEVICE -v mac=MAC [-v addresses="ADDRESS[/BITS] ..."] [-v link=any]
#	-f guard.awk
#
# The filter drops frames with another source MAC address or from bridge protocols, ARP
# packets for another MAC address, answers of DHCP servers, router advertisements and
# redirects. With addresses it also drops packets, ARP and neighbour discovery for other
# addresses, and frames that are neither IP nor ARP. IPv6 link-local addresses: the one that
# is made from the MAC address, and those among the addresses; all with link=any.
#
# A rule counts bytes from the network header, and those of the Ethernet header before it
# are negative. A frame that ends before a rule's bytes matches no further rule, and the
# last filter (pref 11) drops whatever matched none.

function fail(message) {
	print "cannot filter the card's frames: " message | "cat 1>&2"
	close("cat 1>&2")
	exit 1
}

# --- The rules

# Adds a rule to TABLE: frames with MATCHES go the way of ACTION, the others to the next
# rule. A table in which no rule decides returns to the one that led to it.
function rule(table, matches, action) {
	print "filter add dev " device " ingress pref 10 protocol all u32 ht " table ": " matches " " action
}

function drop(table, matches) { rule(table, matches, "action drop") }
function pass(table, matches) { rule(table, matches, "flowid :1") }
function lead(table, matches, to) { rule(table, matches, "link " to ":") }

function byte(at, value, bits) {
	return "match u8 0x" value " 0x" (bits ? bits : "ff") " at " at " "
}

function half(at, value, bits) {
	return "match u16 0x" value " 0x" (bits ? bits : "ffff") " at " at " "
}

function word(at, value, bits) {
	return "match u32 0x" value " 0x" (bits ? bits : "ffffffff") " at " at " "
}

# The guest's MAC address as the sender, and the protocol.
function from(protocol) {
	return word(-8, octet[1] octet[2] octet[3] octet[4]) half(-4, octet[5] octet[6]) (protocol ? half(-2, protocol) : "")
}

# Matches an address in hexadecimal digits at AT by its first BITS. tc takes 32 bits at a
# multiple of four bytes only.
function matches_address(at, digits, bits,    size, i, n, text, part, mask, low, value) {
	size = at % 4 ? 4 : 8
	text = ""
	for (i = 1; i <= length(digits) && bits > 0; i += size) {
		part = mask = ""
		for (n = i; n < i + size; n++) {
			# What the four bits that are free can count to, plus one.
			low = bits >= 4 ? 1 : power(4 - (bits > 0 ? bits : 0))
			value = index(DIGITS, substr(digits, n, 1)) - 1
			part = part substr(DIGITS, value - value % low + 1, 1)
			mask = mask substr(DIGITS, 16 - low + 1, 1)
			bits -= 4
		}
		text = text (size == 4 ? half(at + (i - 1) / 2, part, mask) : word(at + (i - 1) / 2, part, mask))
	}
	return text
}

# --- Addresses

function power(exponent,    value) {
	for (value = 1; exponent > 0; exponent--)
		value *= 2
	return value
}

# Returns the eight hexadecimal digits of an IPv4 address, or "".
function ipv4(text,    part, i, digits) {
	if (split(text, part, ".") != 4)
		return ""
	digits = ""
	for (i = 1; i <= 4; i++) {
		if (part[i] !~ /^[0-9]+$/ || length(part[i]) > 3 || part[i] + 0 > 255)
			return ""
		digits = digits sprintf("%02x", part[i])
	}
	return digits
}

# Returns the 32 hexadecimal digits of an IPv6 address, or "".
function ipv6(text,    piece, pieces, head, tail, heads, tails, group, i, digits) {
	if (text !~ /^[0-9a-f:]+$/ || text !~ /:/)
		return ""
	pieces = split(text, piece, "::")
	if (pieces > 2 || text ~ /:::/)
		return ""
	heads = piece[1] == "" ? 0 : split(piece[1], head, ":")
	tails = pieces < 2 || piece[2] == "" ? 0 : split(piece[2], tail, ":")
	if (pieces == 2 ? heads + tails > 7 : heads != 8)
		return ""
	for (i = 1; i <= 8; i++)
		group[i] = "0"
	for (i = 1; i <= heads; i++)
		group[i] = head[i]
	for (i = 1; i <= tails; i++)
		group[8 - tails + i] = tail[i]
	digits = ""
	for (i = 1; i <= 8; i++) {
		if (group[i] == "" || length(group[i]) > 4)
			return ""
		digits = digits substr("0000" group[i], length(group[i]) + 1)
	}
	return digits
}

# Sorts `addresses` into own4 and own6, with their bits.
function read_addresses(    words, count, i, part, digits, bits, most) {
	count = split(tolower(addresses), words, /[ \t]+/)
	for (i = 1; i <= count; i++) {
		if (words[i] == "")
			continue
		bits = split(words[i], part, "/") == 2 ? part[2] : ""
		digits = ipv4(part[1])
		most = 32
		if (digits == "") {
			digits = ipv6(part[1])
			most = 128
		}
		if (digits == "")
			fail("\"" words[i] "\" is not an IPv4 or IPv6 address")
		if (words[i] !~ /\//)
			bits = most
		if (bits !~ /^[0-9]+$/ || length(bits) > 3 || bits + 0 > most)
			fail("\"" words[i] "\" has an invalid prefix length")
		if (most == 32) {
			own4[++n4] = digits
			bits4[n4] = bits + 0
		} else {
			own6[++n6] = digits
			bits6[n6] = bits + 0
		}
	}
	held = n4 + n6 > 0
}

# The link-local address that is made from the MAC address (modified EUI-64), or all.
function link_local(    second, flipped) {
	second = index(DIGITS, substr(octet[1], 2, 1)) - 1
	flipped = second % 4 < 2 ? second + 2 : second - 2
	own6[++n6] = "fe80000000000000" substr(octet[1], 1, 1) substr(DIGITS, flipped + 1, 1) \
		octet[2] octet[3] "fffe" octet[4] octet[5] octet[6]
	bits6[n6] = link == "any" ? 10 : 128
}

# --- The tables: 800 is where tc begins, 4 and 6 are for packets from the guest's own
# --- addresses.

function arp(    base, i) {
	# Ethernet and IPv4, 6 and 4 bytes; the sender's MAC address.
	base = from("0806") word(0, "00010800") half(4, "0604") word(8, octet[1] octet[2] octet[3] octet[4]) \
		half(12, octet[5] octet[6])
	if (!held) {
		pass(800, base)
		drop(800, half(-2, "0806"))
		return
	}
	# A probe for duplicates has no address.
	pass(800, base matches_address(14, "00000000", 32))
	for (i = 1; i <= n4; i++)
		pass(800, base matches_address(14, own4[i], bits4[i]))
}

function packets4(    i) {
	if (!held)
		lead(800, from("0800"), 4)
	for (i = 1; i <= n4; i++)
		lead(800, from("0800") matches_address(12, own4[i], bits4[i]), 4)
	# A DHCP client without an address: UDP from 0.0.0.0, ports 68 to 67.
	if (held)
		pass(800, from("0800") byte(0, "45") byte(9, "11") word(12, "00000000") word(20, "00440043"))

	# The answers of DHCP servers, UDP from port 67: the ports are in a first fragment, and
	# where they are expected if the header has no options.
	drop(4, byte(9, "11") byte(0, "46", "fe"))
	drop(4, byte(9, "11") byte(0, "48", "f8"))
	drop(4, byte(9, "11") half(6, "0000", "1fff") half(20, "0043"))
	pass(4, ANY)
}

function packets6(    ip, i, j, kinds, none, local) {
	ip = half(-2, "86dd")
	none = matches_address(8, "00000000000000000000000000000000", 128)
	local = word(8, "fe800000", "ffc00000")
	# Hop-by-hop options only for the reports of multicast listeners.
	split("83 84 8f", kinds, " ")
	for (i = 1; i <= 3; i++) {
		pass(800, from("86dd") byte(6, "00") half(40, "3a00") byte(48, kinds[i]) local)
		pass(800, from("86dd") byte(6, "00") half(40, "3a00") byte(48, kinds[i]) none)
	}
	drop(800, ip byte(6, "00"))
	if (!held)
		lead(800, from("86dd"), 6)
	for (i = 1; i <= n6; i++) {
		lead(800, from("86dd") matches_address(8, own6[i], bits6[i]), 6)
		# A probe for duplicates of an address of its own.
		pass(800, from("86dd") byte(6, "3a") none byte(40, "87") matches_address(48, own6[i], bits6[i]))
	}

	# Routing and destination options could hide what follows.
	drop(6, byte(6, "2b"))
	drop(6, byte(6, "3c"))
	# Router advertisements, redirects, advertisements of other neighbours.
	drop(6, byte(6, "3a") byte(40, "86"))
	drop(6, byte(6, "3a") byte(40, "89"))
	if (held) {
		for (j = 1; j <= n6; j++)
			pass(6, byte(6, "3a") byte(40, "88") matches_address(48, own6[j], bits6[j]))
		drop(6, byte(6, "3a") byte(40, "88"))
	}
	# The answers of DHCPv6 servers.
	drop(6, byte(6, "11") half(40, "0223"))
	# Fragments: none of what is above.
	split("00 2b 3a 3c", kinds, " ")
	for (i = 1; i <= 4; i++)
		drop(6, byte(6, "2c") byte(40, kinds[i]))
	drop(6, byte(6, "2c") byte(40, "11") half(42, "0000", "fff8") half(48, "0223"))
	pass(6, ANY)
}

BEGIN {
	DIGITS = "0123456789abcdef"
	ANY = word(0, "00000000", "00000000")
	mac = tolower(mac)
	if (mac !~ /^[0-9a-f:]+$/ || length(mac) != 17 || split(mac, octet, ":") != 6)
		fail("\"" mac "\" is not a MAC address")
	read_addresses()
	if (n4 + n6 > 64)
		fail("a card can have 64 addresses at most")
	if (held)
		link_local()

	for (table = 4; table <= 6; table += 2)
		print "filter add dev " device " ingress pref 10 protocol all handle " table ": u32 divisor 1"
	# Bridge protocols (spanning tree) have the destinations 01:80:c2:00:00:xx.
	drop(800, half(-14, "0180") half(-12, "c200"))
	arp()
	packets4()
	packets6()
	if (!held)
		pass(800, from(""))
	print "filter add dev " device " ingress pref 11 protocol all u32 " ANY "action drop"
}

# The values in network/*.conf: whether one is valid, and its canonical spelling, which is
# how `ip` prints it. For parse.awk.

# A whole number from LOW to HIGH, without a leading zero: the shell reads 010 as octal.
function is_number(s, low, high) {
	return s ~ /^(0|[1-9][0-9]*)$/ && length(s) < 11 && s + 0 >= low && s + 0 <= high
}

# N or A-B, in these limits.
function is_range(s, low, high,    part) {
	if (split(s, part, "-") == 1)
		return is_number(s, low, high)
	return split(s, part, "-") == 2 && is_number(part[1], low, high) && is_number(part[2], low, high) && \
		part[1] + 0 < part[2] + 0
}

# Returns 2 to the power N. The operator needs the C library's pow, which a BusyBox may lack.
function two_to(n,    power) {
	for (power = 1; n > 0; n--)
		power *= 2
	return power
}

# Returns the IPv4 address S as a number, or -1.
function ipv4_number(s,    part, i, number) {
	if (split(s, part, ".") != 4)
		return -1
	for (i = 1; i <= 4; i++) {
		if (!is_number(part[i], 0, 255))
			return -1
		number = number * 256 + part[i]
	}
	return number
}

function ipv4_text(number) {
	return int(number / 16777216) "." int(number / 65536) % 256 "." int(number / 256) % 256 "." number % 256
}

function hex_number(s,    i, number) {
	s = tolower(s)
	for (i = 1; i <= length(s); i++)
		number = number * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return number + 0
}

# Adds the groups in TEXT to GROUP behind number N. Returns the new number, or -1.
function ipv6_add(text, group, n,    part, count, i) {
	count = split(text, part, ":")
	for (i = 1; i <= count; i++) {
		if (part[i] !~ /^[0-9A-Fa-f]+$/ || length(part[i]) > 4)
			return -1
		group[++n] = hex_number(part[i])
	}
	return n
}

# Sets GROUP[1..8] to the parts of the IPv6 address S. Returns 0 if it is none.
function ipv6_groups(s, group,    half, halves, left, all, i, tail) {
	if (s !~ /:/ || s ~ /:::/)
		return 0
	if (match(s, /[0-9.]+[.][0-9]+$/)) {
		tail = ipv4_number(substr(s, RSTART))
		if (tail < 0)
			return 0
		s = substr(s, 1, RSTART - 1) sprintf("%x:%x", int(tail / 65536), tail % 65536)
	}
	halves = split(s, half, "::")
	if (halves > 2)
		return 0
	left = ipv6_add(half[1], group, 0)
	if (left < 0 || halves == 1)
		return left == 8
	all = ipv6_add(half[2], group, left)
	if (all < 0 || all > 7)
		return 0
	# The groups behind "::" move to the end, and zeros take their place.
	for (i = 8; i > left; i--)
		group[i] = i - (8 - all) > left ? group[i - (8 - all)] : 0
	return 1
}

# Returns the groups as text: the longest run of zeros, of two at least, becomes "::".
function ipv6_text(group,    i, run, best, from, text) {
	for (i = 8; i > 0; i--) {
		run = group[i] ? 0 : run + 1
		if (run > 1 && run >= best) {
			best = run
			from = i
		}
	}
	for (i = 1; i <= 8; i++) {
		if (i == from) {
			text = text "::"
			i += best - 1
		} else {
			text = text (text == "" || text ~ /:$/ ? "" : ":") sprintf("%x", group[i])
		}
	}
	return text
}

# Returns 4, 6, or 0 if S is no address.
function family_of(s,    group) {
	sub(/\/.*/, "", s)
	if (ipv4_number(s) >= 0)
		return 4
	return ipv6_groups(s, group) ? 6 : 0
}

function canonical_address(s,    group) {
	return s ~ /:/ && ipv6_groups(s, group) ? ipv6_text(group) : s
}

# An address with its prefix length.
function is_prefixed(s,    part, family) {
	if (split(s, part, "/") != 2)
		return 0
	family = family_of(part[1])
	return family && is_number(part[2], 0, family == 4 ? 32 : 128)
}

function canonical_prefixed(s,    part) {
	split(s, part, "/")
	return canonical_address(part[1]) "/" part[2]
}

# Returns the network of an address with its prefix length: 192.0.2.10/24 -> 192.0.2.0/24.
function network_of(s,    part, group, i, bits, size) {
	split(s, part, "/")
	if (s !~ /:/) {
		size = two_to(32 - part[2])
		return ipv4_text(int(ipv4_number(part[1]) / size) * size) "/" part[2]
	}
	ipv6_groups(part[1], group)
	for (i = 1; i <= 8; i++) {
		bits = part[2] - 16 * (i - 1)
		size = bits >= 16 ? 1 : bits <= 0 ? 65536 : two_to(16 - bits)
		group[i] = int(group[i] / size) * size
	}
	return ipv6_text(group) "/" part[2]
}

# Whether the address S is in the network PREFIXED.
function is_within(s, prefixed,    part) {
	split(prefixed, part, "/")
	return family_of(s) == family_of(part[1]) && network_of(s "/" part[2]) == network_of(prefixed)
}

# Whether a host can have the address S, with its prefix length.
function is_host_address(s,    part, number, size) {
	split(s, part, "/")
	if (s ~ /:/)
		return s !~ /^(ff|::\/|::1\/)/
	number = ipv4_number(part[1])
	size = two_to(32 - part[2])
	if (number < 16777216 || int(number / 16777216) == 127 || number >= 3758096384)
		return 0
	return part[2] > 30 || (number % size != 0 && number % size != size - 1)
}

function is_mac(s,    part, i) {
	if (split(s, part, ":") != 6)
		return 0
	for (i = 1; i <= 6; i++)
		if (part[i] !~ /^[0-9A-Fa-f][0-9A-Fa-f]$/)
			return 0
	return 1
}

# A MAC address that a link can have: not a group's, and not zero.
function is_unicast(s) {
	return is_mac(s) && index("02468aceACE", substr(s, 2, 1)) && s !~ /^00:00:00:00:00:00$/
}

# Returns a time in milliseconds: 1, 1s, 0.5s or 500ms.
function milliseconds(s) {
	return s ~ /ms$/ ? s + 0 : int((s + 0) * 1000)
}

# Returns "" if VALUE is valid for a key of KIND, else what is expected. A kind that is
# none of these lists the words that are valid.
function expectation(kind, value,    part, n, i) {
	if (kind == "address")
		return family_of(value) && value !~ /\// ? "" : "an IPv4 or IPv6 address"
	if (kind == "ipv4")
		return ipv4_number(value) >= 0 ? "" : "an IPv4 address"
	if (kind == "prefixed")
		return !is_prefixed(value) ? "an address with its prefix length (192.0.2.10/24, 2001:db8::10/64)" : \
			is_host_address(canonical_prefixed(value)) ? "" : "an address that a host can have"
	if (kind == "prefixed4")
		return value ~ /:/ || !is_prefixed(value) || !is_host_address(value) ? "an IPv4 address with its prefix length (192.0.2.10/24)" : ""
	if (kind == "network") {
		if (value == "default")
			return ""
		if (!is_prefixed(value))
			return "a network (198.51.100.0/24, 2001:db8::/32) or default"
		return network_of(value) == canonical_prefixed(value) ? "" : "a network; that would be " network_of(value)
	}
	if (kind == "source")
		return is_prefixed(value) || (family_of(value) && value !~ /\//) ? "" : "an address or a network (198.51.100.0/24)"
	if (kind == "target") {
		n = split(value, part, ":")
		return n < 3 && ipv4_number(part[1]) >= 0 && (n == 1 || is_number(part[2], 1, 65535)) ? "" : \
			"an IPv4 address, or ADDRESS:PORT"
	}
	if (kind == "mac")
		return is_mac(value) ? "" : "a MAC address (52:54:00:12:34:56)"
	if (kind == "unicast")
		return is_unicast(value) ? "" : "a MAC address that a link can have (52:54:00:12:34:56)"
	if (kind == "interface")
		return length(value) < 16 && value ~ /^[A-Za-z][A-Za-z0-9_.-]*$/ ? "" : "the name of a link (15 characters at most)"
	if (kind == "pattern")
		return value ~ /^[A-Za-z0-9_.*?-]+$/ ? "" : "the name of a card (* and ? stand for other characters)"
	if (kind == "word")
		return value ~ /^[A-Za-z0-9_-]+$/ ? "" : "the name of a driver"
	if (kind == "pci")
		return value ~ /^[0-9a-f]+:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f][.][0-7]$/ && length(value) == 12 ? "" : \
			"a PCI address (0000:03:00.0)"
	if (kind == "domain")
		return length(value) < 254 && value ~ /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/ ? "" : "a domain name"
	if (kind == "time")
		return value ~ /^[0-9]+([.][0-9]+)?(s|ms)?$/ && length(value) < 8 ? "" : "a time (2, 2s, 0.1s or 100ms)"
	if (kind == "vlan")
		return is_number(value, 1, 4094) ? "" : "a VLAN from 1 to 4094"
	if (kind == "vlans")
		return is_range(value, 1, 4094) ? "" : "VLANs from 1 to 4094 (10 or 10-19)"
	if (kind == "pvid")
		return value == "none" || is_number(value, 1, 4094) ? "" : "a VLAN from 1 to 4094, or none"
	if (kind == "ports")
		return is_range(value, 1, 65535) ? "" : "a port (8080) or ports (8000-8010)"
	if (kind == "open")
		return value ~ /^(ssh|all|none)$/ || (value ~ /^(tcp|udp)\// && is_range(substr(value, 5), 1, 65535)) ? "" : \
			"ssh, all, tcp/PORT or udp/PORT"
	if (kind ~ /^[0-9]+-[0-9]+$/) {
		split(kind, part, "-")
		return is_number(value, part[1], part[2]) ? "" : "a number from " part[1] " to " part[2]
	}
	n = split(kind, part, " ")
	for (i = 1; i <= n; i++)
		if (value == part[i])
			return ""
	gsub(/ /, ", ", kind)
	sub(/, [^,]*$/, " or " part[n], kind)
	return kind
}

# Returns VALUE in its canonical spelling.
function spelled(kind, value,    small) {
	small = tolower(value)
	if (kind ~ /(^| )yes( |$)/) {
		if (small ~ /^(yes|true|on|1)$/)
			return "yes"
		if (small ~ /^(no|false|off|0)$/)
			return "no"
	}
	if (kind ~ /^(mac|unicast)$/)
		return small
	if (kind == "pci") {
		sub(/^pci-/, "", small)
		# lspci leaves the domain out.
		return (small ~ /^[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f][.][0-7]$/ ? "0000:" : "") small
	}
	if (kind == "time" && expectation(kind, value) == "")
		return milliseconds(value)
	if (kind ~ /^(prefixed|network|source)$/ && is_prefixed(value))
		return canonical_prefixed(value)
	if (kind ~ /^(address|source)$/)
		return canonical_address(value)
	return value
}

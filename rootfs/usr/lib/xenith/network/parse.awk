# Reads network/*.conf: a file for each link. Prints what they declare as LINK, KEY and
# VALUE, separated by tabs, with defaults; docs/network.md has the format. A link is its
# interface's name, or @FILE for the cards of a file with [Match]. Errors go to standard
# error as FILE:LINE: message, with exit status 1. What is wrong is left out, so that a
# host with a wrong line still has the rest of its network.
#
# usage: LC_ALL=C awk -f text.awk -f network/values.awk -f network/parse.awk -f network/consistency.awk FILE...

# Declares a key. MANY: it may be repeated, and has several values. PRESET: the default,
# printed for links of the kinds in FOR.
function know(name, kind, many, preset, holds) {
	kinds[name] = kind
	lists[name] = many
	sections[substr(name, 1, index(name, ".") - 1)] = 1
	if (preset != "") {
		presets[++preset_count] = name
		preset_value[name] = preset
		preset_for[name] = holds
	}
}

BEGIN {
	know("Match.Name", "pattern", 1)
	know("Match.MACAddress", "mac", 1)
	know("Match.Path", "pci", 1)
	know("Match.Driver", "word", 1)
	know("NetDev.Name", "interface")
	know("NetDev.Kind", "bridge bond vlan")
	know("Link.MTUBytes", "576-9216")
	know("Link.MACAddress", "unicast")
	know("Network.DHCP", "no ipv4 ipv6 yes", 0, "no")
	know("Network.Address", "prefixed", 1)
	know("Network.Gateway", "address", 1)
	know("Network.DNS", "address", 1)
	know("Network.Domains", "domain", 1)
	know("Network.IPv6AcceptRA", "yes no", 0, "no")
	know("Network.LinkLocalAddressing", "ipv6 no", 0, "ipv6")
	know("Network.Bridge", "interface")
	know("Network.Bond", "interface")
	know("Network.PrimarySlave", "yes no", 0, "no")
	know("Network.VLAN", "interface", 1)
	know("Network.IPMasquerade", "no ipv4", 0, "no")
	know("Network.DHCPServer", "yes no", 0, "no")
	know("Address.Address", "prefixed")
	know("Address.DuplicateAddressDetection", "ipv4 ipv6 both none")
	know("Route.Destination", "network")
	know("Route.Gateway", "address")
	know("Route.GatewayOnLink", "yes no")
	know("Route.Metric", "0-4294967295")
	know("Route.PreferredSource", "address")
	know("DHCPv4.UseDNS", "yes no", 0, "yes")
	know("DHCPv4.UseRoutes", "yes no", 0, "yes")
	know("DHCPv4.RouteMetric", "0-65535", 0, "0")
	know("DHCPv4.FallbackAddress", "prefixed4")
	know("Bridge.STP", "yes no", 0, "no", "bridge")
	know("Bridge.ForwardDelaySec", "time")
	know("Bridge.Priority", "0-65535")
	know("Bridge.MulticastSnooping", "yes no", 0, "no", "bridge")
	know("Bridge.VLANFiltering", "yes no", 0, "no", "bridge")
	know("Bridge.DefaultPVID", "pvid", 0, "1", "bridge")
	know("Bridge.AntiSpoofing", "yes no", 0, "no", "bridge")
	know("BridgeVLAN.VLAN", "vlans")
	know("BridgeVLAN.PVID", "vlan")
	know("BridgeVLAN.EgressUntagged", "vlans")
	know("Bond.Mode", "active-backup 802.3ad", 0, "active-backup", "bond")
	know("Bond.MIIMonitorSec", "time", 0, "100", "bond")
	know("Bond.LACPTransmitRate", "slow fast")
	know("Bond.TransmitHashPolicy", "layer2 layer2+3 layer3+4")
	know("Bond.MinLinks", "1-16")
	know("Bond.UpDelaySec", "time")
	know("Bond.DownDelaySec", "time")
	know("VLAN.Id", "vlan")
	know("DHCPServer.PoolOffset", "1-16777215")
	know("DHCPServer.PoolSize", "1-16777215")
	know("DHCPServer.DNS", "ipv4", 1)
	know("DHCPServer.Domain", "domain")
	know("DHCPServer.DefaultLeaseTimeSec", "120-31536000")
	know("DHCPServerStaticLease.MACAddress", "unicast")
	know("DHCPServerStaticLease.Address", "ipv4")
	know("Forward.Protocol", "tcp udp")
	know("Forward.Port", "ports")
	know("Forward.To", "target")
	know("Forward.Source", "source", 1)
	know("Firewall.Allow", "open", 1, "ssh")

	repeated["Address"] = repeated["Route"] = repeated["BridgeVLAN"] = 1
	repeated["DHCPServerStaticLease"] = repeated["Forward"] = 1
}

function complain(file, line, text) {
	printf "%s:%d: %s\n", file, line, text | "cat 1>&2"
	failed = 1
}

function warn(file, line, text) {
	printf "%s:%d: warning: %s\n", file, line, text | "cat 1>&2"
}

# Sets KEY of the file I; LINE is where it was written.
function set(i, key, value, line) {
	if (!((i, key) in value_of))
		key_of[i, ++key_count[i]] = key
	value_of[i, key] = value
	line_of[i, key] = line
}

# Begins a section in line LINE of the file I, and returns its name with its number.
function begin(i, name, line) {
	if (!(name in repeated))
		return name
	if (number_of[i, name] == 256)
		complain(path[i], line, "more than 256 sections [" name "]")
	name = name "." ++number_of[i, name]
	line_of[i, name] = line
	return name
}

FNR == 1 {
	now = ++files
	path[now] = FILENAME
	label[now] = FILENAME
	sub(/.*\//, "", label[now])
	sub(/[.]conf$/, "", label[now])
	if (label[now] !~ /^[A-Za-z0-9][A-Za-z0-9_.-]*$/ || length(label[now]) > 32)
		complain(FILENAME, 0, "its name is not made of letters, digits and _ . - (32 at most)")
	section = ""
	# What follows an invalid header is not read.
	skipped = 0
}

/^[ \t]*([#;]|$)/ { next }

{ noted[now] = 1 }

/^[ \t]*\[/ {
	name = $0
	gsub(/^[ \t]*\[|\][ \t]*$/, "", name)
	skipped = !(name in sections) || $0 !~ /\][ \t]*$/
	if (skipped)
		complain(FILENAME, FNR, "unknown section \"" $0 "\"")
	else
		section = begin(now, name, FNR)
	next
}

skipped { next }

{
	eq = index($0, "=")
	name = substr($0, 1, eq - 1)
	value = substr($0, eq + 1)
	gsub(/^[ \t]+|[ \t]+$/, "", name)
	gsub(/^[ \t]+|[ \t]+$/, "", value)
	if (!eq) {
		complain(FILENAME, FNR, "expected [SECTION] or KEY=VALUE")
		next
	}
	if (section == "") {
		complain(FILENAME, FNR, name " is in no section")
		next
	}
	plain = section
	sub(/[.][0-9]+$/, "", plain)
	plain = plain "." name
	if (!(plain in kinds)) {
		complain(FILENAME, FNR, "unknown key \"" name "\" in [" substr(plain, 1, index(plain, ".") - 1) "]")
		next
	}
	full = section "." name
	if (value == "" && plain == "Firewall.Allow")
		value = "none"
	if (value == "") {
		complain(FILENAME, FNR, name " has no value")
		next
	}
	if (!lists[plain] && (now, full) in value_of) {
		complain(FILENAME, FNR, name " was already set in line " line_of[now, full])
		next
	}
	count = lists[plain] ? split(value, words, /[ \t]+/) : 1
	if (count == 1)
		words[1] = value
	for (w = 1; w <= count; w++) {
		expected = expectation(kinds[plain], spelled(kinds[plain], words[w]))
		if (expected != "") {
			complain(FILENAME, FNR, name ": \"" words[w] "\" is not " expected)
			continue
		}
		words[w] = spelled(kinds[plain], words[w])
		# The short forms of [Address] and [Route].
		if (plain == "Network.Address")
			set(now, begin(now, "Address", FNR) ".Address", words[w], FNR)
		else if (plain == "Network.Gateway")
			set(now, begin(now, "Route", FNR) ".Gateway", words[w], FNR)
		else if (lists[plain] && (now, full) in value_of)
			set(now, full, value_of[now, full] " " words[w], FNR)
		else
			set(now, full, words[w], FNR)
	}
}

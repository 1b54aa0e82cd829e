# Turns what `ip` and `bridge` print behind the links, in parts that begin with "=", into
# lines of LINK, KEY and VALUE. The words of iproute2 and of BusyBox are understood.

BEGIN { OFS = "\t" }

/^=/ {
	part = substr($1, 2)
	family = $2
	next
}

part == "" || part == "lease" { print; next }

# 2: br0    inet 192.0.2.10/24 brd 192.0.2.255 scope global dynamic br0\  valid_lft ...
part == "address" {
	link = $2
	sub(/@.*/, "", link)
	sub(/:$/, "", link)
	if ($3 !~ /^inet6?$/ || link == "lo" || link ~ /^(vif|tap)[0-9]/)
		next
	sub(/\\.*/, "")
	scope = $0
	sub(/.* scope /, "", scope)
	sub(/ .*/, "", scope)
	# BusyBox has no word for a failed detection of duplicates: 8 among the other flags.
	state = / dadfailed| flags [0-9a-f]*[89a-f]( |$)/ ? "duplicate" : / tentative/ ? "tentative" : "-"
	address = $4
	# An address without a prefix length is the only one in its network.
	if (address !~ /\//)
		address = address ($3 == "inet6" ? "/128" : "/32")
	print link, "address", address " " scope " " (/ dynamic/ ? "dynamic" : "fixed") " " state
}

part == "route" {
	to = $1
	via = dev = metric = source = "-"
	onlink = 0
	for (i = 2; i <= NF; i++) {
		if ($i == "via") via = $(i + 1)
		else if ($i == "dev") dev = $(i + 1)
		else if ($i == "metric") metric = $(i + 1)
		else if ($i == "src") source = $(i + 1)
		else if ($i == "onlink") onlink = 1
	}
	if (dev == "-" || to ~ /^(unreachable|blackhole|prohibit|broadcast|local|multicast|anycast)$/)
		next
	if (metric == "-" || (family == 6 && metric == 1024))
		metric = 0
	if (to != "default" && to !~ /\//)
		to = to (family == 6 ? "/128" : "/32")
	print dev, "route", family " " to " " via " " metric " " source
}

part == "vlan" {
	if (/^port/ || !NF)
		next
	at = 1
	if (/^[^ \t]/) {
		dev = $1
		at = 2
	}
	if ($at ~ /^[0-9]/)
		print dev, "vlan", $at " " (/ PVID/ ? "pvid" : "-") " " (/ Untagged/ ? "untagged" : "-")
}

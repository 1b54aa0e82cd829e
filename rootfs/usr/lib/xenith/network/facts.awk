# Reads the facts of the parser, the first file: LINK, KEY and VALUE. For rules.awk and
# dnsmasq.awk: links[1..count], facts[LINK, KEY], and names[LINK], the kernel's names of the
# cards of a file with [Match].

FNR == 1 {
	file++
}

file == 1 && $2 == "kind" {
	links[++count] = $1
}

file == 1 && $2 == "card" {
	names[$1] = names[$1] " " $3
}

file == 1 {
	facts[$1, $2] = $3
}

# The bridge's first IPv4 address, with its prefix.
function address(link,    i, value) {
	for (i = 1; (link, "Address." i ".Address") in facts; i++) {
		value = facts[link, "Address." i ".Address"]
		if (value ~ /^[0-9.]+\/[0-9]+$/)
			return value
	}
	return ""
}

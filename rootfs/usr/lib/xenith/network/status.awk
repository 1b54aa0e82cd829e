# Prints a line for each declared link: its name, kind, state, addresses and ports.
#
# usage: awk -F TAB -f network/status.awk FACTS RUNNING

FILENAME == ARGV[1] {
	if ($2 == "kind") {
		link[++links] = $1
		kind[$1] = $3
	}
	if ($2 == "card")
		cards[$1] = cards[$1] (cards[$1] == "" ? "" : " ") $3
	next
}

{
	run[$1, $2] = $3
	if ($2 == "master")
		ports[$3] = ports[$3] " " $1
	if ($2 == "address") {
		split($3, word, " ")
		if (word[2] != "link")
			addresses[$1] = addresses[$1] " " word[1] (word[4] == "duplicate" ? " (another machine has it)" : "")
	}
}

function state_of(name) {
	if (!((name, "kind") in run))
		return "missing"
	if (run[name, "up"] != 1)
		return "down"
	return run[name, "carrier"] == 1 ? "up" : "no link"
}

function print_link(name, what,    about) {
	about = addresses[name]
	if (kind_now == "bond")
		about = about " " run[name, "Bond.Mode"]
	if (kind_now == "vlan")
		about = about " VLAN " run[name, "VLAN.Id"] " on " run[name, "parent"]
	if (kind_now == "card")
		about = about " " run[name, "mac"] (run[name, "driver"] == "" ? "" : " " run[name, "driver"]) \
			(run[name, "pci"] == "-" ? "" : " " run[name, "pci"])
	if (run[name, "mtu"] != 1500 && (name, "mtu") in run)
		about = about " MTU " run[name, "mtu"]
	if (ports[name] != "")
		about = about " ports:" ports[name]
	printf "%-15s %-6s %-7s%s\n", name, what, state_of(name), about
}

END {
	for (i = 1; i <= links; i++) {
		kind_now = kind[link[i]]
		if (kind_now != "card") {
			print_link(link[i], kind_now)
			continue
		}
		n = split(cards[link[i]], word, " ")
		for (w = 1; w <= n; w++)
			print_link(word[w], "card")
		if (!n)
			printf "%-15s %-6s %s\n", substr(link[i], 2), "card", "missing"
	}
}

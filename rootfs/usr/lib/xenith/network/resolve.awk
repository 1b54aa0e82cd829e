# Finds the cards of the files with [Match]: prints the facts, with a line "@FILE card
# NAME" for each card that is there. A card belongs to the first file that matches it. A
# file without Bridge= and Bond= gets one: the one that it had, or the first in PCI order.
#
# usage: awk -F TAB -f network/resolve.awk OLD FACTS RUNNING    OLD: the facts that run

BEGIN { OFS = "\t" }

FNR == 1 { part++ }
FILENAME == "/dev/null" { next }

ARGV[1] == FILENAME && part == 1 {
	if ($2 == "card")
		had[$1, $3] = 1
	next
}

FILENAME == ARGV[2] {
	if ($2 == "card")
		next
	fact[++facts] = $0
	owner[facts] = $1
	if ($2 == "kind" && $3 == "card")
		file[++files] = $1
	if ($2 ~ /^Match[.]/)
		wanted[$1, substr($2, 7)] = $3
	if ($2 == "Network.Bridge" || $2 == "Network.Bond")
		takes_all[$1] = 1
	next
}

$2 == "kind" && $3 == "card" { card[++cards] = $1 }
$2 == "order" { order[$1] = $3 }
$2 == "mac" { running[$1, "MACAddress"] = $3 }
$2 == "pci" { running[$1, "Path"] = $3 }
$2 == "driver" { running[$1, "Driver"] = $3 }

# Whether NAME has one of the words in LIST, in which * and ? stand for other characters.
function is_in(name, list,    word, n) {
	for (n = split(list, word, " "); n > 0; n--) {
		gsub(/[.]/, "[.]", word[n])
		gsub(/[*]/, ".*", word[n])
		gsub(/[?]/, ".", word[n])
		if (name ~ "^(" word[n] ")$")
			return 1
	}
	return 0
}

function matches(one, name) {
	return (((one, "Name") in wanted) ? is_in(name, wanted[one, "Name"]) : 1) && \
		(((one, "MACAddress") in wanted) ? is_in(running[name, "MACAddress"], wanted[one, "MACAddress"]) : 1) && \
		(((one, "Path") in wanted) ? is_in(running[name, "Path"], wanted[one, "Path"]) : 1) && \
		(((one, "Driver") in wanted) ? is_in(running[name, "Driver"], wanted[one, "Driver"]) : 1)
}

END {
	for (i = 2; i <= cards; i++) {
		name = card[i]
		for (j = i - 1; j > 0 && order[card[j]] > order[name]; j--)
			card[j + 1] = card[j]
		card[j + 1] = name
	}
	for (f = 1; f <= files; f++) {
		chosen = ""
		for (i = 1; i <= cards; i++) {
			name = card[i]
			if ((name in taken) || !matches(file[f], name))
				continue
			if (file[f] in takes_all) {
				taken[name] = file[f]
				got[file[f]] = got[file[f]] " " name
			} else if (chosen == "" || ((file[f], name) in had)) {
				chosen = name
			}
		}
		if (chosen != "") {
			taken[chosen] = file[f]
			got[file[f]] = " " chosen
		}
	}
	for (i = 1; i <= facts; i++) {
		print fact[i]
		if (owner[i] != owner[i + 1]) {
			n = split(got[owner[i]], name_of, " ")
			for (j = 1; j <= n; j++)
				print owner[i], "card", name_of[j]
		}
	}
}

# Prints the seconds that the configured domains may take to stop: the longest chain of
# dependencies. Reads the facts of their files (xenith file-facts), each preceded by a
# line "file".

BEGIN {
	FS = "\t"
}

$0 == "file" {
	domain = ++count
	seconds[domain] = 120
	next
}

$1 == "name" { number[$2] = domain }

$1 == "stop_timeout" && $2 ~ /^[0-9]+$/ { seconds[domain] = $2 }

$1 == "on_stop" { ways[domain] = $2 }

$1 == "after" || $1 == "requires" { needs[domain] = needs[domain] "\n" $2 }

# Returns the seconds of a domain and its longest chain of dependencies.
function chain(domain,    names, n, i, needed, most) {
	if (domain in chains)
		return chains[domain]
	chains[domain] = 0	# where a dependency cycle comes back to
	n = split(needs[domain], names, "\n")
	for (i = 1; i <= n; i++)
		if (names[i] in number) {
			needed = chain(number[names[i]])
			if (needed > most)
				most = needed
		}
	# A domain that cannot be saved in time is then shut down; its removal takes time,
	# too.
	chains[domain] = most + 60 + \
		(ways[domain] == "destroy" ? 0 : seconds[domain] * (ways[domain] == "save" ? 2 : 1))
	return chains[domain]
}

END {
	for (domain = 1; domain <= count; domain++)
		if (chain(domain) > longest)
			longest = chain(domain)
	print longest + 0
}

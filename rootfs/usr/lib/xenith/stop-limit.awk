# Prints how many seconds the configured domains may take to stop, one after the other
# where their dependencies say so: the longest chain. Reads the facts of their files
# (xenith file-facts), with a line "file" before those of each.

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

# Returns the seconds of a domain and of the longest chain that it needs.
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
	# One that cannot be saved in time is then asked to shut down; removing what is
	# left takes its time, too.
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

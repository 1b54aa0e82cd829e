# Prints how many seconds the configured domains may take to stop, one after the other
# where their dependencies say so: the longest chain. Reads the facts of their files
# (domain-file.awk), with a line of 0 before those of each file.

BEGIN {
	FS = "\t"
}

$1 == 0 {
	domain = ++count
	seconds[domain] = 120
	next
}

$2 == "name" { number[$3] = domain }

$2 == "stop_timeout" && $3 ~ /^[0-9]+$/ { seconds[domain] = $3 }

$2 == "on_stop" { ways[domain] = $3 }

$2 == "after" || $2 == "requires" { needs[domain] = needs[domain] "\n" $3 }

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

# Copies text and replaces an old version by the new one where it is a whole version:
# 2.4 is not replaced in 2.4.1, 12.4 or 2.45.
#
# variable: pairs, words: OLD NEW OLD NEW ...; if two match at one position, the longer wins.

BEGIN { count = split(pairs, pair, " ") }

# The position of a version in text; 0 if it is missing.
function find(text, version,    from, at, left, right) {
	for (from = 1; (at = index(substr(text, from), version)) > 0; from = at + 1) {
		at += from - 1
		left = substr(text, 1, at - 1)
		right = substr(text, at + length(version))
		if (left !~ /[0-9]\.?$/ && right !~ /^(\.?[0-9]|[A-Za-z])/)
			return at
	}
	return 0
}

{
	out = ""
	for (rest = $0; ; rest = substr(rest, best + length(pair[which]))) {
		best = 0
		for (i = 1; i < count; i += 2) {
			at = find(rest, pair[i])
			if (at && (!best || at < best || at == best && length(pair[i]) > length(pair[which]))) {
				best = at
				which = i
			}
		}
		if (!best)
			break
		out = out substr(rest, 1, best - 1) pair[which + 1]
	}
	print out rest
}

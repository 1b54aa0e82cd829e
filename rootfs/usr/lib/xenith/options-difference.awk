# Prints how the options NEW differ from OLD, on a line: +WORD for each that NEW adds, then
# -WORD for each that it drops. The order of options is not compared. The words of KNOWN are
# left out, and dropped ones that match IGNORED, a regular expression.
#
# usage: OLD=... NEW=... [KNOWN=...] awk [-v ignored=IGNORED] -f options-difference.awk

function read_words(text, list, set,    n, i) {
	n = split(text, list, " ")
	for (i = 1; i <= n; i++)
		set[list[i]]
	return n
}

BEGIN {
	olds = read_words(ENVIRON["OLD"], old, had)
	news = read_words(ENVIRON["NEW"], new, has)
	read_words(ENVIRON["KNOWN"], word, known)
	for (i = 1; i <= news; i++)
		if (!(new[i] in had) && !(new[i] in known))
			text = text " +" new[i]
	for (i = 1; i <= olds; i++)
		if (!(old[i] in has) && !(old[i] in known) && (ignored == "" || old[i] !~ ignored))
			text = text " -" old[i]
	print substr(text, 2)
}

# Checks iscsi-secrets: lines of TARGET USER SECRET [TARGET-USER TARGET-SECRET]. The
# first pair authenticates the host, the second the target; a target of * covers all
# without a line. Errors go to standard error as FILE:LINE: message, which never quotes
# the line, with exit status 1.
#
# With -v target=NAME prints the settings for open-iscsi's record.

function wrong(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text | "cat 1>&2"
	failed = 1
}

/^[ \t]*(#|$)/ { next }

NF != 3 && NF != 5 {
	wrong("a target, a user and a secret are expected, and the target's own two if it has to prove itself")
	next
}

$1 != "*" && $1 !~ /^(iqn|eui|naa)\./ {
	wrong("no target: its name begins with iqn., eui. or naa., or is * for all others")
	next
}

# RFC 7143: at least 96 bits. A record holds 255 characters at most.
length($3) < 12 || (NF == 5 && length($5) < 12) {
	wrong("a secret has at least 12 characters")
	next
}

length($2) > 255 || length($3) > 255 || length($4) > 255 || length($5) > 255 {
	wrong("a user or a secret has more than 255 characters")
	next
}

NF == 5 && $3 == $5 {
	wrong("the target has the same secret as the host")
	next
}

$1 in seen {
	wrong("this target has a line already")
	next
}

{
	seen[$1] = 1
	if (target == "" || ($1 != target && $1 != "*"))
		next
	if ($1 == "*" && (target in seen))
		next
	found = "node.session.auth.authmethod = CHAP\n" \
		"node.session.auth.username = " $2 "\n" \
		"node.session.auth.password = " $3 "\n"
	if (NF == 5)
		found = found "node.session.auth.username_in = " $4 "\n" \
			"node.session.auth.password_in = " $5 "\n"
}

END {
	printf "%s", found
	close("cat 1>&2")
	exit failed
}

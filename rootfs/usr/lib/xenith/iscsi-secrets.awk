# Checks a file of iscsi-secrets: TARGET USER SECRET [TARGET-USER TARGET-SECRET] in each
# line, where the first two say who we are and the last two who the target has to be;
# a target of * stands for all that have no line. What is wrong is named as FILE:LINE:
# message on standard error, without a word of the line; the exit status is then 1.
#
# With -v target=NAME prints what open-iscsi's record of that target is to hold.

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

# RFC 7143: at least 96 bits. More than 255 characters have no place in a record.
length($3) < 12 || (NF == 5 && length($5) < 12) {
	wrong("a secret has at least 12 characters")
	next
}

length($2) > 255 || length($3) > 255 || length($4) > 255 || length($5) > 255 {
	wrong("a user or a secret has more than 255 characters")
	next
}

NF == 5 && $3 == $5 {
	wrong("the target has the same secret as we have")
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

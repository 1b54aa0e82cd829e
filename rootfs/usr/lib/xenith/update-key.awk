# Checks a public key for updates, as minisign writes it: a comment, and the key. Reports
# the fault as FILE:LINE: message on standard error, with exit status 1.

function complain(line, message) {
	printf "%s:%d: %s\n", FILENAME, line, message | "cat 1>&2"
	failed = 1
}

FNR == 1 && !/^untrusted comment: / {
	complain(1, "expected \"untrusted comment: ...\", the first line of a minisign public key")
}

FNR == 2 && (length($0) != 56 || !/^RW[A-Za-z0-9+\/]+=*$/) {
	complain(2, "not a minisign public key (RW... with 56 characters)")
}

FNR > 2 && !/^[ \t]*$/ {
	complain(FNR, "a file has one key, in two lines")
}

END {
	if (NR == 1)
		complain(2, "the key is missing")
	close("cat 1>&2")
	exit failed
}

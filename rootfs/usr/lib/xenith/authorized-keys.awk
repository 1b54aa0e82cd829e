# Reports lines of an authorized_keys file that hold no public key, as FILE:LINE:
# message on standard error, with exit status 1.

/^[ \t]*(#|$)/ { next }

# A key is its type and base64 text, which begins with AAAA because it starts with a
# 32-bit length. Options may precede it.
!/(^|[ \t])(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)[ \t]+AAAA[A-Za-z0-9+\/]+=*([ \t]|$)/ {
	printf "%s:%d: not a public key (ssh-ed25519, ssh-rsa or ecdsa-sha2-... followed by its text)\n", FILENAME, FNR | "cat 1>&2"
	failed = 1
}

END {
	close("cat 1>&2")
	exit failed
}

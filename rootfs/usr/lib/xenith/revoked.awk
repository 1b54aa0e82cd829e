# Checks update-keys/revoked: in each line the public key or its number, and then what you
# like. A line that is neither would revoke nothing, and nobody would know.
#
# usage: awk -f text.awk -f revoked.awk FILE

{
	sub(/#.*/, "")
	if ($0 ~ /^[ \t\r]*$/)
		next
	word = $1
	sub(/\r$/, "", word)
	if (word ~ /^[0-9A-Fa-f]+$/ && length(word) == 16)
		next
	if (word ~ /^RW[A-Za-z0-9+\/]+=*$/ && length(word) == 56)
		next
	printf "%s:%d: \"%s\" is neither a public key nor the number of one (16 digits)\n", FILENAME, FNR, word | "cat 1>&2"
	failed = 1
}

END {
	close("cat 1>&2")
	exit failed
}

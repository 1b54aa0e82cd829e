# Reads recipes' `sources` and prints a line for each file that they name:
#
#   DIRECTORY<tab>SHA-256<tab>NAME<tab>LOCATION LOCATION...
#
# Input lines are "SHA-256 LOCATION [NAME]"; without NAME it is the last part of the
# location. Lines with one name are alternatives and must agree in the digest: one that
# does not is printed with the word `conflict` in place of the digest.

function flush(   i) {
	for (i = 1; i <= count; i++)
		print directory "\t" digest[order[i]] "\t" order[i] "\t" substr(where[order[i]], 2)
	count = 0
	split("", digest)
	split("", where)
}

FNR == 1 {
	flush()
	directory = FILENAME
	sub(/\/[^\/]*$/, "", directory)
}

{ sub(/[[:space:]]*#.*/, "") }

/[^[:space:]]/ {
	name = $3
	if (name == "") {
		name = $2
		sub(/.*\//, "", name)
	}
	if (!(name in digest)) {
		order[++count] = name
		digest[name] = $1
	} else if (digest[name] != $1)
		digest[name] = "conflict"
	where[name] = where[name] " " $2
}

END { flush() }

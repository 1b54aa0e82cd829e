# Reads the `sources` of recipes and prints a line for each file:
#
#   DIRECTORY<tab>SHA-256<tab>NAME<tab>LOCATION LOCATION...
#
# Input lines are "SHA-256 LOCATION [NAME]"; NAME defaults to the last part of the
# location. Lines with the same name are alternatives and must have the same digest; if
# not, the word `conflict` is printed in place of the digest.

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

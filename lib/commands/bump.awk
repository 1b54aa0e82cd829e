# Writes a recipe's `sources` for a new version. Reads three files:
#
#   the map       file<tab>NAME<tab>NEW-NAME<tab>SHA-256<tab>SHA-1<tab>FILE<tab>yes|no
#                     for each file that changes: its old and new name in `sources`, the
#                     new digests, the file in Debian's archive, and whether one of its
#                     upstream URLs is dropped
#                 url<tab>URL<tab>NEW-URL
#                     its upstream URLs; a URL without NEW-URL is dropped
#   `sources`, with the old version replaced by the new one
#   `sources`
#
# variables: suite, package and version, the new ones.

FNR == 1 { input++ }

input == 1 && /^file\t/ {
	split($0, part, "\t")
	name[part[2]] = part[3]
	sha256[part[2]] = part[4]
	sha1[part[2]] = part[5]
	file[part[2]] = part[6]
	lost[part[2]] = part[7] == "yes"
}

input == 1 && /^url\t/ {
	split($0, part, "\t")
	url[part[2]] = part[3]
}

input == 2 { replaced[FNR] = $0 }

# Prints the comment above a line. It stays true for the new file if it names the
# archive's signature as the digest's origin, and no upstream URL was dropped.
function comment(key,    i, signed) {
	for (i = 1; i <= lines; i++)
		signed = signed || above[i] ~ /signed/
	if (!(key in name))
		for (i = 1; i <= lines; i++) print above[i]
	else if (signed && !lost[key])
		for (i = 1; i <= lines; i++) print above_new[i]
	else if (lines)
		print "# sha256sum of the file; the apt client had verified it against the archive's signed index"
	lines = 0
}

input == 3 && /^[[:space:]]*(#|$)/ {
	above[++lines] = $0
	above_new[lines] = replaced[FNR]
	if ($0 !~ /#/) {
		for (i = 1; i <= lines; i++) print above[i]
		lines = 0
	}
	next
}

input == 3 {
	key = $3 == "" || $3 ~ /^#/ ? $2 : $3
	sub(/.*\//, "", key)
	comment(key)
	if (!(key in name)) {
		print
		next
	}
	location = $2
	if (location ~ /^apt:/)
		location = "apt:" suite "/" package "=" version "/" file[key]
	else if (location ~ /^snapshot:/)
		location = "snapshot:" sha1[key]
	else if (url[location] == "")
		next
	else
		location = url[location]
	match($0, /[[:space:]]+/)
	last = location
	sub(/.*\//, "", last)
	print sha256[key] substr($0, RSTART, RLENGTH) location (last == name[key] ? "" : " " name[key])
}

END {
	for (i = 1; i <= lines; i++) print above[i]
}

# Prints the keys that xl looks up in a domain file, as elements of a C array. Reads
# tools/xl/xl_parse.c. Fails if it does not understand a look-up: a key that is missing
# here would be reported as unknown.

# A macro's look-up counts for each of its arguments: "device_model_args"#type.
function list_key(key, macro,    rest, argument) {
	if (macro == "") {
		if (!seen[key]++)
			printf "\"%s\",\n", key
		return
	}
	rest = text
	while (match(rest, "\n[ \t]*" macro "\\([a-z_]*\\);")) {
		argument = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		gsub(/.*\(|\).*/, "", argument)
		list_key(key argument, "")
	}
}

{ text = text $0 "\n" }

END {
	gsub(/\\\n/, " ", text)
	gsub(/\n[ \t]*#define[ \t]+/, "\n#define ", text)
	rest = text
	while (match(rest, /xlu_cfg_(get|replace)_[a-z_]+[ \t]*\(/)) {
		before = substr(rest, 1, RSTART - 1)
		rest = substr(rest, RSTART)
		call = substr(rest, 1, RLENGTH)
		rest = substr(rest, RLENGTH + 1)
		if (call ~ /^xlu_cfg_get_listitem/)
			continue
		if (!match(rest, /^config,[ \t\n]*"[A-Za-z0-9_]+"#?/)) {
			printf "xl-keys.awk: cannot read the key of %s%s\n", call, substr(rest, 1, 40) >"/dev/stderr"
			exit 1
		}
		key = substr(rest, 1, RLENGTH)
		macro = ""
		if (key ~ /#$/) {
			macro = before
			gsub(/.*\n#define /, "", macro)
			gsub(/\(.*/, "", macro)
		}
		gsub(/^[^"]*"|".*/, "", key)
		list_key(key, macro)
	}
}

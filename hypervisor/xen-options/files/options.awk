# Prints Xen's table of command line options, "NAME KIND" a line, unsorted, from the C files
# of the hypervisor. KIND is the macro's: boolean, integer, size, string, custom or ignore.
# Fails if it does not understand a macro: Xen would know an option that is missing here,
# and the host would warn of it.

/^[ \t]*(custom|boolean|integer|size|string|ignore)(_runtime)?_param[ \t]*\(/ {
	macro = $0
	# The name may be on the next line.
	if (macro !~ /"/ && (getline line) > 0)
		macro = macro line
	if (!match(macro, /_param[ \t]*\([ \t]*"[A-Za-z0-9_.+-]+[[]?"/)) {
		printf "options.awk: %s:%d: cannot read the name of the option: %s\n", FILENAME, FNR, macro >"/dev/stderr"
		exit 1
	}
	kind = macro
	sub(/_param.*/, "", kind)
	sub(/_runtime$/, "", kind)
	gsub(/[ \t]/, "", kind)
	name = substr(macro, RSTART, RLENGTH - 1)
	sub(/.*"/, "", name)
	print name, kind
}

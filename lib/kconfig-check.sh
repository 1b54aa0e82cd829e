#!/bin/sh
# Assert that a .config holds everything that the fragments asked for.
#
#   lib/kconfig-check.sh FRAGMENT... -- .config
#
# Kconfig drops, without a word, a symbol whose dependency is missing, that was
# renamed or that was misspelt. So after olddefconfig every line of every
# fragment is looked up in the result, for Linux and for Xen alike:
#   CONFIG_X=value            must stand there just so
#   # CONFIG_X is not set     must not be there with any value
# Exit codes: 0 all hold, 1 some do not (each is named), 2 wrong usage or input.
set -eu

usage() {
	echo "usage: kconfig-check.sh FRAGMENT... -- .config" >&2
	exit 2
}

fragments=0
for arg in "$@"; do
	[ "$arg" = -- ] && break
	fragments=$((fragments + 1))
done
if [ "$fragments" -eq 0 ] || [ $# -ne $((fragments + 2)) ]; then
	usage
fi

for arg in "$@"; do
	[ "$arg" = -- ] || [ -r "$arg" ] || {
		echo "kconfig-check: cannot read $arg" >&2
		exit 2
	}
done

# The .config is read first, whatever its place among the arguments.
n=0
for arg in "$@"; do
	n=$((n + 1))
	shift
	[ "$n" -le "$fragments" ] && set -- "$@" "$arg"
	[ "$n" -le $((fragments + 1)) ] || config=$arg
done

exec awk -v config="$config" '
function complain(code, text) {
	print "kconfig-check: " FILENAME ":" FNR ": " text > "/dev/stderr"
	if (code > status)
		status = code
}
function request(symbol, value) {
	if (symbol in asked) {
		if (asked[symbol] != value)
			complain(1, symbol " is asked for as " value ", and as " \
				asked[symbol] " in " where[symbol])
		else
			complain(1, symbol " is asked for twice, see " where[symbol])
		return
	}
	asked[symbol] = value
	where[symbol] = FILENAME ":" FNR
	got = (symbol in have) ? have[symbol] : "n"
	if (got != value)
		complain(1, symbol "=" value " was asked for, but the configuration has " \
			symbol "=" got (symbol in have ? "" : " (unknown, or a dependency is missing)"))
}
FILENAME == config {
	if (match($0, /^CONFIG_[A-Za-z0-9_]+=/))
		have[substr($0, 1, RLENGTH - 1)] = substr($0, RLENGTH + 1)
	next
}
/^CONFIG_[A-Za-z0-9_]+=./ {
	match($0, /=/)
	request(substr($0, 1, RSTART - 1), substr($0, RSTART + 1))
	next
}
/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { request($2, "n"); next }
/^#/ || /^[ \t]*$/ { next }
{ complain(2, "neither a comment nor a symbol: " $0) }
END { exit status }
' "$config" "$@"

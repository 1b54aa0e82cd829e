#!/bin/sh
# Checks that a .config has every setting that the fragments request.
#
#   lib/recipe/kconfig-check.sh FRAGMENT... -- .config
#
# Kconfig silently drops a symbol that was renamed or misspelt, or whose dependency is
# missing. So every line of every fragment is looked up in the result of olddefconfig:
#   CONFIG_X=value            must be there with this value
#   # CONFIG_X is not set     must not be there with any value
# Exit codes: 0 all match, 1 some do not (each is reported), 2 wrong usage or input.
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

# awk reads the .config first, although it is the last argument.
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
			complain(1, symbol " is requested as " value ", but as " \
				asked[symbol] " in " where[symbol])
		else
			complain(1, symbol " is requested twice, see " where[symbol])
		return
	}
	asked[symbol] = value
	where[symbol] = FILENAME ":" FNR
	got = (symbol in have) ? have[symbol] : "n"
	if (got != value)
		complain(1, symbol "=" value " was requested, but the configuration has " \
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

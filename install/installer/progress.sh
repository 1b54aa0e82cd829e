# shellcheck shell=sh disable=SC2154 # $work
# How far a write is, and how long it will take. Messages go to descriptor 4, because
# standard error of what writes is kept for its message.
#
# Gives: say, meter.

CHUNK=1048576

say() {
	printf '%s\n' "$*" >&4
}

# uptime: in whole seconds.
uptime() {
	read -r up _ </proc/uptime
	printf '%s\n' "${up%.*}"
}

# meter BYTES WHAT: copies standard input, which has that size, to standard output. On a
# terminal it shows each step, else each quarter.
meter() {
	chunks=$((($1 + CHUNK - 1) / CHUNK))
	copied=0
	quarter=0
	began=$(uptime)
	while [ $copied -lt $chunks ]; do
		dd bs=$CHUNK count=1 iflag=fullblock 2>/dev/null || return 1
		copied=$((copied + 1))
		passed=$(($(uptime) - began))
		left="about $((passed * (chunks - copied) / copied)) s left"
		[ $copied -lt $chunks ] || left="verifying"
		if [ -t 4 ]; then
			printf '\r%s: %3d %% of %d MiB, %s        ' "$2" $((100 * copied / chunks)) $chunks "$left" >&4
		elif [ $((4 * copied / chunks)) -gt $quarter ]; then
			quarter=$((4 * copied / chunks))
			say "$2: $((100 * copied / chunks)) % of $chunks MiB, $left"
		fi
	done
	[ ! -t 4 ] || printf '\n' >&4
}

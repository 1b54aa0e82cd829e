#!/bin/sh
# Shows the progress of a build: on a terminal one live line per running recipe, in a log
# a plain line for each finished package and, every 30 s, for each running one. Exits when
# $RUN/run/stop appears or the build has exited.
#
# usage: progress.sh PID
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

watched=$1
run=$RUN/run
began=$(cat "$run/began")
total=$(wc -l <"$RUN/plan/todo")
times=$TREE/recipes/times
[ -e "$times" ] || times=/dev/null
live=
[ ! -t 2 ] || [ "${TERM:-dumb}" = dumb ] || live=yes
shown=0
drawn=0
last=$began

# remaining: an estimate of the seconds left: the times in recipes/times, scaled by how
# long the finished packages took, and divided by the average number of parallel jobs.
remaining() {
	running | awk -v wall="$((now - began))" '
		FILENAME == "-" { spent += $3; usual_spent[$1] = $3; next }
		FILENAME ~ /times$/ { usual[$1] = $2; next }
		FILENAME ~ /done$/ { done[$1] = $2; took[$1] = $3; next }
		{ names[++n] = $1 }
		END {
			for (i = 1; i <= n; i++) {
				name = names[i]
				u = (name in usual) ? usual[name] : 20
				if (!(name in done)) {
					left += u
					gone += usual_spent[name] < u ? usual_spent[name] : u
				} else if (done[name] == "built") {
					expected += u
					real += took[name]
				}
			}
			scale = expected > 30 ? real / expected : 1
			width = wall > 30 ? (real + spent) / wall : 1.5
			if (width < 1) width = 1
			left = left * scale - gone
			printf "%d\n", (left > 0 ? left / width : 0)
		}' "$times" "$run/done" "$RUN/plan/todo" -
}

# running: "NAME PHASE SECONDS" of every running recipe; SECONDS are since its start.
running() {
	for file in "$run"/*.root; do
		[ -e "$file" ] || continue
		read -r root <"$file" || continue
		name=${file##*/}
		name=${name%.root}
		first=$(stat -c %Y "$file" 2>/dev/null) || continue
		phase=$(tail -n 1 "$root/status" 2>/dev/null) || phase=prepare
		printf '%s %s %s\n' "$name" "${phase%% *}" "$((now - first))"
	done
}

erase() {
	while [ "$drawn" -gt 0 ]; do
		printf '\033[A\033[2K' >&2
		drawn=$((drawn - 1))
	done
}

while :; do
	stop=
	[ ! -e "$run/stop" ] && kill -0 "$watched" 2>/dev/null || stop=yes
	now=$(date +%s)
	done_count=$(wc -l <"$run/done")
	left=$(remaining)
	if [ -n "$live" ]; then
		erase
	fi
	if [ "$done_count" -gt "$shown" ]; then
		sed -n "$((shown + 1)),${done_count}p" "$run/done" | while read -r name how seconds; do
			shown=$((shown + 1))
			printf '[%s] %3d/%d %s: %s in %s, about %s left\n' "$(clock $((now - began)))" \
				"$shown" "$total" "$name" "$how" "$(clock "$seconds")" "$(clock "$left")" >&2
		done
		shown=$done_count
	fi
	if [ -n "$live" ] && [ -z "$stop" ]; then
		drawn=$(running | tee "$run/lines" | wc -l)
		while read -r name phase seconds; do
			printf '  %-18s %-10s %s   %d of %d done, about %s left\n' "$name" "$phase" \
				"$(clock "$seconds")" "$done_count" "$total" "$(clock "$left")" >&2
		done <"$run/lines"
	elif [ -z "$stop" ] && [ $((now - last)) -ge 30 ]; then
		last=$now
		running | while read -r name phase seconds; do
			printf '[%s] %s: %s, %s so far; %d of %d done, about %s left\n' "$(clock $((now - began)))" \
				"$name" "$phase" "$(clock "$seconds")" "$done_count" "$total" "$(clock "$left")" >&2
		done
	fi
	[ -z "$stop" ] || break
	sleep 0.5
done

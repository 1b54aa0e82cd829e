# shellcheck shell=sh disable=SC2154 # $work, $LIBRARY, and the variables of supplied.sh
# The keys install_... of a configuration for this machine (install_config). They count on a
# medium without install_disk: then that file says on which disk, and how.
#
# Needs: $work, the store, signature.sh, supplied.sh.
# Gives: answers_read, setting.

# answers_of FILE: writes the keys install_... that it sets to $work/answers, their values as the
# host reads them: without quotes.
answers_of() {
	LC_ALL=C awk -f "$LIBRARY/text.awk" -f "$LIBRARY/host-conf.awk" "$1" >"$work/answers.all" 2>"$work/said" ||
		fail "cannot use $place: $(head -n 1 "$work/said" | sed 's|^.*/answers.tree/||')"
	LC_ALL=C awk -f "$LIBRARY/text.awk" -v copy=1 "$1" >"$work/answers.text"
	settings "$work/answers.text" | grep '^install_' >"$work/answers.set" || return 0
	awk -F = 'NR == FNR { set[$1] = 1; next } $1 in set' "$work/answers.set" "$work/answers.all" >"$work/answers"
}

# answers_read PLACE UNSIGNED: reads the keys of the configuration at PLACE (supplied_get);
# fails unless they say on which disk the system is installed.
answers_read() {
	supplied_get "$1" "$2"
	supplied_unpack "$archive" "$work/answers.tree"
	: >"$work/answers"
	[ ! -e "$work/answers.tree/host.conf" ] || answers_of "$work/answers.tree/host.conf"
	grep -q '^install_disk=.' "$work/answers" ||
		fail "$place sets no install_disk, and neither does the medium: nothing is installed"
}

# setting KEY: of the configuration for this machine if its keys count, or else the host's.
setting() {
	answer=$(sed -n "s/^$1=//p" "$work/answers" 2>/dev/null | tail -n 1)
	if [ -n "$answer" ]; then printf '%s\n' "$answer"; else host_setting "$1"; fi
}

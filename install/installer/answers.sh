# shellcheck shell=sh disable=SC2154 # $work, $LIBRARY, and the variables of supplied.sh
# The keys install_... of a configuration for this machine (install_config). They count on a
# medium without install_disk: then that file says on which disk, and how.
#
# Needs: $work, the store, signature.sh, supplied.sh.
# Gives: answers_read, setting.

# answers_read PLACE UNSIGNED: reads the keys of the configuration at PLACE (supplied_get);
# fails unless they say on which disk the system is installed.
answers_read() {
	supplied_get "$1" "$2"
	supplied_unpack "$archive" "$work/answers.tree"
	[ ! -e "$work/answers.tree/host.conf" ] ||
		awk -f "$LIBRARY/host-conf.awk" "$work/answers.tree/host.conf" 2>"$work/said" >/dev/null ||
		fail "cannot use $place: $(head -n 1 "$work/said" | sed 's|^.*/answers.tree/||')"
	settings "$work/answers.tree/host.conf" | grep '^install_' >"$work/answers" || :
	grep -q '^install_disk=.' "$work/answers" ||
		fail "$place sets no install_disk, and neither does the medium: nothing is installed"
}

# setting KEY: of the configuration for this machine if its keys count, or else the host's.
setting() {
	answer=$(sed -n "s/^$1=//p" "$work/answers" 2>/dev/null | tail -n 1)
	if [ -n "$answer" ]; then printf '%s\n' "$answer"; else host_setting "$1"; fi
}

# shellcheck shell=sh disable=SC2154 # $work, $LIBRARY, and the variables of supplied.sh
# The keys install_... of a configuration for this machine (install_config). They count on a
# medium without install_disk: then that file says on which disk, and how.
#
# Needs: $work, the store, signature.sh, supplied.sh.
# Gives: answers_fetch, setting.

# answers_fetch PLACE SIGNED: fetches the configuration to $work/answers.tar, and reads its
# keys; fails unless they say on which disk the system is installed. SIGNED: yes or no.
answers_fetch() {
	case $1 in
	*://*)
		machine_place "$1"
		supplied_fetch "$place" "$work/answers.tar"
		[ "$2" != yes ] || supplied_verify "$work/answers.tar"
		;;
	*)
		place=$1
		cp "$1" "$work/answers.tar" 2>"$work/said" || fail "cannot read $1: $(tail -n 1 "$work/said" | sed 's/^cp: //')"
		;;
	esac
	supplied_unpack "$work/answers.tar" "$work/answers.tree"
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

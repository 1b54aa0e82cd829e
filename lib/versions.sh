# shellcheck shell=sh
# Debian's versions, [EPOCH:]UPSTREAM[-REVISION], and the versions that recipes show.

# without_epoch VERSION: as it stands in the names of files.
without_epoch() {
	printf '%s\n' "${1#*:}"
}

# upstream_of VERSION
upstream_of() {
	set -- "${1#*:}"
	printf '%s\n' "${1%-*}"
}

# shown_as RULE UPSTREAM: what a recipe shows of the upstream part of Debian's version:
#
#   plain   without what Debian adds for a tarball that was repacked (+dfsg, +ds), for an
#           update of a package of its own (+deb13u7), and before the version that it
#           really is (4.0.33-1+really4.0.32)
#   dash    plain, with a dash for a plus (6.5-20250216)
#   dated   plain, without the commit after the date (6.04~git20190206)
#   whole   as it is
shown_as() {
	case $1 in
	plain) printf '%s\n' "$2" | sed -E -e 's/.*\+really//' -e 's/\+deb[0-9].*$//' -e 's/[+.~-]?(dfsg|ds|repack)[.0-9]*$//' ;;
	dash) shown_as plain "$2" | tr + - ;;
	dated) shown_as plain "$2" | sed -E 's/\.[0-9a-f]{7,40}$//' ;;
	whole) printf '%s\n' "$2" ;;
	esac
}

# new_shown SHOWN OLD NEW: what the recipe that shows SHOWN for Debian's version OLD shows
# for NEW; nothing if no rule leads from OLD to SHOWN.
new_shown() {
	for rule in plain dash dated whole; do
		if [ "$(shown_as $rule "$(upstream_of "$2")")" = "$1" ]; then
			shown_as $rule "$(upstream_of "$3")"
			return
		fi
	done
}

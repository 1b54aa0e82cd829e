# shellcheck shell=sh
# Debian's versions, [EPOCH:]UPSTREAM[-REVISION], and the ones in a recipe's `version`.

# without_epoch VERSION: the version as in file names.
without_epoch() {
	printf '%s\n' "${1#*:}"
}

# upstream_of VERSION
upstream_of() {
	set -- "${1#*:}"
	printf '%s\n' "${1%-*}"
}

# shown_as RULE UPSTREAM: derives a recipe's `version` from the upstream part of Debian's:
#
#   plain   without Debian's suffix of a repacked tarball (+dfsg, +ds) or of an update to
#           a native package (+deb13u7), and only the real version of a downgrade
#           (4.0.32 of 4.0.33-1+really4.0.32)
#   dash    plain, with a dash for a plus (6.5-20250216)
#   dated   plain, without the commit after the date (6.04~git20190206)
#   whole   unchanged
shown_as() {
	case $1 in
	plain) printf '%s\n' "$2" | sed -E -e 's/.*\+really//' -e 's/\+deb[0-9].*$//' -e 's/[+.~-]?(dfsg|ds|repack)[.0-9]*$//' ;;
	dash) shown_as plain "$2" | tr + - ;;
	dated) shown_as plain "$2" | sed -E 's/\.[0-9a-f]{7,40}$//' ;;
	whole) printf '%s\n' "$2" ;;
	esac
}

# new_shown SHOWN OLD NEW: a recipe's `version` for Debian's version NEW, by the rule that
# derives SHOWN from OLD; empty if no rule does.
new_shown() {
	for rule in plain dash dated whole; do
		if [ "$(shown_as $rule "$(upstream_of "$2")")" = "$1" ]; then
			shown_as $rule "$(upstream_of "$3")"
			return
		fi
	done
}

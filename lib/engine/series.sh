# shellcheck shell=sh
# Selects which of a distribution's patches are applied. Their order is that of
# debian/patches/series in the archive. The recipe's file `series` has one rule per line,
# and the first rule that matches a patch's path in that series decides:
#
#   take  GLOB [ADVISORY...]
#   leave GLOB REASON...
#
# An ADVISORY is one that the patch fixes without naming it.
#
# This file is sourced by the build inside the airlock, by lint and by the security
# table, so it needs nothing but awk.

# patch_cves FILE: prints the advisories in a patch's name or header, one per line, in
# their canonical form (CVE-2026-1234, XSA-483, DSA-5678-1, GHSA-2abc-3def-4ghi). The
# header is the text above the first hunk; a file of several mails has several headers.
# Hunks are not searched: one that changes a changelog names other patches' advisories.
patch_cves() {
	awk -v name="${1##*/}" '
		function find(text, prefix, pattern,    id, before) {
			while (match(text, prefix pattern)) {
				before = RSTART > 1 ? substr(text, RSTART - 1, 1) : ""
				id = substr(text, RSTART + length(prefix), RLENGTH - length(prefix))
				text = substr(text, RSTART + RLENGTH)
				sub(/^[-_]/, "", id)
				gsub(/_/, "-", id)
				id = prefix "-" (prefix == "GHSA" ? tolower(id) : id)
				if (before !~ /[A-Z0-9]/ && !(id in seen)) {
					seen[id] = 1
					print id
				}
			}
		}
		function scan(text) {
			text = toupper(text)
			find(text, "CVE", "[-_][12][0-9][0-9][0-9][-_][0-9][0-9][0-9][0-9]+")
			find(text, "XSA", "[-_]?[1-9][0-9]*")
			find(text, "DSA", "-[1-9][0-9][0-9][0-9]+-[1-9]")
			find(text, "GHSA", "-[2-9A-Z][2-9A-Z][2-9A-Z][2-9A-Z]-[2-9A-Z][2-9A-Z][2-9A-Z][2-9A-Z]-[2-9A-Z][2-9A-Z][2-9A-Z][2-9A-Z]")
		}
		BEGIN { scan(name); header = 1 }
		/^From [0-9a-f]+ / { header = 1 }
		/^(--- [^ ]|diff |Index: |\*\*\* [^ ])/ { header = 0 }
		header { scan($0) }' "$1"
}

# series_rules FILE: checks the rules and prints them. A missing file has none.
series_rules() {
	[ -e "$1" ] || return 0
	awk '
		/^[ \t]*(#|$)/ { next }
		$1 == "take" && NF >= 2 {
			good = 1
			for (i = 3; i <= NF; i++)
				good = good && $i ~ /^(CVE-[0-9]+-[0-9]+|XSA-[0-9]+|DSA-[0-9]+-[0-9]+|GHSA(-[0-9a-z]+)+)$/
			if (good) { print; next }
		}
		$1 == "leave" && NF > 2 { print; next }
		{
			printf "%s: line %d: invalid rule \"%s\": write \"take GLOB [ADVISORY...]\" or \"leave GLOB REASON\"\n", FILENAME, FNR, $0 | "cat >&2"
			bad = 1
		}
		END { exit bad }' "$1"
}

# series_rule RULES PATCH: prints the number of the first rule that matches, its verb, its
# pattern and the rest of its line; nothing if no rule matches.
series_rule() (
	number=0
	printf '%s\n' "$1" | while read -r verb glob rest; do
		number=$((number + 1))
		# shellcheck disable=SC2254 # the rule is a pattern
		case $2 in
		"$glob" | $glob)
			printf '%s %s %s %s\n' "$number" "$verb" "$glob" "$rest"
			break
			;;
		esac
	done
)

# series_mends DEBIAN-DIR RULES-FILE PATCH: prints the advisories that a taken patch fixes,
# one per line: those that it names, and those that its rule adds.
series_mends() (
	rules=$(series_rules "$2") || exit 1
	{
		patch_cves "$1/patches/$3"
		series_rule "$rules" "$3" | tr ' ' '\n' | sed 1,3d
	} | awk 'NF && !seen[$1]++'
)

# series_taken DEBIAN-DIR RULES-FILE: prints the patches to apply, in order, by their
# path below DEBIAN-DIR/patches. Fails if a patch matches no rule, if a patch that names an
# advisory is left by a glob, or if a rule decides no patch; reports every such case.
series_taken() (
	rules=$(series_rules "$2") || exit 1
	[ -e "$1/patches/series" ] || [ -n "$rules" ] || exit 0
	[ -e "$1/patches/series" ] || {
		echo "$2: the archive has no patches/series for its rules" >&2
		exit 1
	}
	bad=0
	used=' '
	taken=
	while read -r patch _ || [ -n "$patch" ]; do
		case $patch in
		'' | '#'*) continue ;;
		esac
		[ -e "$1/patches/$patch" ] || {
			echo "$2: the series names $patch, which is not in the archive" >&2
			bad=1
			continue
		}
		read -r number verb glob _ <<-END || true
			$(series_rule "$rules" "$patch")
		END
		used="$used$number "
		case $verb in
		take)
			taken="$taken$patch
"
			;;
		leave)
			[ "$patch" != "$glob" ] || continue
			ids=$(patch_cves "$1/patches/$patch")
			[ -n "$ids" ] || continue
			echo "$2: \"leave $glob\" leaves $patch, which fixes $(echo "$ids" | paste -sd ' ' -): take it, or leave it by its full name with the reason" >&2
			bad=1
			;;
		*)
			echo "$2: no rule matches $patch: write \"take $patch\" or \"leave $patch REASON\"" >&2
			bad=1
			;;
		esac
	done <"$1/patches/series"
	number=0
	while read -r verb glob _; do
		number=$((number + 1))
		case $used in
		*" $number "*) ;;
		*)
			[ -n "$verb" ] || continue
			echo "$2: \"$verb $glob\" decides no patch: remove the rule" >&2
			bad=1
			;;
		esac
	done <<-END
		$rules
	END
	[ $bad = 0 ] || exit 1
	printf %s "$taken"
)

# series_unpack ARCHIVE DIRECTORY: creates DIRECTORY/debian from a patch archive. The old
# source format is one diff of packaging and source together: its changes outside debian/
# become the only patch of the series, upstream.diff.
series_unpack() {
	case $1 in
	*.diff.gz)
		mkdir -p "$2/debian/patches" &&
			gunzip -c "$1" | awk '
				/^--- / { held = $0; next }
				/^\+\+\+ / { out = $2 !~ /^[^\/]*\/debian\// ; if (out) print held }
				out' >"$2/debian/patches/upstream.diff" &&
			echo upstream.diff >"$2/debian/patches/series"
		;;
	*) tar -xf "$1" --no-same-owner -C "$2" ;;
	esac
}

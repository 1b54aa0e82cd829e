# shellcheck shell=sh disable=SC2154 # $work
# Which disk is meant: by a name, or by what it is.
#
# Needs: $work/disks (disks.sh), target_small, target_sectors (refuse.sh).
# Gives: the functions below.

# disk_named WORD: prints the names of the disks with that name, device, identifier, serial
# number or WWN. Two serial numbers of digits are text: awk would compare long ones as
# floating-point numbers, of which only the first 16 digits count.
disk_named() {
	named=$1
	case $named in /*) named=$(readlink -f "$named" 2>/dev/null || printf '%s\n' "$named") ;; esac
	awk -F '\t' -v word="${named#/dev/}" '
		function plain(s) { s = tolower(s); sub(/^(0x|naa\.|eui\.|wwn-0x)/, "", s); return s }
		BEGIN { word = word "" }
		$1 "" == word || $4 "" == word || $5 "" == word || ($6 != "" && plain($6) == plain(word)) { print $1 }' "$work/disks"
}

# disks_matching CRITERIA: prints the names of the disks for which all of them hold
# (install_disk in docs/configuration.md). `smallest` and `largest` choose among the others'
# matches; two disks of the same size are two.
disks_matching() {
	awk -F '\t' -v criteria="$1" '
		# A pattern with * as a regular expression.
		function pattern(s) {
			gsub(/[^A-Za-z0-9*_-]/, "[&]", s)
			gsub(/\*/, ".*", s)
			return "^" s "$"
		}
		function plain(s) { s = tolower(s); sub(/^(0x|naa\.|eui\.|wwn-0x)/, "", s); return s }
		function bytes(s,    number, unit) {
			number = substr(s, 1, length(s) - 1)
			for (unit = index("KMGTP", substr(s, length(s))); unit > 0; unit--) number *= 1000
			return number
		}
		function holds(kind, value,    end) {
			if (kind == "bus") return $3 == value
			if (kind == "id") return $4 ~ pattern(value)
			if (kind == "serial") return $5 == value
			if (kind == "wwn") return $6 != "" && plain($6) == plain(value)
			# size:MIN-MAX
			split(value, end, "-")
			return (end[1] == "" || $2 >= bytes(end[1])) && (end[2] == "" || $2 <= bytes(end[2]))
		}
		BEGIN { count = split(criteria, criterion, ",") }
		{
			for (i = 1; i <= count; i++) {
				at = index(criterion[i], ":")
				if (at && !holds(substr(criterion[i], 1, at - 1), substr(criterion[i], at + 1))) next
				if (!at) extreme = criterion[i]
			}
			size[$1] = $2
			order[++found] = $1
			if (!best || (extreme == "smallest" ? $2 < best : $2 > best)) best = $2
		}
		END {
			for (i = 1; i <= found; i++)
				if (extreme == "" || size[order[i]] == best) print order[i]
		}' "$work/candidates"
}

# is_answers NAME: true if it is a drive that only holds the configuration in use.
is_answers() {
	! has_slots "$1" && mounted_at "$1" | grep -qxF "$DRIVE"
}

# candidates: keeps the disks in $work/candidates that an unattended installation may choose
# from: not the boot medium, nor that of the configuration in use, none that is read-only or
# too small, or cannot boot here.
candidates() {
	: >"$work/candidates"
	cut -f 1 "$work/disks" >"$work/names"
	while read -r candidate <&5; do
		if is_medium "$candidate" || is_answers "$candidate" || target_small "$candidate" || target_sectors "$candidate" || [ "$(disk_field "$candidate" 8)" = 1 ]; then continue; fi
		awk -F '\t' -v name="$candidate" '$1 == name' "$work/disks" >>"$work/candidates"
	done 5<"$work/names"
}

# fail_with_list MESSAGE: fails, and lists the disks.
fail_with_list() {
	printf 'xenith: install: %s\n' "$*" >&2
	disks_show >&2
	exit 1
}

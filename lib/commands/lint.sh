#!/bin/sh
# The linter of recipes and scripts. Prints every finding as FILE: MESSAGE and fails if
# there are any.
#
# usage: lint.sh    (environment: TREE)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/plan.sh
. "$TREE/lib/engine/plan.sh"
# shellcheck source=lib/engine/series.sh
. "$TREE/lib/engine/series.sh"
# shellcheck source=lib/engine/debian.sh
. "$TREE/lib/engine/debian.sh"

findings=$(mktemp)
trap 'rm -rf "$findings" "$findings.debian" "$findings.unchecked"' EXIT
cd "$TREE"

# finding FILE MESSAGE
finding() {
	printf '%s: %s\n' "$1" "$2" >>"$findings"
}

# one_line FILE: checks that FILE exists and is one line that is not empty.
one_line() {
	if [ ! -e "$1" ]; then
		finding "$1" "is missing"
	elif [ "$(lines "$1" | wc -l)" != 1 ]; then
		finding "$1" "must be one line"
	fi
}

check_sources() {
	printf '%s\n' "${1%/*}" | source_lines | while IFS='	' read -r _ digest name locations; do
		case $digest in
		conflict) finding "$1" "$name has two digests" ;;
		*[!0-9a-f]*) finding "$1" "$digest is not a SHA-256" ;;
		*) [ ${#digest} = 64 ] || finding "$1" "$digest is not a SHA-256 (64 digits)" ;;
		esac
		for location in ${locations:-(nothing)}; do
			case $location in
			apt:*/*=*/* | https://*) ;;
			snapshot:*[!0-9a-f]*) finding "$1" "$location: not a SHA-1" ;;
			snapshot:*) [ ${#location} = 49 ] || finding "$1" "$location: not a SHA-1 (40 digits)" ;;
			*) finding "$1" "$location is not a location (apt:SUITE/SOURCE=VERSION/FILE, snapshot:SHA1 or https://...)" ;;
			esac
		done
		case $name in
		*/*) finding "$1" "$name: a file name cannot contain a slash" ;;
		esac
	done
	awk '
		/^#/ { comment = 1; next }
		/^[[:space:]]*$/ { comment = 0; next }
		!comment { printf "%s: line %d: add a comment above it that says where the hash is from\n", FILENAME, FNR }' "$1" >>"$findings"
}

check_files() {
	find "$1/files" -type f 2>/dev/null | while read -r file; do
		name=${file#"$1"/files/}
		top=${name%%/*}
		grep -qsF -e "$name" -e "${file##*/}" -e "FILES/$top" -e "FILES\"/$top" -e "FILES/\"" -e "FILES\"/*" \
			-e "FILES/." -e 'FILES"/.' "$1/build" || finding "$file" "is not used in $1/build"
	done
	if [ -d "$1/patches" ]; then
		for file in "$1"/patches/*; do
			case $file in
			*.patch) head -n 1 "$file" | grep -qvE '^(--- |diff |Index: |$)' || finding "$file" "must begin with a description" ;;
			*) finding "$file" "is not a .patch file" ;;
			esac
		done
	fi
}

check_build() {
	grep -nE '(^|[^A-Za-z0-9_.$/{-])/(home|root|work|mnt|opt|usr/local|usr/src)/' "$1" |
		while IFS=: read -r line text; do
			finding "$1:$line" "absolute path of the host: $text"
		done
	grep -nE '^[[:space:]]*(install|patch)[[:space:]]+-' "$1" | while IFS=: read -r line text; do
		finding "$1:$line" "calls the phase function of this name; write: command ${text#"${text%%[![:space:]]*}"}"
	done
	if grep -qE '\b(curl|wget|git clone|apt-get)\b' "$1"; then
		finding "$1" "a build has no network; add the file to sources"
	fi
}

# check_series DIR: a source of Debian's needs a decision about each of Debian's patches:
# rules for the patch archive, or a reason for having none.
check_series() {
	series=$1/series
	archive=$(patch_archive "$1")
	none=$(lines "$series" 2>/dev/null | sed -n 's/^none  *//p')
	if [ -n "$none" ]; then
		[ "$(lines "$series" | wc -l)" = 1 ] || finding "$series" "\"none\" must be the only rule"
		[ -z "$archive" ] || finding "$series" "has \"none\", but sources has $archive"
	elif [ -n "$archive" ]; then
		# The rules can be checked in full only with the archive at hand.
		if unpack_archive "$1" "$findings.debian"; then
			series_taken "$findings.debian/debian" "$series" 2>&1 >/dev/null
		else
			series_rules "$series" 2>&1 >/dev/null
			printf ' %s' "${1##*/}" >>"$findings.unchecked"
		fi | sed "s|^$TREE/||" >>"$findings"
		rm -rf "$findings.debian"
	elif [ -e "$series" ]; then
		finding "$series" "has rules, but sources has no patch archive; write \"none REASON\", or add the archive"
	elif printf '%s\n' "$1" | source_lines | grep -q '	apt:.*\.orig\.tar\.'; then
		finding "$1/sources" "has Debian's source without Debian's patches; add the patch archive and a series file, or a series file with \"none REASON\""
	fi
}

# check_advisories FILE: "ID open|unaffected REASON" in each line.
check_advisories() {
	lines "$1" | awk -v file="$1" '
		$1 !~ /^(CVE-[0-9]+-[0-9]+|XSA-[0-9]+|DSA-[0-9]+-[0-9]+|GHSA(-[0-9a-z]+)+)$/ ||
		$2 !~ /^(open|unaffected)$/ || NF < 3 {
			printf "%s: \"%s\" is not \"ADVISORY open REASON\" or \"ADVISORY unaffected REASON\"\n", file, $0
		}
		seen[$1]++ { printf "%s: %s is listed twice\n", file, $1 }' >>"$findings"
}

# check_shared: a source that several recipes use must be pinned in only one of them.
check_shared() {
	recipe_dirs | while read -r dir; do
		[ -L "$dir/sources" ] || lines "$dir/sources" | awk -v file="${dir#"$TREE"/}/sources" '{ print $1, file }'
	done | LC_ALL=C sort -u | awk '
		$1 in first { printf "%s: pins the same file as %s; make it a link to that file\n", $2, first[$1]; next }
		{ first[$1] = $2 }' >>"$findings"
}

check_shared
list_recipes >"$findings.recipes"
while read -r name dir words; do
	one_line "$dir/version"
	one_line "$dir/license"
	[ ! -e "$dir/sources" ] || check_sources "$dir/sources"
	[ ! -e "$dir/build" ] || check_build "$dir/build"
	check_series "$dir"
	[ ! -e "$dir/advisories" ] || check_advisories "$dir/advisories"
	check_files "$dir"
	for dep in $words; do
		grep -q "^${dep#host:} " "$findings.recipes" || finding "$dir/depends" "no recipe has the name ${dep#host:}"
		[ "${dep#host:}" != "$name" ] || finding "$dir/depends" "$name depends on itself"
	done
	lines "$dir/inputs" | while read -r path; do
		[ -e "$path" ] || finding "$dir/inputs" "$path does not exist"
	done
	for file in "$dir"/*; do
		case ${file##*/} in
		version | license | license-files | sources | series | advisories | depends | build | inputs | hostpkgs | patches | files) ;;
		*) finding "$file" "is not a file of a recipe" ;;
		esac
	done
done <"$findings.recipes"
# Alternatives to the pinned Xen.
for dir in hypervisor/pins/*/; do
	[ -d "$dir" ] || continue
	one_line "${dir}version"
	check_sources "${dir}sources"
	check_advisories "${dir}advisories"
done
# Dependency cycles, and two recipes of one name.
cut -d' ' -f1 "$findings.recipes" | tr '\n' ' ' >"$findings.goals"
awk -v goals="$(cat "$findings.goals")" -f lib/engine/graph.awk "$findings.recipes" 2>>"$findings" >/dev/null ||
	[ $? = 1 ] || die "lint: cannot check the dependencies: lib/engine/graph.awk failed"
rm -f "$findings.recipes" "$findings.goals"

# run_shellcheck OPTION...: adds the findings in the scripts that standard input lists.
# Status 1 of shellcheck means findings; after any other, scripts are unchecked.
run_shellcheck() {
	# shellcheck disable=SC2016  # the inner shell expands it
	xargs -r sh -c 'shellcheck "$@" || [ $? = 1 ]' shellcheck "$@" >>"$findings" ||
		die "lint: cannot check scripts: shellcheck failed; its message is above"
}

# Scripts: every file that starts with #!/bin/sh or is marked as sourced.
if command -v shellcheck >/dev/null; then
	grep -rlE --exclude-dir=.git --exclude-dir=out '^#!/bin/sh|^#!/bin/busybox sh|^# shellcheck shell=sh' . | LC_ALL=C sort |
		run_shellcheck -x -f gcc
	# A recipe's build is sourced by lib/engine/phases.sh, whose variables it sees.
	recipe_dirs | sed "s|^$TREE/||; s|\$|/build|" | while read -r build; do
		[ ! -e "$build" ] || printf '%s\n' "$build"
	done | run_shellcheck -s sh -f gcc -e SC2154,SC2086,SC2164,SC2103
else
	say "lint: cannot check scripts: shellcheck is not installed; install the Debian package shellcheck"
fi

if [ -e "$findings.unchecked" ]; then
	say "lint: cannot check which of Debian's patches these recipes take:$(cat "$findings.unchecked"); their patch archives are not fetched: run ./build.sh fetch"
fi
if [ -s "$findings" ]; then
	cat "$findings"
	die "lint: $(wc -l <"$findings") findings"
fi
say "lint: no findings"

# shellcheck shell=sh
# Debian's changelog of a package, and the advisories that it names. Needs lib/apt.sh.

# source_of STATE KIND PACKAGE VERSION: the source package that the index has for a
# version of a source package (deb-src) or a package (deb), as "SOURCE VERSION". A package
# that was only built again has a version of its own, which ends in +bN.
source_of() {
	index_of "$1" "$2" "$3" | awk -v kind="$2" -v name="$3" -v version="$4" '
		BEGIN { RS = ""; FS = "\n" }
		index("\n" $0 "\n", "\nVersion: " version "\n") {
			source = name
			if (kind == "deb") sub(/\+b[0-9]+$/, "", version)
			for (i = 1; i <= NF; i++)
				if (kind == "deb" && $i ~ /^Source: /) {
					source = substr($i, 9)
					if (match(source, / \(.*\)$/)) {
						version = substr(source, RSTART + 2, RLENGTH - 3)
						source = substr(source, 1, RSTART - 1)
					}
				}
			print source, version
			exit
		}'
}

# in_security_archive STATE KIND PACKAGE VERSION: whether it was published there.
in_security_archive() {
	index_of "$1" "$2" "$3" | awk -v version="$4" '
		BEGIN { RS = "" }
		index("\n" $0 "\n", "\nVersion: " version "\n") && /\n(Directory|Filename): pool\/updates\// { found = 1 }
		END { exit !found }'
}

# binaries_of STATE SOURCE VERSION: the packages that a source package makes, a line each.
binaries_of() {
	index_of "$1" deb-src "$2" | awk -v version="$3" '
		/^Binary: / { sub(/^Binary: /, ""); gsub(/, */, "\n"); names = $0 }
		/^Version: / && $2 == version { print names; exit }'
}

# source_changelog SUITE SOURCE VERSION DIRECTORY: the changelog in the patch archive of a
# source package.
source_changelog() {
	state=$(apt_private "$1" deb-src) || return 1
	(cd "$4" && apt_in "$state" apt-get -qq source --only-source --download-only --diff-only "$2=$3") \
		>"$4/log" 2>&1 </dev/null || return 1
	tar -xOf "$4"/*.debian.tar.* debian/changelog 2>/dev/null
}

# package_changelog SUITE SOURCE VERSION DIRECTORY: the changelog in one of the packages
# that were made of it, the smallest first. One that depends on the very version of
# another mostly has a link to the documentation of that.
package_changelog() {
	state=$(apt_private "$1" deb-src) || return 1
	names=$(binaries_of "$state" "$2" "$3")
	state=$(apt_private "$1" deb) || return 1
	# shellcheck disable=SC2086 # the names are words
	apt_in "$state" apt-cache show $names 2>/dev/null | awk -v version="$3" '
		/^Package: / { name = $2; links = 0 }
		/^Version: / { this = $2; sub(/\+b[0-9]+$/, "", this) }
		/^Depends: / { links = index($0, "(= " version) }
		/^Size: / && this == version && !links { print $2, name }' | sort -n | head -n 3 >"$4/packages"
	while read -r _ name; do
		rm -f "$4"/*.deb
		(cd "$4" && apt_in "$state" apt-get -qq download "$name=$3") >"$4/log" 2>&1 </dev/null || continue
		# A package of Debian's own has no other changelog than Debian's.
		for file in changelog.Debian.gz changelog.gz; do
			dpkg-deb --fsys-tarfile "$4"/*.deb |
				tar -xO "./usr/share/doc/$name/$file" 2>/dev/null | gunzip 2>/dev/null >"$4/text" || :
			[ ! -s "$4/text" ] || break
		done
		grep -qF "$2 ($3)" "$4/text" || continue
		cat "$4/text"
		return
	done <"$4/packages"
	return 1
}

# changelog_of SUITE SOURCE VERSION DIRECTORY: prints Debian's changelog of a version in the
# suite's index. A mirror may have the packages of a version and not its source.
changelog_of() {
	source_changelog "$@" || package_changelog "$@"
}

# entries_since VERSION: reads a changelog and prints the entries after that version.
entries_since() {
	while IFS= read -r line; do
		case $line in
		[a-z0-9]*' ('*') '*';'*)
			entry=${line#*\(}
			dpkg --compare-versions "${entry%%)*}" gt "$1" || break
			;;
		esac
		printf '%s\n' "$line"
	done
}

# changes_between SUITE KIND PACKAGE OLD NEW DIRECTORY: prints the entries of the changelog
# of NEW after OLD; fails when it is not available. DIRECTORY is made.
changes_between() {
	mkdir "$6"
	state=$(apt_private "$1" "$2") || return 1
	source_of "$state" "$2" "$3" "$5" >"$6/source"
	read -r source source_version <"$6/source" || return 1
	changelog_of "$1" "$source" "$source_version" "$6" >"$6/changelog" || return 1
	case $2 in
	deb) entries_since "$(printf '%s\n' "$4" | sed 's/+b[0-9]*$//')" ;;
	deb-src) entries_since "$4" ;;
	esac <"$6/changelog"
}

# advisories_in: reads entries of a changelog and prints the advisories that they name, a
# line each.
advisories_in() {
	{ grep -oE 'CVE-[0-9]{4}-[0-9]{4,}|(XSA|DSA)-[0-9]+(-[0-9]+)?|GHSA(-[0-9a-z]{4}){3}' || :; } | LC_ALL=C sort -Vu
}

# for_security: whether one of the entries that it reads was uploaded as a security update.
for_security() {
	grep -qE '^[a-z0-9][^ ]* \([^)]*\) [^;]*-security;'
}

# show_advisories: at most 40 of them: a kernel has a thousand in a quarter of a year.
show_advisories() {
	awk 'NR <= 40 { print } END { if (NR > 40) print "and", NR - 40, "more" }' | paste -sd ' ' - |
		fold -s -w 96 | sed -e '/./!d' -e 's/^/    /' -e 's/ *$//'
}

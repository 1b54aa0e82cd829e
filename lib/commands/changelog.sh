# shellcheck shell=sh
# Debian's changelog of a package, and the advisories in it. Needs lib/engine/apt.sh.

# source_of STATE KIND PACKAGE VERSION: the source package of a version of a source package
# (deb-src) or a binary package (deb), as "SOURCE VERSION". The version of a binary-only
# rebuild ends in +bN.
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

# in_security_archive STATE KIND PACKAGE VERSION: whether it is in the security archive.
in_security_archive() {
	index_of "$1" "$2" "$3" | awk -v version="$4" '
		BEGIN { RS = "" }
		index("\n" $0 "\n", "\nVersion: " version "\n") && /\n(Directory|Filename): pool\/updates\// { found = 1 }
		END { exit !found }'
}

# binaries_of STATE SOURCE VERSION: the binary packages of a source package, one per line.
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

# package_changelog SUITE SOURCE VERSION DIRECTORY: the changelog in one of its binary
# packages, smallest first. A package that depends on the exact version of another is
# skipped: its documentation is usually a link into the other package.
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
		# A native package of Debian has only changelog.gz.
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
# suite's index. A mirror may have the binary packages of a version but not its source.
changelog_of() {
	source_changelog "$@" || package_changelog "$@"
}

# entries_since VERSION: reads a changelog and prints the entries newer than VERSION.
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

# changes_between SUITE KIND PACKAGE OLD NEW DIRECTORY: prints the changelog entries of NEW
# since OLD; fails if the changelog is not available. DIRECTORY is created.
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

# advisories_in: reads changelog entries and prints the advisories in them, one per line.
advisories_in() {
	{ grep -oE 'CVE-[0-9]{4}-[0-9]{4,}|(XSA|DSA)-[0-9]+(-[0-9]+)?|GHSA(-[0-9a-z]{4}){3}' || :; } | LC_ALL=C sort -Vu
}

# for_security: reads changelog entries; true if one of them is a security update.
for_security() {
	grep -qE '^[a-z0-9][^ ]* \([^)]*\) [^;]*-security;'
}

# show_advisories: prints at most 40: a kernel gets a thousand in three months.
show_advisories() {
	awk 'NR <= 40 { print } END { if (NR > 40) print "and", NR - 40, "more" }' | paste -sd ' ' - |
		fold -s -w 96 | sed -e '/./!d' -e 's/^/    /' -e 's/ *$//'
}

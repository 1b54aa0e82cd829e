# shellcheck shell=sh
# Fetches the sources of recipes. A recipe pins a file by its SHA-256, so any location can
# serve it. They are tried in this order:
#
#   1. the directory XENITH_SOURCES, and the cache
#   2. the user's mirror, XENITH_MIRROR (a URL or a directory, flat)
#   3. Debian's index, through the apt client
#   4. the pools of the Debian archives that this machine's apt is configured for: they
#      keep a file for a while after it has left the index
#   5. Debian's permanent snapshot archive
#   6. the upstream URL
#
# A file becomes a source only if its SHA-256 is the pinned one. If every location fails,
# each is listed with its reason.

# shellcheck source=lib/engine/apt.sh
. "$TREE/lib/engine/apt.sh"

snapshot_archive=${XENITH_SNAPSHOT:-https://snapshot.debian.org}

# versions_with STATE SOURCE FILE: the versions of a source package in the index
# that have this file, as SOURCE=VERSION. A security update replaces the pinned
# version in the index, but usually has the same tarball.
versions_with() {
	index_of "$1" deb-src "$2" | awk -v package="$2" -v file="$3" '
		/^Version:/ { version = $2 }
		$NF == file && version != done { print package "=" version; done = version }'
}

# note_failure LOCATION REASON: records why a location failed, for the final report.
note_failure() {
	printf '    %s: %s\n' "$1" "$2" >>"$failures"
}

# failure_reason LOG: the error message in a program's output.
failure_reason() {
	sed -n -e 's/^E: Failed to fetch [^ ]* *//p' -e 's/^curl: ([0-9]*) //p' -e 's/^E: //p' -e 's/^cp: .*: //p' "$1" |
		grep -v '^Download Failed$' | without_hosts | head -n 1 | grep . || echo "no answer"
}

# accept_file LOCATION FILE: renames a fetched file into the sources if it has the pinned
# digest; fails if not.
accept_file() {
	[ -s "$2" ] || {
		note_failure "$1" "returned an empty file"
		return 1
	}
	got=$(sha256 "$2")
	if [ "$got" != "$digest" ]; then
		note_failure "$1" "returned another file: expected SHA-256 $digest, got $got ($(wc -c <"$2") bytes); discarded"
		rm -f "$2"
		return 1
	fi
	mv "$2" "$store/$file" || die "fetch: cannot write $store/$file"
}

# from_url LOCATION URL
from_url() {
	rm -f "$scratch/$file"
	if download "$2" "$scratch/$file" "$fetch_log"; then
		accept_file "$1" "$scratch/$file"
	else
		note_failure "$1" "$(failure_reason "$fetch_log")"
		rm -f "$scratch/$file"
		return 1
	fi
}

# from_mirror: from XENITH_MIRROR.
from_mirror() {
	case ${XENITH_MIRROR:-} in
	'') return 1 ;;
	*://*) from_url "mirror XENITH_MIRROR" "${XENITH_MIRROR%/}/$(url_name "$file")" ;;
	*)
		if cp "$XENITH_MIRROR/$file" "$scratch/$file" 2>"$fetch_log"; then
			accept_file "mirror $XENITH_MIRROR" "$scratch/$file"
		else
			note_failure "mirror $XENITH_MIRROR" "$(failure_reason "$fetch_log")"
			return 1
		fi
		;;
	esac
}

# split_apt SUITE/PACKAGE=VERSION/FILE: sets $suite, $package and $version.
split_apt() {
	suite=${1%%/*}
	suite=${suite%-security}
	package=${1#*/}
	package=${package%/*}
	version=${package#*=}
	package=${package%%=*}
}

# from_index SUITE/PACKAGE=VERSION/FILE: a file of a source package, or a binary package
# (FILE is NAME.deb), through the index of the suite.
from_index() {
	split_apt "$1"
	kind=deb-src
	case $file in *.deb) kind=deb ;; esac
	place="Debian's index of $suite"
	state=$(apt_private "$suite" "$kind") || {
		note_failure "$place" "cannot be read"
		return 1
	}
	case $kind in
	deb) tries=$package=$version ;;
	*) tries=$({
		echo "$package=$version"
		versions_with "$state" "$package" "$file"
	} | awk '!seen[$0]++') ;;
	esac
	tar_only=--tar-only
	case $file in *.debian.tar.* | *.diff.gz) tar_only=--diff-only ;; esac
	for try in $tries; do
		: >"$fetch_log"
		case $kind in
		deb) (cd "$scratch" && apt_in "$state" apt-get -qq download "$try") ;;
		*) (cd "$scratch" && apt_in "$state" apt-get -qq source --only-source --download-only "$tar_only" "$try") ;;
		esac >"$fetch_log" 2>&1 || :
		if [ -e "$scratch/$file" ]; then
			accept_file "$place" "$scratch/$file" && return 0
		else
			note_failure "$place, $try" "$(failure_reason "$fetch_log")"
		fi
	done
	now=$(versions_of "$state" "$kind" "$package" | tr '\n' ' ')
	note_failure "$place" "its versions of $package: ${now:-none}"
	return 1
}

# from_pools SUITE/PACKAGE=VERSION/FILE: by its path in the pools, without an index. The
# security archive has its files below updates/.
from_pools() {
	split_apt "$1"
	directory=$(pool_directory "$suite" "$package" "$file") || directory=
	[ -n "$directory" ] || {
		note_failure "the pools of Debian's archives" "no index names the directory of $package"
		return 1
	}
	archives=$(debian_archives) || {
		note_failure "the pools of Debian's archives" "this machine's apt is configured for no Debian mirror"
		return 1
	}
	printf '%s\n' "$archives" >"$RUN/archives"
	while read -r archive uri; do
		case $archive in
		*security) path=pool/updates/$directory ;;
		*) path=pool/$directory ;;
		esac
		another=
		case $archive in another-*) another=", another mirror" ;; esac
		from_url "the pool of Debian's ${archive#another-} archive ($path)$another" "$uri/$path/$(url_name "$file")" </dev/null && return 0
	done <"$RUN/archives"
	return 1
}

# local_source: whether the file was fetched already. A damaged file is removed from the
# cache; in the user's own directory it is reported and left (status 2).
local_source() {
	for directory in "$SOURCES" "$CACHE/sources"; do
		[ -e "$directory/$file" ] || continue
		got=$(sha256 "$directory/$file")
		[ "$got" != "$digest" ] || return 0
		say "fetch: $recipe: $directory/$file: expected SHA-256 $digest, got $got"
		if [ "$directory" != "$CACHE/sources" ]; then
			say "fetch: files in XENITH_SOURCES are not changed; remove this one, or correct the recipe"
			return 2
		fi
		rm -f "$directory/$file"
	done
	return 1
}

# from_locations LOCATION...: from the first location that has the file.
from_locations() {
	from_mirror && return 0
	for location; do
		case $location in apt:*) from_index "${location#apt:}" && return 0 ;; esac
	done
	for location; do
		case $location in apt:*) from_pools "${location#apt:}" && return 0 ;; esac
	done
	for location; do
		case $location in
		snapshot:*) from_url "Debian's snapshot archive" "$snapshot_archive/file/${location#snapshot:}" && return 0 ;;
		esac
	done
	for location; do
		case $location in
		apt:* | snapshot:*) ;;
		https://* | http://* | file://*) from_url "$location" "$location" && return 0 ;;
		*) note_failure "$location" "not a location (apt:SUITE/SOURCE=VERSION/FILE, snapshot:SHA1 or a URL)" ;;
		esac
	done
	return 1
}

# fetch_one RECIPE DIGEST NAME LOCATION...: fetches one file.
fetch_one() {
	recipe=$1
	digest=$2
	file=$3
	shift 3
	rc=0
	local_source || rc=$?
	case $rc in
	0) return 0 ;;
	2) return 1 ;;
	esac
	: >"$failures"
	from_locations "$@" && return 0
	say "fetch: cannot fetch $file of $recipe: no location has a file with SHA-256 $digest:"
	cat "$failures" >&2
	return 1
}

# writable_store: sets $store to the directory for fetched files: the user's own, or the
# cache if that is not writable.
writable_store() {
	store=$SOURCES
	mkdir -p "$store" 2>/dev/null || :
	[ -w "$store" ] || store=$CACHE/sources
	mkdir -p "$store" || die "fetch: cannot create $store"
}

# fetch_all RECIPES: fetches every source of the recipes in that file (NAME DIRECTORY ...),
# a shared one once. A failure is reported and does not stop the others.
fetch_all() {
	while read -r name dir _; do
		printf '%s\n' "$TREE/$dir" | source_lines | awk -F '\t' -v recipe="$name" '{ print recipe, $2, $3, $4 }'
	done <"$1" | awk '!seen[$2, $3]++' >"$RUN/sources"
	total=$(while read -r _ _ file _; do
		[ -n "$(source_file "$file")" ] || echo "$file"
	done <"$RUN/sources" | wc -l)
	number=0
	lacking=
	writable_store
	failures=$RUN/failures
	# Not beside the sources: their disk may be full.
	fetch_log=$RUN/fetch.log
	claim "$store/.fetch" 5
	# shellcheck disable=SC2154 # claim sets it
	scratch=$claimed
	while read -r name digest file locations; do
		[ "$digest" != conflict ] || die "$name: its sources have two digests for $file"
		if [ -z "$(source_file "$file")" ]; then
			number=$((number + 1))
			say "fetch: $file ($number of $total)"
		fi
		# shellcheck disable=SC2086 # the locations are words
		fetch_one "$name" "$digest" "$file" $locations </dev/null || lacking="$lacking $name"
	done <"$RUN/sources"
	release "$scratch"
	[ -z "$lacking" ] || {
		# shellcheck disable=SC2086 # the names are words
		set -- $lacking
		die "$# sources could not be fetched; you can
    - put the files into a directory and set XENITH_SOURCES to it,
    - set XENITH_MIRROR to a mirror that has them (./build.sh sources --all fills one
      on a machine that can fetch them), or
    - pin the version that Debian has now:$(printf ' ./build.sh bump %s;' "$@" | sed 's/;$//')"
	}
}

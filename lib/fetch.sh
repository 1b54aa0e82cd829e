# shellcheck shell=sh
# Fetches the sources of recipes: from a local directory of tarballs, from
# Debian's source archive through the apt client, or from the upstream's URL.
# A file appears in $SOURCES only when its SHA-256 is the pinned one; a wrong or
# broken file is named with what was expected and what came, and removed.

# shellcheck source=lib/apt.sh
. "$TREE/lib/apt.sh"

# apt_private SUITE KIND: prepares a private state directory of apt for a suite's
# sources (deb-src) or its packages (deb) and prints its path.
apt_private() {
	state=$CACHE/apt/$1-$2
	if [ -n "$(find "$state/updated" -mmin -720 2>/dev/null)" ]; then
		printf '%s\n' "$state"
		return
	fi
	command -v apt-get >/dev/null || {
		say "fetch: apt-get is not on this machine"
		return 1
	}
	mkdir -p "$state/lists" "$state/cache"
	sources_list "$2" "$1" >"$state/sources.list" || return 1
	say "fetch: reading Debian's index ($2), suite $1"
	apt_in "$state" apt-get -qq update >"$state/log" 2>&1 || {
		say "fetch: apt could not read the index of suite $1:"
		tail -n 3 "$state/log" >&2
		return 1
	}
	touch "$state/updated"
	printf '%s\n' "$state"
}

# apt_in STATE PROGRAM ARGUMENTS: runs apt-get or apt-cache with that private state.
apt_in() {
	state_dir=$1
	program=$2
	shift 2
	"$program" -o Dir::Etc::sourcelist="$state_dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$state_dir/lists" -o Dir::Cache="$state_dir/cache" \
		-o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true "$@"
}

# index_of STATE KIND PACKAGE: what the index has of a source package (deb-src) or a
# package (deb).
index_of() {
	case $2 in
	deb-src) apt_in "$1" apt-cache showsrc --only-source "$3" ;;
	deb) apt_in "$1" apt-cache show "$3" ;;
	esac 2>/dev/null
}

# versions_of STATE KIND PACKAGE: the versions in the index, the highest first.
versions_of() {
	index_of "$1" "$2" "$3" | sed -n 's/^Version: //p' | sort -Vru
}

# versions_with STATE SOURCE FILE: the versions of a source package in the index
# that have the very file, as SOURCE=VERSION. A security update takes the pinned
# version out of the index, but mostly stands on the same tarball.
versions_with() {
	index_of "$1" deb-src "$2" | awk -v package="$2" -v file="$3" '
		/^Version:/ { version = $2 }
		$NF == file && version != done { print package "=" version; done = version }'
}

# fetch_failed WHAT LOG KIND PACKAGE: says that, what apt said, what there is instead, and
# what can be done.
fetch_failed() {
	say "fetch: apt could not get $1 in suite $suite:"
	grep '^E:' "$2" | sed -e 's#http[^ ]*/##' >&2
	now=$(versions_of "$state" "$3" "$4" | tr '\n' ' ')
	say "fetch: the index of $suite has of $4: ${now:-nothing}"
	say "fetch: pin one of these in the recipe, or put the file into a directory that XENITH_SOURCES names"
}

# fetch_apt SUITE/PACKAGE=VERSION/FILE DIRECTORY: puts FILE into DIRECTORY: of a
# source package, or a binary package, NAME.deb.
fetch_apt() {
	rest=${1#*/}
	suite=${1%%/*}
	suite=${suite%-security}
	package=${rest%/*}
	case $rest in *.deb)
		state=$(apt_private "$suite" deb) || return 1
		(cd "$2" && apt_in "$state" apt-get -qq download "$package") >"$2/log" 2>&1 &&
			[ -e "$2/${rest##*/}" ] && return 0
		fetch_failed "${rest##*/} ($package)" "$2/log" deb "${package%%=*}"
		return 1
		;;
	esac
	state=$(apt_private "$suite" deb-src) || return 1
	for try in "$package" $(versions_with "$state" "${package%%=*}" "${rest##*/}"); do
		if (cd "$2" && apt_in "$state" apt-get -qq source --only-source --download-only --tar-only "$try") >"$2/log" 2>&1 &&
			[ -e "$2/${rest##*/}" ]; then
			return 0
		fi
	done
	fetch_failed "${rest##*/} of ${package%%=*} ${package#*=}" "$2/log" deb-src "${package%%=*}"
	return 1
}

# fetch_url URL DIRECTORY NAME
fetch_url() {
	if command -v curl >/dev/null; then
		curl -fsSL --retry 2 --connect-timeout 20 -o "$2/$3" "$1" 2>"$2/log"
	else
		wget -q -T 20 -O "$2/$3" "$1" 2>"$2/log"
	fi || {
		say "fetch: $1: $(tail -n 1 "$2/log")"
		return 1
	}
}

# fetch_one RECIPE DIGEST NAME LOCATION...: one file, from the first location
# that has it.
fetch_one() {
	recipe=$1
	digest=$2
	file=$3
	shift 3
	if [ -e "$SOURCES/$file" ]; then
		got=$(sha256 "$SOURCES/$file")
		[ "$got" != "$digest" ] || return 0
		say "fetch: $recipe: $SOURCES/$file: expected SHA-256 $digest, got $got"
		if [ -n "${XENITH_SOURCES:-}" ]; then
			say "fetch: that directory is yours: remove the file, or mend the recipe"
			return 1
		fi
		rm -f "$SOURCES/$file"
	fi
	mkdir -p "$SOURCES"
	for location; do
		tmp=$(mktemp -d "$SOURCES/.fetch.XXXXXX")
		case $location in
		apt:*) fetch_apt "${location#apt:}" "$tmp" && from=$tmp/${location##*/} ;;
		https://* | http://* | file://*) fetch_url "$location" "$tmp" "$file" && from=$tmp/$file ;;
		*) say "fetch: $recipe: $location: not a location (apt:SUITE/SOURCE=VERSION/FILE or a URL)" && false ;;
		esac || {
			rm -rf "$tmp"
			continue
		}
		got=$(sha256 "$from")
		if [ "$got" = "$digest" ]; then
			mv "$from" "$SOURCES/$file"
			rm -rf "$tmp"
			return 0
		fi
		say "fetch: $recipe: $location: expected SHA-256 $digest, got $got ($(wc -c <"$from") bytes); the file was thrown away"
		rm -rf "$tmp"
	done
	say "fetch: $recipe: no location gave $file"
	return 1
}

# wanted_sources NAME DIRECTORY: a line for each source of a recipe: the recipe, digest,
# file name and locations.
wanted_sources() {
	[ -e "$TREE/$2/sources" ] || return 0
	lines "$TREE/$2/sources" | awk -v recipe="$1" '
		{ n = $3; if (n == "") { n = $2; sub(/.*\//, "", n) } }
		!(n in digest) { order[++count] = n; digest[n] = $1 }
		digest[n] != $1 { print recipe, "conflict", n; exit }
		{ where[n] = where[n] " " $2 }
		END { for (i = 1; i <= count; i++) print recipe, digest[order[i]], order[i] where[order[i]] }'
}

# fetch_all RECIPES: every source of the recipes in that file (NAME DIRECTORY ...), once
# where recipes share it. One that cannot be had is named, and the others are fetched all
# the same.
fetch_all() {
	while read -r name dir _; do
		wanted_sources "$name" "$dir"
	done <"$1" | awk '!seen[$2, $3]++' >"$RUN/sources"
	total=$(while read -r _ _ file _; do
		[ -e "$SOURCES/$file" ] || echo "$file"
	done <"$RUN/sources" | wc -l)
	number=0
	lacking=0
	while read -r name digest file locations; do
		[ "$digest" != conflict ] || die "$name: its sources have two digests for $file"
		if [ ! -e "$SOURCES/$file" ]; then
			number=$((number + 1))
			say "fetch: $file ($number of $total)"
		fi
		# shellcheck disable=SC2086 # the locations are words
		fetch_one "$name" "$digest" "$file" $locations </dev/null || lacking=$((lacking + 1))
	done <"$RUN/sources"
	[ $lacking = 0 ] || die "$lacking of the sources could not be had: see above"
}

# shellcheck shell=sh
# What every script of the engine shares: where things are, and how to say so.
# Sourced, with $TREE set to the top of the source tree.

: "${TREE:?}"
# A relative one is seen from where the user is, also by what works elsewhere.
for name in XENITH_OUT XENITH_CACHE XENITH_SOURCES XENITH_MIRROR; do
	eval "value=\${$name:-}"
	case $value in
	'' | /* | *://*) ;;
	*) export "$name=$PWD/$value" ;;
	esac
done
OUT=${XENITH_OUT:-$TREE/out}
CACHE=${XENITH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xenith}
SOURCES=${XENITH_SOURCES:-$CACHE/sources}
# What one invocation of the engine notes for itself; several may run at once.
RUN=${XENITH_RUN:-$OUT}
# The configuration tree that goes into the image.
DOMAINS=${XENITH_DOMAINS:-$TREE/domains}

# say MESSAGE: a line for the person who waits.
say() {
	printf '%s\n' "$*" >&2
}

# die MESSAGE: says why nothing more can be done here, and ends.
die() {
	printf 'xenith: %s\n' "$*" >&2
	exit 1
}

# setting KEY: the value of KEY in the file `config`.
setting() {
	value=$(sed -n "s/^$1=//p" "$TREE/config")
	[ -n "$value" ] || die "config: $1 is not set"
	printf '%s\n' "$value"
}

# sha256 FILE: the bare digest.
sha256() {
	set -- "$(sha256sum <"$1")"
	printf '%s\n' "${1%% *}"
}

# recipe_dirs: the directory of every recipe, one in a line, in byte order.
recipe_dirs() {
	for dir in "$TREE"/recipes/*/ "$TREE"/hypervisor/*/ "$TREE"/image/*/; do
		[ ! -e "${dir}version" ] || printf '%s\n' "${dir%/}"
	done
}

# source_lines: reads directories of recipes and prints the files that their `sources`
# name, a line for each: the recipe's directory, the SHA-256, the file's name and its
# locations, with tabs between them.
source_lines() {
	while read -r dir; do
		[ ! -e "$dir/sources" ] || printf '%s\0' "$dir/sources"
	done | xargs -0 -r awk -f "$TREE/lib/sources.awk"
}

# source_file NAME: where a source that was fetched is, in the user's own directory or
# in the cache; nothing where it is in neither.
source_file() {
	for directory in "$SOURCES" "$CACHE/sources"; do
		if [ -e "$directory/$1" ]; then
			printf '%s\n' "$directory/$1"
			return
		fi
	done
}

# sweep DIRECTORY: removes what processes have left in it that claimed a place there
# and are gone. A process's number would not tell: several machines and containers may
# share a directory.
sweep() {
	for left in "$1"/*.claim "$1"/.*.claim; do
		[ -e "$left" ] || continue
		if flock -n "$left" true; then
			rm -rf "${left%.claim}" "$left"
		fi
	done
}

# claim PREFIX FD: makes a directory PREFIX.XXXXXX, which is this process's own until it
# ends, and sets $claimed to it. The file descriptor (one digit) holds the lock.
claim() {
	mkdir -p "${1%/*}"
	# Nobody sweeps between the making of the lock and the locking.
	exec 6<"${1%/*}"
	flock 6
	sweep "${1%/*}"
	claimed=$(mktemp -d "$1.XXXXXX")
	eval "exec $2>\"\$claimed.claim\""
	flock "$2"
	exec 6>&-
}

# release DIRECTORY: removes a claimed directory.
release() {
	rm -rf "$1" "$1.claim"
}

# lines FILE: its lines without comments and blank ones.
lines() {
	[ ! -e "$1" ] || sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$1"
}

# clock SECONDS: minutes and seconds for people.
clock() {
	printf '%d:%02d' "$(($1 / 60))" "$(($1 % 60))"
}

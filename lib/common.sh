# shellcheck shell=sh
# Shared by every script of the engine: paths, messages, locks and small helpers.
# Sourced, with $TREE set to the top of the source tree.

: "${TREE:?}"
# Relative paths are the user's: resolve them before a script changes its directory.
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
# State of one invocation of the engine; several may run at once.
RUN=${XENITH_RUN:-$OUT}
# The configuration tree that goes into the image.
DOMAINS=${XENITH_DOMAINS:-$TREE/domains}

# say MESSAGE: prints a line for the user to standard error.
say() {
	printf '%s\n' "$*" >&2
}

# die MESSAGE: prints an error and exits with status 1.
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

# The directories of the tree that hold recipes.
RECIPE_TOPS="recipes hypervisor image"

# recipe_dirs: the directory of every recipe, one per line.
recipe_dirs() {
	for top in $RECIPE_TOPS; do
		for dir in "$TREE/$top"/*/; do
			[ ! -e "${dir}version" ] || printf '%s\n' "${dir%/}"
		done
	done
}

# source_lines: reads recipe directories and prints a tab-separated line for each file
# that their `sources` name: recipe directory, SHA-256, file name, locations.
source_lines() {
	while read -r dir; do
		[ ! -e "$dir/sources" ] || printf '%s\0' "$dir/sources"
	done | xargs -0 -r awk -f "$TREE/lib/engine/sources.awk"
}

# source_file NAME: the path of a fetched source, in the user's own directory or in the
# cache; empty if it is in neither.
source_file() {
	for directory in "$SOURCES" "$CACHE/sources"; do
		if [ -e "$directory/$1" ]; then
			printf '%s\n' "$directory/$1"
			return
		fi
	done
}

# package_root NAME: prints the directory of a package's files in the cache, if the last
# build had that package.
package_root() {
	path=$(sed -n "s/^$1 //p" "$OUT/packages" 2>/dev/null) || :
	[ -z "$path" ] || printf '%s\n' "$path/root"
}

# sweep PREFIX: removes claimed directories that begin with it and whose owner has exited. The
# lock shows that, a PID would not: several machines and containers may share them. Call it with
# the directory's lock held (claim, sweep_all).
sweep() {
	for left in "$1"*.claim; do
		[ -e "$left" ] || continue
		if flock -n "$left" true; then
			rm -rf "${left%.claim}" "$left"
		fi
	done
}

# sweep_all DIRECTORY: sweeps all that was claimed in it.
sweep_all() {
	[ -d "$1" ] || return 0
	exec 6<"$1"
	flock 6
	sweep "$1/"
	exec 6>&-
}

# claim PREFIX FD: creates a directory PREFIX.XXXXXX, owned by this process until it
# exits, and sets $claimed to it. File descriptor FD (one digit) holds the lock.
claim() {
	mkdir -p "${1%/*}"
	# No other process may sweep between creating the lock file and locking it.
	exec 6<"${1%/*}"
	flock 6
	sweep "$1."
	# The lock file comes first: without one a directory is never swept.
	claimed=$(mktemp --suffix=.claim "$1.XXXXXX")
	eval "exec $2>\"\$claimed\""
	flock "$2"
	claimed=${claimed%.claim}
	mkdir -m 700 "$claimed"
	exec 6>&-
}

# release DIRECTORY: removes a claimed directory.
release() {
	rm -rf "$1" "$1.claim"
}

# lines FILE: its lines, without comments and blank lines.
lines() {
	[ ! -e "$1" ] || sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$1"
}

# clock SECONDS: prints a duration as M:SS.
clock() {
	printf '%d:%02d' "$(($1 / 60))" "$(($1 % 60))"
}

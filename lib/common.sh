# shellcheck shell=sh
# What every script of the engine shares: where things are, and how to say so.
# Sourced, with $TREE set to the top of the source tree.

: "${TREE:?}"
# A relative one is seen from where the user is, also by what works elsewhere.
for name in XENITH_OUT XENITH_CACHE XENITH_SOURCES; do
	eval "value=\${$name:-}"
	case $value in
	'' | /*) ;;
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

# lines FILE: its lines without comments and blank ones.
lines() {
	[ ! -e "$1" ] || sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$1"
}

# clock SECONDS: minutes and seconds for people.
clock() {
	printf '%d:%02d' "$(($1 / 60))" "$(($1 % 60))"
}

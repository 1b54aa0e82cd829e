# shellcheck shell=sh
# Messages of `xenith network`.

warn() {
	printf 'xenith: network: %s\n' "$*" >&2
}

fail() {
	warn "$@"
	exit 1
}

# wrong TEXT: the command line is wrong.
wrong() {
	warn "$@"
	exit 2
}

#!/bin/sh
# Compares the output hash of every package with the one committed in recipes/outputs, or
# records those of the last build there. The cross compiler is left out: it differs with
# the host's compiler, but the code that it generates does not.
#
# usage: outputs.sh check|accept    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

committed=$TREE/recipes/outputs

# current: "NAME HASH" of the packages of the last build that are still in the cache.
current() {
	while read -r name path; do
		case $name in
		binutils | gcc) continue ;;
		esac
		[ -e "$path/output" ] || continue
		printf '%s %s\n' "$name" "$(cat "$path/output")"
	done <"$OUT/packages" | LC_ALL=C sort
}

# kept_lines FILE: its lines for packages of the tree that were not in the last build.
kept_lines() {
	recipe_dirs | sed 's|.*/||' | awk -v packages="$OUT/packages" '
		BEGIN { while ((getline line < packages) > 0) { split(line, word, " "); last[word[1]] } }
		FILENAME == "-" { recipe[$1]; next }
		$1 in recipe && !($1 in last)' - "$1"
}

[ -e "$OUT/packages" ] || die "cannot read $OUT/packages: nothing is built yet; run ./build.sh"
if [ "$1" = accept ]; then
	options=
	[ ! -e "$OUT/packages.options" ] || read -r options <"$OUT/packages.options"
	[ -z "$options" ] || die "accept: recipes/outputs is for the image without one's own options, and the last build was made with $options; run ./build.sh first"
elif [ -n "${XENITH_XEN:-}" ]; then
	say "outputs are not compared: recipes/outputs is for the pinned Xen, not for XENITH_XEN=$XENITH_XEN"
	exit 0
fi
case $1 in
check)
	# These contain the user's configuration, so no hash is committed for them.
	own=
	[ -z "${XENITH_DOMAINS:-}" ] || own='^(config|iso|netboot|disk) '
	[ -z "${XENITH_WITHOUT:-}" ] || own='^(config|iso|netboot|disk|installer) '
	current | awk -v own="$own" '
		FILENAME != "-" { want[$1] = $2; next }
		own != "" && $0 ~ own { next }
		!($1 in want) { printf "xenith: %s: no hash committed for output %s\n", $1, $2 > "/dev/stderr"; bad = 1; next }
		want[$1] != $2 { printf "xenith: %s: expected output %s, got %s\n", $1, want[$1], $2 > "/dev/stderr"; bad = 1 }
		END {
			if (bad) print "xenith: if you changed their sources or recipes, run ./build.sh accept to record the new hashes" > "/dev/stderr"
			exit bad
		}' "$committed" -
	;;
accept)
	while read -r name path; do
		[ -e "$path/output" ] ||
			die "accept: $name is no longer in the cache ($path); run ./build.sh package $name"
	done <"$OUT/packages"
	{
		current
		kept_lines "$committed"
	} | LC_ALL=C sort >"$committed.new"
	mv "$committed.new" "$committed"
	# The build times, for the next build's estimate.
	{
		while read -r name path; do
			printf '%s %s\n' "$name" "$(cat "$path/seconds")"
		done <"$OUT/packages"
		kept_lines "$TREE/recipes/times"
	} | LC_ALL=C sort >"$TREE/recipes/times.new"
	mv "$TREE/recipes/times.new" "$TREE/recipes/times"
	say "recorded $(wc -l <"$committed") hashes in recipes/outputs"
	;;
*) die "outputs.sh: expected check or accept" ;;
esac

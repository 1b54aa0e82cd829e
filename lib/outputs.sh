#!/bin/sh
# Compares the hash of every package's output with the one that is committed in
# recipes/outputs, or records those of the last build there. Not among them is
# the cross compiler itself, which the host's compiler makes and which differs
# with it, while what it compiles does not.
#
# usage: outputs.sh check|accept    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

committed=$TREE/recipes/outputs

# current: "NAME HASH" of the packages of the last build that the cache still has.
current() {
	while read -r name path; do
		case $name in
		binutils | gcc) continue ;;
		esac
		[ -e "$path/output" ] || continue
		printf '%s %s\n' "$name" "$(cat "$path/output")"
	done <"$OUT/packages" | LC_ALL=C sort
}

# kept FILE: its lines about packages of the tree that the last build did without.
kept() {
	recipe_dirs | sed 's|.*/||' | awk -v packages="$OUT/packages" '
		BEGIN { while ((getline line < packages) > 0) { split(line, word, " "); last[word[1]] } }
		FILENAME == "-" { recipe[$1]; next }
		$1 in recipe && !($1 in last)' - "$1"
}

[ -e "$OUT/packages" ] || die "nothing is built yet"
if [ -n "${XENITH_XEN:-}" ]; then
	[ "$1" != accept ] || die "accept: recipes/outputs is of the pinned Xen, not of XENITH_XEN=$XENITH_XEN"
	say "The outputs are not compared: the recorded ones are of the pinned Xen, not of XENITH_XEN=$XENITH_XEN."
	exit 0
fi
case $1 in
check)
	# The user's own configuration is in these, so they are the user's own.
	own=
	[ -z "${XENITH_DOMAINS:-}" ] || own='^(config|iso|netboot) '
	[ -z "${XENITH_WITHOUT:-}" ] || own='^(config|iso|netboot) '
	current | awk -v own="$own" '
		FILENAME != "-" { want[$1] = $2; next }
		own != "" && $0 ~ own { next }
		!($1 in want) { printf "xenith: %s: no hash is committed for its output %s\n", $1, $2 > "/dev/stderr"; bad = 1; next }
		want[$1] != $2 { printf "xenith: %s: expected output %s, got %s\n", $1, want[$1], $2 > "/dev/stderr"; bad = 1 }
		END {
			if (bad) print "xenith: if you changed what they are made of, ./build.sh accept records the new hashes" > "/dev/stderr"
			exit bad
		}' "$committed" -
	;;
accept)
	while read -r name path; do
		[ -e "$path/output" ] ||
			die "accept: $name is no longer in the cache ($path); build it again: ./build.sh package $name"
	done <"$OUT/packages"
	{
		current
		kept "$committed"
	} | LC_ALL=C sort >"$committed.new"
	mv "$committed.new" "$committed"
	# What each took, for the estimate of the next build.
	{
		while read -r name path; do
			printf '%s %s\n' "$name" "$(cat "$path/seconds")"
		done <"$OUT/packages"
		kept "$TREE/recipes/times"
	} | LC_ALL=C sort >"$TREE/recipes/times.new"
	mv "$TREE/recipes/times.new" "$TREE/recipes/times"
	say "Recorded $(wc -l <"$committed") hashes in recipes/outputs."
	;;
*) die "outputs.sh: check or accept" ;;
esac

#!/bin/sh
# Proves that the image comes out the same, to the bit, wherever it is built:
# builds everything twice, from two checkouts in different places, by users of
# different names, on hosts of different names, with other time zones, umasks
# and job counts, and compares every package. Only the cross compiler, which is
# made by the host's and part of no image, is shared between the two.
#
# usage: verify.sh [--against-cache]    (environment: TREE, XENITH_*)
#
# With --against-cache one build is made and compared with the packages that
# the cache has already.
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

case ${1:-} in
'') builds="a b" ;;
--against-cache) builds=b ;;
*) die "verify: $1: there is only --against-cache" ;;
esac

top=$OUT/verify
rm -rf "$top"
mkdir -p "$top"
# shellcheck disable=SC2046 # the goals are words
sh "$TREE/lib/build.sh" --fetch $(setting GOALS)
# Into a place of its own: its list has nothing but the compiler's packages then.
XENITH_OUT=$top/toolchain sh "$TREE/lib/build.sh" gcc
# Whoever builds below must be able to read them; a home directory is closed.
mkdir "$top/sources"
recipe_dirs | source_lines | cut -f 3 | LC_ALL=C sort -u | while read -r file; do
	from=$(source_file "$file")
	[ -z "$from" ] || cp --reflink=auto "$from" "$top/sources/"
done
chmod -R a+rX "$top/sources"

# checkout PLACE: a copy of the tree's files there.
checkout() {
	mkdir -p "$1"
	tar -C "$TREE" --exclude=./out --exclude=./.git -cf - . | tar -C "$1" -xf -
}

# shared CACHE: puts the cross compiler and what it needs into a new cache.
shared() {
	mkdir -p "$1/pkg"
	while read -r _ path; do
		cp -a --reflink=auto "$path" "$1/pkg/"
	done <"$top/toolchain/packages"
}

# build_in DIRECTORY CACHE UMASK JOBS ZONE HOST USER: one build in surroundings of
# its own. As root it is made by that user, who has no rights, which also shows that
# no root is needed; its host name is of a namespace of its own.
build_in() (
	cd "$1"
	umask "$3"
	host=$6
	user=$7
	set -- env -i PATH="$PATH" HOME="$2" TZ="$5" LC_ALL=C.UTF-8 XENITH_CACHE="$2" \
		XENITH_SOURCES="$top/sources" XENITH_JOBS="$4" ./build.sh
	# shellcheck disable=SC2016 # the inner shell's
	named='hostname "$0" 2>/dev/null || echo "$0" >/proc/sys/kernel/hostname; exec "$@"'
	if [ "$(id -u)" = 0 ]; then
		chown -R "$user" "$TREE_OF_BUILD" "$CACHE_OF_BUILD"
		setpriv --reuid="$user" --regid=nogroup --clear-groups test -x . ||
			die "verify: as root, it builds as the user $user, who cannot reach $TREE_OF_BUILD; name a place that is open with XENITH_OUT"
		unshare --uts sh -c "$named" "$host" setpriv --reuid="$user" --regid=nogroup --clear-groups "$@"
	else
		unshare --user --map-user="$(id -u "$user")" --map-group="$(id -g "$user")" --keep-caps \
			--uts sh -c "$named" "$host" "$@"
	fi
)

for build in $builds; do
	say "verify: build $build"
	case $build in
	a) TREE_OF_BUILD=$top/a ;;
	b) TREE_OF_BUILD="$top/b/another/place" ;;
	esac
	CACHE_OF_BUILD=$top/cache-$build
	checkout "$TREE_OF_BUILD"
	shared "$CACHE_OF_BUILD"
	case $build in
	a) build_in "$TREE_OF_BUILD" "$CACHE_OF_BUILD" 022 2 UTC first nobody ;;
	b) build_in "$TREE_OF_BUILD" "$CACHE_OF_BUILD" 077 3 Pacific/Kiritimati second games ;;
	esac
done

# outputs PACKAGES: "NAME HASH" of a build.
outputs() {
	while read -r name path; do
		printf '%s %s\n' "$name" "$(cat "$path/output")"
	done <"$1" | LC_ALL=C sort
}

if [ "$builds" = b ]; then
	# Into a place of its own, too: $OUT may know of packages that are no part of the image.
	# shellcheck disable=SC2046
	XENITH_OUT=$top/cached sh "$TREE/lib/build.sh" $(setting GOALS)
	first=$top/cached/packages
else
	first=$top/a/out/packages
fi
outputs "$first" >"$top/first"
outputs "$top/b/another/place/out/packages" >"$top/second"
if ! differences=$(diff "$top/first" "$top/second"); then
	printf '%s\n' "$differences"
	die "verify: these packages differ; compare their manifests in the caches under $top"
fi
say "verify: all $(wc -l <"$top/first") packages are the same in both builds:"
grep -E '^(iso|netboot) ' "$top/first"
rm -rf "$top"

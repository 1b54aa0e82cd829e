#!/bin/sh
# Tests that the build is reproducible: builds everything twice, in different directories,
# as different users, with different host names, time zones, umasks and job counts, and
# compares every package. Only the cross compiler is shared by the two builds: it is in no
# image, and differs with the host's compiler.
#
# usage: verify.sh [--against-cache]    (environment: TREE, XENITH_*)
#
# With --against-cache, builds once and compares with the packages in the cache.
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"

case ${1:-} in
'') builds="a b" ;;
--against-cache) builds=b ;;
*) die "verify: unknown option $1; the only option is --against-cache" ;;
esac

[ -z "${XENITH_XEN:-}" ] || die "verify: it compares builds of the pinned Xen; unset XENITH_XEN=$XENITH_XEN"
# The users of the builds below can install nothing.
need_all_packages
top=$OUT/verify
rm -rf "$top"
mkdir -p "$top"
# shellcheck disable=SC2046 # the goals are words
sh "$TREE/lib/engine/build.sh" --fetch $(setting GOALS)
# In a separate output directory, whose list then has only the compiler's packages.
XENITH_OUT=$top/toolchain sh "$TREE/lib/engine/build.sh" gcc
# The users of the builds below must be able to read the sources; a home directory is
# private.
mkdir "$top/sources"
recipe_dirs | source_lines | cut -f 3 | LC_ALL=C sort -u | while read -r file; do
	from=$(source_file "$file")
	[ -z "$from" ] || cp --reflink=auto "$from" "$top/sources/"
done
chmod -R a+rX "$top/sources"

# checkout DIRECTORY: copies the tree's files there.
checkout() {
	mkdir -p "$1"
	tar -C "$TREE" --exclude=./out --exclude=./.git -cf - . | tar -C "$1" -xf -
}

# copy_toolchain CACHE: copies the cross compiler and its dependencies into a new cache.
copy_toolchain() {
	mkdir -p "$1/pkg"
	while read -r _ path; do
		cp -a --reflink=auto "$path" "$1/pkg/"
	done <"$top/toolchain/packages"
}

# build_in DIRECTORY CACHE UMASK JOBS ZONE HOST USER: one build in its own environment. If
# root runs this, USER, who has no privileges, builds, which also tests that root is not
# needed. The host name is set in a new namespace.
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
		# By its path: the directory itself is open already.
		setpriv --reuid="$user" --regid=nogroup --clear-groups sh -c 'cd "$1"' sh "$TREE_OF_BUILD" 2>/dev/null ||
			die "verify: cannot build as user $user: no access to $TREE_OF_BUILD; set XENITH_OUT to a directory that all users can reach"
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
	copy_toolchain "$CACHE_OF_BUILD"
	case $build in
	a) build_in "$TREE_OF_BUILD" "$CACHE_OF_BUILD" 022 2 UTC first nobody ;;
	b) build_in "$TREE_OF_BUILD" "$CACHE_OF_BUILD" 077 3 Pacific/Kiritimati second games ;;
	esac
done

# outputs PACKAGES: "NAME HASH" of the packages of a build.
outputs() {
	while read -r name path; do
		printf '%s %s\n' "$name" "$(cat "$path/output")"
	done <"$1" | LC_ALL=C sort
}

if [ "$builds" = b ]; then
	# In a separate output directory, too: $OUT may list packages that are not in the image.
	# shellcheck disable=SC2046
	XENITH_OUT=$top/cached sh "$TREE/lib/engine/build.sh" $(setting GOALS)
	first=$top/cached/packages
else
	first=$top/a/out/packages
fi
outputs "$first" >"$top/first"
outputs "$top/b/another/place/out/packages" >"$top/second"
if ! differences=$(diff "$top/first" "$top/second"); then
	printf '%s\n' "$differences"
	die "verify: the packages above differ; compare their manifests in the caches in $top"
fi
say "verify: all $(wc -l <"$top/first") packages are the same in both builds:"
grep -E '^(iso|netboot|disk) ' "$top/first"
rm -rf "$top"

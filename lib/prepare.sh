#!/bin/sh
# Brings in all that a package's build may see: the recipe, its sources and inputs, the
# host's tools, and the packages that it depends on. What this script does is part of
# every package's key, as the phases are.
#
# A program of its own rather than a function: in a shell's `prepare || fail` nothing
# that fails within `prepare` would end it, and a package would be built without what
# could not be copied.
#
# usage: prepare.sh DIRECTORY TARGET-DEPS HOST-DEPS ROOT    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

PLAN=$RUN/plan
dir=$1
tdeps=$2
hdeps=$3
root=$4

mkdir "$root/sources" "$root/inputs" "$root/hostbin" "$root/sysroot" "$root/tools"
# -L: recipes that share a file have links to it.
cp -RL "$dir" "$root/recipe"
cp "$TREE/lib/phases.sh" "$TREE/lib/series.sh" "$root/"

printf '%s\n' "$dir" | source_lines >"$root/sources.list"
cut -f 2,3 "$root/sources.list" | while read -r digest file; do
	from=$(source_file "$file")
	[ -n "$from" ] || die "$file is not among the sources"
	cp --reflink=auto "$from" "$root/sources/$file"
	got=$(sha256 "$root/sources/$file")
	[ "$got" = "$digest" ] || die "$from: expected SHA-256 $digest, got $got"
done

lines "$dir/inputs" | while read -r path; do
	from=$TREE/$path
	[ "$path" != domains ] || from=$DOMAINS
	mkdir -p "$root/inputs/$(dirname "$path")"
	cp -RP --preserve=mode "$from" "$root/inputs/$path"
done

lines "$TREE/lib/host-tools" | tr -s ' ' '\n' | while read -r tool; do
	for bin in /usr/bin /bin /usr/sbin /sbin; do
		if [ -x "$bin/$tool" ]; then
			echo "$bin/$tool"
			break
		fi
	done
done | xargs ln -s -t "$root/hostbin"

# bring_in DEPENDENCIES INTO: the packages' files.
bring_in() {
	printf '%s\n' "$1" | tr , '\n' | while read -r dep; do
		[ "$dep" != - ] || continue
		read -r path <"$PLAN/$dep.path"
		cp -a --reflink=auto "$path/root/." "$2/"
	done
}
bring_in "$tdeps" "$root/sysroot"
bring_in "$hdeps" "$root/tools"

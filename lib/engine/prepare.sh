#!/bin/sh
# Copies everything that a package's build may see into its root: the recipe, its sources
# and inputs, links to the host's tools, and the packages that it depends on. This script
# is part of every package's key, as phases.sh is.
#
# This is a program rather than a function because the shell ignores `set -e` inside a
# function that is called as `prepare || fail`: a copy that fails would go unnoticed, and
# the package would be built without the missing files.
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
cp "$TREE/lib/engine/phases.sh" "$TREE/lib/engine/series.sh" "$root/"

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

lines "$TREE/lib/engine/host-tools" | tr -s ' ' '\n' | while read -r tool; do
	for bin in /usr/bin /bin /usr/sbin /sbin; do
		if [ -x "$bin/$tool" ]; then
			echo "$bin/$tool"
			break
		fi
	done
done | xargs ln -s -t "$root/hostbin"

# bring_in DEPENDENCIES DIRECTORY: copies the packages' files into DIRECTORY.
bring_in() {
	printf '%s\n' "$1" | tr , '\n' | while read -r dep; do
		[ "$dep" != - ] || continue
		read -r path <"$PLAN/$dep.path"
		cp -a --reflink=auto "$path/root/." "$2/"
	done
}
bring_in "$tdeps" "$root/sysroot"
bring_in "$hdeps" "$root/tools"

#!/bin/sh
# Collects what the licences require to be passed on with the image: the sources of every
# recipe that it is built from, and this tree with the patches. With --all the sources of
# every recipe, tests included: the contents of a mirror (XENITH_MIRROR).
#
# usage: sources.sh [--all]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

case ${1:-} in
'') goals=$(setting GOALS) ;;
--all) goals=$(recipe_dirs | sed 's|.*/||') ;;
*) die "sources: unknown option $1; the only option is --all" ;;
esac
# shellcheck disable=SC2086 # the goals are words
sh "$TREE/lib/engine/build.sh" --fetch $goals

target=$OUT/sources
rm -rf "$target.new"
mkdir -p "$target.new"
while read -r _ _ file _; do
	cp --reflink=auto "$(source_file "$file")" "$target.new/$file"
done <"$OUT/fetched"

# tree_files: the project's own files. A user's configuration, with its secrets, may be
# in the same directory.
tree_files() {
	if git -C "$TREE" rev-parse --git-dir >/dev/null 2>&1; then
		git -C "$TREE" ls-files
	else
		(cd "$TREE" && find .ci .clang-format .gitignore LICENSE Makefile README.md build.sh config bootscripts docs \
			domains domd hotplug hypervisor image install iso kernel-configs lib man qemu-test recipes rootfs tests -type f -o -type l)
	fi | LC_ALL=C sort
}

tree_files | tar -C "$TREE" --owner=0 --group=0 --numeric-owner --verbatim-files-from -T - \
	--mtime="@$(setting SOURCE_DATE_EPOCH)" -cf - | xz -T1 >"$target.new/xenith-$(setting RELEASE).tar.xz"
(cd "$target.new" && sha256sum -- * >SHA256SUMS)
rm -rf "$target"
mv "$target.new" "$target"
say "the sources are in $target ($(du -sh "$target" | cut -f1))"

#!/bin/sh
# Xenith's front door. Everything that a user types is here; `./build.sh help`
# lists it. The work is done by the scripts in lib/, each with one purpose.
set -eu

TREE=$(cd "$(dirname "$0")" && pwd)
export TREE

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

usage() {
	cat <<'END'
usage: ./build.sh [--domains DIR] [--without LAYER] [COMMAND]

  (none)            build out/xenith.iso, the netboot bundle out/netboot/ and
                    the bill of materials out/xenith.spdx.json
  --domains DIR     the same, with your own domains and host settings in the
                    image; what is compiled already is not compiled again
  --without hvm     the same, smaller: without the device model and firmware,
                    so that PV and PVH domains run and HVM ones do not
  run [QEMU-ARG...] build, and boot the image in QEMU with the serial console
                    on this terminal (leave with Ctrl-A X)
  test [--all]      build, and run the tests; --all adds the slow ones
  smoke [--domains DIR] [--iso FILE] [--timeout S] [--memory MIB] [--junit FILE]
                    build, boot without a terminal, and wait until the host and
                    every configured domain are ready: for your own pipeline.
                    With --iso nothing is built, and DIR is a configuration drive
  bench             build, boot, and print the figures; draws out/boot.svg
  verify            build everything twice, in different surroundings, and
                    compare; --against-cache builds once and compares with
                    what is in the cache
  fetch [WORD...]   install the host packages that are missing and fetch all
                    sources, so that a build needs no network; nor do the
                    commands that are named: run test slow smoke bench
  sources [--all]   gather the sources of all that the image holds, or of every
                    recipe: a mirror for XENITH_MIRROR
  outdated          say for which recipes Debian has a newer version, and which
                    advisories it mends; --security ends with 1 if there are any
  bump NAME [VERSION]
                    pin the newest version of a recipe's source, or that one
  package NAME...   build single packages
  accept            record the hashes of the packages' outputs as right
  lint              check the recipes and scripts
  security [--check | --update]
                    print the table of advisories that patches mend or leave
                    open; compare it with docs/security.md, or write it there
  clean             remove out/ (the cache stays)
  help              this text

environment:
  XENITH_CACHE      the cache of packages   (~/.cache/xenith)
  XENITH_SOURCES    a directory of tarballs (in the cache)
  XENITH_MIRROR     a URL or a directory that has sources by their names
  XENITH_XEN        another Xen than the pinned one; see docs/security.md
  XENITH_OUT        where results go        (out/ in this tree)
  XENITH_JOBS       how many jobs at once   (one per core, as memory allows)
END
}

# build_goals LIST...: brings the image up to date and publishes it in $OUT. What is done
# with it then needs the packages of lib/hostpkgs-LIST.
build_goals() {
	XENITH_NEEDS=${*:-${XENITH_NEEDS:-}}
	export XENITH_NEEDS
	# shellcheck disable=SC2046 # the goals are words
	sh "$TREE/lib/build.sh" $(setting GOALS)
	sh "$TREE/lib/publish.sh"
}

while :; do
	case ${1:-} in
	--domains)
		[ $# -ge 2 ] || die "--domains needs a directory; see ./build.sh help"
		if [ ! -d "$2" ] || [ ! -r "$2" ] || [ ! -x "$2" ]; then
			die "--domains: $2: not a directory that can be read"
		fi
		XENITH_DOMAINS=$(cd -P "$2" && pwd -P)
		export XENITH_DOMAINS
		sh "$TREE/rootfs/usr/lib/xenith/check-config" "$XENITH_DOMAINS" ||
			die "--domains: $XENITH_DOMAINS is not a valid configuration; the image is left as it was"
		;;
	--without)
		[ "${2:-}" = hvm ] || die "--without: ${2:-(nothing)} is no layer that can be left out; there is: hvm"
		XENITH_WITHOUT=$2
		export XENITH_WITHOUT
		;;
	*) break ;;
	esac
	shift 2
done

command=${1:-image}
[ $# = 0 ] || shift
case $command in
image) build_goals ;;
run)
	build_goals run
	exec sh "$TREE/lib/run.sh" "$@"
	;;
test)
	exec sh "$TREE/lib/test.sh" "$@"
	;;
smoke) exec sh "$TREE/lib/smoke.sh" "$@" ;;
bench)
	build_goals run test bench
	exec sh "$TREE/lib/bench.sh" "$@"
	;;
verify) exec sh "$TREE/lib/verify.sh" "$@" ;;
fetch) exec sh "$TREE/lib/ready.sh" "$@" ;;
sources) exec sh "$TREE/lib/sources.sh" "$@" ;;
bump)
	[ $# = 1 ] || [ $# = 2 ] || die "bump: name one recipe, and the version if it is not to be the newest"
	exec sh "$TREE/lib/bump.sh" "$@"
	;;
outdated) exec sh "$TREE/lib/outdated.sh" "$@" ;;
package)
	[ $# -ge 1 ] || die "package: name the packages to build"
	exec sh "$TREE/lib/build.sh" "$@"
	;;
accept) exec sh "$TREE/lib/outputs.sh" accept ;;
lint) exec sh "$TREE/lib/lint.sh" "$@" ;;
security) exec sh "$TREE/lib/security.sh" "$@" ;;
clean) rm -rf "$OUT" ;;
help | -h | --help) usage ;;
*)
	usage >&2
	die "there is no command called $command"
	;;
esac

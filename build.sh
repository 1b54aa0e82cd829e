#!/bin/sh
# Xenith's command line; `./build.sh help` lists the commands. The scripts in lib/ do the
# work.
set -eu

TREE=$(cd "$(dirname "$0")" && pwd)
export TREE

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"

usage() {
	cat <<'END'
usage: ./build.sh [--domains DIR] [--without LAYER] [COMMAND]

  (none)            build out/xenith.iso, the netboot bundle out/netboot/, the
                    disk of an installed host out/xenith.img and the bill of
                    materials out/xenith.spdx.json
  --domains DIR     the same, with your own domains and host settings in the
                    image; packages that are built already are reused
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
  fetch [WORD...]   install missing host packages and fetch all sources, so that
                    a build needs no network; nor do the commands that are
                    named: run test slow smoke bench
  sources [--all]   collect the sources of everything in the image, or of every
                    recipe: a mirror for XENITH_MIRROR
  outdated          list recipes for which Debian has a newer version, and the
                    advisories that it fixes; --security exits with 1 if any
  bump NAME [VERSION]
                    pin the newest version of a recipe's source, or VERSION
  package NAME...   build single packages
  keys DIRECTORY [--no-password]
                    make a pair of keys for updates there, outside of this tree
  sign [FILE] --key KEY [--output FILE]
                    make out/xenith-VERSION.update of the last build, signed with
                    the private key of such a pair; or sign the update FILE;
                    --unsigned instead of --key: without a signature
  accept            record the output hashes of the last build as expected
  lint              check the recipes and scripts
  security [--check | --update]
                    print the table of advisories that patches fix or leave
                    open; compare it with docs/security.md, or update that
  clean             remove out/ (the cache stays)
  help              this text

environment:
  XENITH_CACHE      the cache of packages   (~/.cache/xenith)
  XENITH_SOURCES    a directory of tarballs (in the cache)
  XENITH_MIRROR     a URL or directory with the sources by file name
  XENITH_XEN        an alternative to the pinned Xen; see docs/security.md
  XENITH_OUT        the output directory    (out/ in this tree)
  XENITH_JOBS       the number of jobs      (one per core, as memory allows)
END
}

# build_goals LIST...: builds the image and publishes it in $OUT. The command that uses it
# needs the host packages of lib/hostpkgs/LIST.
build_goals() {
	XENITH_NEEDS=${*:-${XENITH_NEEDS:-}}
	export XENITH_NEEDS
	# shellcheck disable=SC2046 # the goals are words
	sh "$TREE/lib/engine/build.sh" --publish $(setting GOALS)
}

while :; do
	case ${1:-} in
	--domains)
		[ $# -ge 2 ] || die "--domains needs a directory; see ./build.sh help"
		if [ ! -d "$2" ] || [ ! -r "$2" ] || [ ! -x "$2" ]; then
			die "--domains: $2: not a readable directory"
		fi
		XENITH_DOMAINS=$(cd -P "$2" && pwd -P)
		export XENITH_DOMAINS
		sh "$TREE/lib/commands/check.sh" "$XENITH_DOMAINS" ||
			die "--domains: $XENITH_DOMAINS is not a valid configuration: see above; the image is unchanged"
		;;
	--without)
		[ "${2:-}" = hvm ] || die "--without: unknown layer \"${2:-}\"; the only optional layer is hvm"
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
	exec sh "$TREE/lib/commands/run.sh" "$@"
	;;
test)
	exec sh "$TREE/lib/commands/test.sh" "$@"
	;;
smoke) exec sh "$TREE/lib/commands/smoke.sh" "$@" ;;
bench)
	build_goals run test bench
	exec sh "$TREE/lib/commands/bench.sh" "$@"
	;;
verify) exec sh "$TREE/lib/commands/verify.sh" "$@" ;;
fetch) exec sh "$TREE/lib/commands/ready.sh" "$@" ;;
sources) exec sh "$TREE/lib/commands/sources.sh" "$@" ;;
bump)
	[ $# = 1 ] || [ $# = 2 ] || die "bump: expected NAME [VERSION]; see ./build.sh help"
	exec sh "$TREE/lib/commands/bump.sh" "$@"
	;;
outdated) exec sh "$TREE/lib/commands/outdated.sh" "$@" ;;
package)
	[ $# -ge 1 ] || die "package: expected NAME...; see ./build.sh help"
	exec sh "$TREE/lib/engine/build.sh" "$@"
	;;
keys) exec sh "$TREE/lib/commands/keys.sh" "$@" ;;
sign) exec sh "$TREE/lib/commands/sign.sh" "$@" ;;
accept) exec sh "$TREE/lib/engine/outputs.sh" accept ;;
lint) exec sh "$TREE/lib/commands/lint.sh" "$@" ;;
security) exec sh "$TREE/lib/commands/security.sh" "$@" ;;
clean) rm -rf "$OUT" ;;
help | -h | --help) usage ;;
*)
	usage >&2
	die "unknown command $command; see the list above"
	;;
esac

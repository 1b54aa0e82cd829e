#!/bin/sh
# Signs an update: makes it of what the last build left, or takes FILE, which may be signed
# already; checks it, and writes it with the signature in it.
#
# usage: sign.sh [FILE] --key KEY | --unsigned [--output FILE]    (environment: TREE, XENITH_*)
#
# The result is out/xenith-VERSION.update, or FILE itself, and appears by one rename.
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/commands/minisign.sh
. "$TREE/lib/commands/minisign.sh"

file=
key=
unsigned=
output=
while [ $# -gt 0 ]; do
	case $1 in
	--key | --output)
		[ -n "${2:-}" ] || die "sign: $1 needs a file; see ./build.sh help"
		# Each option sets the variable of its name.
		eval "${1#--}=\$2"
		shift
		;;
	--unsigned) unsigned=yes ;;
	-*) die "sign: unknown option $1; see ./build.sh help" ;;
	*)
		[ -z "$file" ] || die "sign: $1: one file is enough; see ./build.sh help"
		file=$1
		;;
	esac
	shift
done
case $key:$unsigned in
: | ?*:yes) die "sign: expected --key KEY or --unsigned; KEY is the private key that ./build.sh keys made" ;;
esac
disk=
if [ -z "$file" ]; then
	disk=$(package_root disk)
	[ -n "$disk" ] || die "sign: cannot find the package disk of the last build; run ./build.sh first, or name a FILE"
	mkdir -p "$OUT"
fi
for name in "${file:-$disk/slot.img}" ${key:+"$key"}; do
	[ -f "$name" ] || die "sign: cannot read $name: no such file"
	[ -r "$name" ] || die "sign: cannot read $name: permission denied"
done
[ -n "$unsigned" ] || find_minisign

# Beside the result, so that it takes its place by a rename.
claim "$(dirname "${output:-${file:-$OUT/x}}")/.sign" 5
# shellcheck disable=SC2154 # claim sets it
work=$claimed
trap 'release "$work"' EXIT
trap 'exit 130' INT TERM HUP

mkdir "$work/new"
if [ -n "$disk" ]; then
	cp --reflink=auto "$disk/slot.img" "$work/new/slot.img"
	sh "$TREE/install/update-manifest.sh" "$disk/manifest" "$disk/slot.img" >"$work/new/manifest"
else
	# A signature that is there is replaced.
	members=$(tar -tf "$file" 2>"$work/said") || die "sign: $file is not an update: $(tail -n 1 "$work/said")"
	case $(printf '%s\n' "$members" | paste -sd ' ' -) in
	"manifest slot.img" | "manifest manifest.minisig slot.img") ;;
	*) die "sign: $file is not an update: it holds $(printf '%s\n' "$members" | head -n 5 | paste -sd ' ' -)" ;;
	esac
	tar -xf "$file" -C "$work/new" manifest slot.img
fi
facts=$(LC_ALL=C awk -v update=1 -f "$TREE/install/manifest.awk" "$work/new/manifest") ||
	die "sign: ${file:-$disk} cannot be signed: its manifest is invalid: $facts"
# fact KEY
fact() {
	printf '%s\n' "$facts" | sed -n "s/^$1=//p"
}
version=$(fact version)
got=$(sha256 "$work/new/slot.img")
[ "$got" = "$(fact image_sha256)" ] ||
	die "sign: ${file:-$disk/slot.img} is damaged: its image has the SHA-256 $got, and its manifest says $(fact image_sha256)"
[ -n "$unsigned" ] ||
	"$minisign" -S -s "$key" -m "$work/new/manifest" -t "xenith $version" -c "signature of a Xenith update" >"$work/said" ||
	die "sign: cannot sign version $version with $key"
sh "$TREE/install/pack.sh" "$work/new" >"$work/update"
: "${output:=${file:-$OUT/xenith-$version.update}}"
digest=$(sha256 "$work/update")
mv "$work/update" "$output"
say "sign: $output is Xenith $version, ${unsigned:+not }signed${key:+ with $key}; SHA-256 $digest"

#!/bin/sh
# Makes a pair of keys for updates: DIRECTORY/update.key signs them, and belongs on no host;
# DIRECTORY/update.pub goes into update-keys/ of a configuration.
#
# usage: keys.sh DIRECTORY [--no-password]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/commands/minisign.sh
. "$TREE/lib/commands/minisign.sh"

directory=
password=
for word; do
	case $word in
	--no-password) password=-W ;;
	-*) die "keys: unknown option $word; the only option is --no-password" ;;
	*)
		[ -z "$directory" ] || die "keys: $word: one directory is enough; see ./build.sh help"
		directory=$word
		;;
	esac
done
[ -n "$directory" ] || die "keys: expected a DIRECTORY for the keys; see ./build.sh help"

# What is in the tree ends in a commit, a package or a copy of it.
directory=$(realpath -m -- "$directory")
case $directory/ in
"$(cd -P "$TREE" && pwd -P)"/*) die "keys: $directory is in the source tree; keep the private key elsewhere" ;;
esac
for file in update.key update.pub; do
	[ ! -e "$directory/$file" ] || die "keys: $directory/$file exists already; move it away first"
done
find_minisign
umask 077
mkdir -p "$directory" || die "keys: cannot make $directory"
# Not in place: a pair that was not completed is none.
claim "$directory/.keys" 5
# shellcheck disable=SC2154 # claim sets it
new=$claimed
trap 'release "$new"' EXIT
trap 'exit 130' INT TERM HUP
[ -n "$password" ] || say "keys: the password protects the private key; whoever signs is asked for it"
# shellcheck disable=SC2086 # there is an option, or none
"$minisign" -G $password -s "$new/update.key" -p "$new/update.pub" >"$new/said" ||
	die "keys: $minisign made no keys"
chmod 600 "$new/update.key"
chmod 644 "$new/update.pub"
mv "$new/update.pub" "$new/update.key" "$directory/"
say "keys: the private key is $directory/update.key: keep a copy offline, and let nobody read it"
say "keys: put $directory/update.pub into update-keys/ of each host's configuration"

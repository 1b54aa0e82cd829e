# shellcheck shell=sh disable=SC2154 # $work, $given, $given_unsigned, and the store's variables
# A configuration for the new system from a file or a server (--config): an archive of
# `xenith config export`, or any tar file of a configuration directory. What comes from a
# server must be signed by a key of this host, and for the name that was asked for: so
# nobody on the way can change it, or give a machine what is meant for another.
#
# Needs: $work, the store (store/store.sh), signature.sh, config.sh, disks.sh, progress.sh.
# Gives: supplied_add; supplied_get and supplied_unpack.

# The archive is kept in memory while the disk is written.
SUPPLIED_MIB=64

# machine_value mac|uuid|serial: prints it; nothing if this machine has none.
machine_value() {
	case $1 in
	mac) attribute "/sys/class/net/$(host_link)/address" | tr : - ;;
	# Some boards have one that is no number.
	uuid) attribute /sys/class/dmi/id/product_uuid | tr A-F a-f | sed -e '/^[0-]*$/d' -e '/^[f-]*$/d' ;;
	serial) attribute /sys/class/dmi/id/product_serial | tr -c 'A-Za-z0-9.\n-' _ ;;
	esac
}

# machine_place TEXT: sets $place to TEXT with {mac}, {uuid} and {serial} replaced by those
# of this machine.
machine_place() {
	place=$1
	for word in mac uuid serial; do
		case $place in *"{$word}"*) ;; *) continue ;; esac
		found=$(machine_value $word)
		[ -n "$found" ] || fail "cannot fetch $1: this machine has no $word"
		place=$(printf '%s\n' "$place" | sed "s/{$word}/$found/g")
	done
	case $place in *[{}]*) fail "cannot fetch $1: only {mac}, {uuid} and {serial} are replaced" ;; esac
}

# supplied_fetch URL FILE
supplied_fetch() {
	if ! (ulimit -f $((SUPPLIED_MIB * 2048)) && wget -q -T 60 -O "$2" "$1") 2>"$work/said"; then
		[ "$(stat -c %s "$2" 2>/dev/null || echo 0)" -lt $((SUPPLIED_MIB * 1048576)) ] ||
			fail "cannot fetch $1: it is larger than $SUPPLIED_MIB MiB; keep images elsewhere"
		fail "cannot fetch $1: $(tail -n 1 "$work/said" | sed 's/^wget: //')"
	fi
}

# supplied_verify FILE: fails unless the signature beside $place on the server is right.
supplied_verify() {
	supplied_fetch "$place.minisig" "$work/supplied.minisig"
	verify_signature "$place" "$1" "$work/supplied.minisig" "say that it is not signed (--config-unsigned, install_config_signed=no)"
	meant=$(printf '%s\n' "$comment" | tr '\t' '\n' | sed -n 's/^file://p')
	[ "$meant" = "${place##*/}" ] ||
		fail "$place: its signature is for \"${meant:-$comment}\", and not for ${place##*/}; minisign -S -m ${place##*/} signs it under its name"
	say "$place is signed with $signer"
}

# supplied_unpack FILE DIR: fails unless it is a configuration that is complete.
supplied_unpack() {
	mkdir "$2"
	{ archive_is_plain "$1" && tar -xmof "$1" -C "$2" 2>/dev/null; } ||
		fail "cannot use $place: it is no tar file, is cut off, or has links or paths that lead out of it"
	if [ -e "$2/generation" ]; then
		{ manifest_read "$2/generation" && tree_sums "$2" | sort | cmp -s - "$work/sums"; } ||
			fail "cannot use $place: it is not what xenith config export has written"
		rm "$2/generation"
	fi
	layer_files "$2" >"$work/supplied.files"
	[ -s "$work/supplied.files" ] ||
		fail "cannot use $place: it has no configuration file at its top level (host.conf, domains/, network/, authorized_keys ...)"
}

# supplied_check DIR: fails, with the errors, if there are any in its files.
supplied_check() {
	supplied=$1
	set --
	while IFS= read -r path; do
		set -- "$@" "$path"
	done <"$work/supplied.files"
	layer_check "$supplied" "$@" || fail "cannot use $place: its files have errors"
}

# supplied_get PLACE UNSIGNED: sets $archive to a file with what is at PLACE, a file or a URL,
# and $place to the URL for this machine. What comes from a server must be signed, unless
# UNSIGNED is set.
supplied_get() {
	place=$1
	archive=$1
	case $1 in
	http://* | ftp://*)
		machine_place "$1"
		archive=$work/supplied.tar
		supplied_fetch "$place" "$archive"
		[ -n "$2" ] || supplied_verify "$archive"
		;;
	*://*) fail "cannot fetch $1: only http:// and ftp:// can be read" ;;
	*) [ -r "$1" ] || fail "cannot read $1: there is no such file" ;;
	esac
}

# supplied_add TREE: what the archive $given sets overrides what TREE has.
supplied_add() {
	supplied_get "$given" "$given_unsigned"
	# Where install-unattended has fetched it from.
	place=${INSTALL_PLACE:-$place}
	supplied_unpack "$archive" "$work/supplied"
	supplied_check "$work/supplied"
	late=$(settings "$work/supplied/host.conf" | sed -n 's/^\(install_[a-z_]*\)=.*/\1/p' | sort -u | xargs)
	[ -z "$late" ] || [ -s "${INSTALL_ANSWERS:-}" ] ||
		say "xenith: install: warning: $place sets $late, which is ignored: it is fetched after these keys are read; set them in the configuration of the medium, or on the kernel's command line"
	layer_over "$work/supplied" "$1" || fail "cannot read the files of $place"
	images_add "$work/supplied" "$1"
}

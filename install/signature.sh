# shellcheck shell=sh disable=SC2154 # $source is the program's
# Who may sign updates and configurations: the public keys of the configuration, and those
# revoked in it. Sourced by `update` and `install`, which have `fail`.

KEYS=/config/update-keys

# key_text FILE: the encoded key in a public key, or the encoded signature.
key_text() {
	sed -n 2p "$1" | tr -d ' \r'
}

# key_number FILE: the number of the key in a public key or a signature, as minisign shows
# it. The bytes are in the reverse order.
key_number() {
	key_text "$1" | base64 -d 2>/dev/null | dd bs=1 skip=2 count=8 2>/dev/null |
		hexdump -v -e '1/1 "%02X\n"' | tac | tr -d '\n'
}

# is_revoked NUMBER KEY: true if `revoked` has one of them.
is_revoked() {
	[ -e "$KEYS/revoked" ] || return 1
	LC_ALL=C awk -v number="$1" -v key="$2" '
		{ sub(/#.*/, "") }
		$1 != "" && (toupper($1) == number || $1 == key) { found = 1 }
		END { exit !found }' "$KEYS/revoked"
}

# verify_manifest MANIFEST SIGNATURE VERSION: fails unless a key of this host has signed
# the manifest of the update $source. Sets $signer.
verify_manifest() {
	verify_signature "$source" "$1" "$2" "give the file's SHA-256 with --unsigned"
	[ "$comment" = "xenith $3" ] ||
		fail "$source: its signature is for \"$comment\", and not for \"xenith $3\""
}

# verify_signature NAME FILE SIGNATURE OTHERWISE: fails unless a key of this host has signed
# the file. NAME is for messages, and OTHERWISE says what to do without a key. Sets $signer
# and $comment, the signed comment.
verify_signature() {
	number=$(key_number "$3")
	[ ${#number} = 16 ] || fail "$1: its signature is damaged"
	if [ -e "$KEYS/revoked" ] && ! wrong=$(LC_ALL=C awk -f "$LIBRARY/revoked.awk" "$KEYS/revoked" 2>&1); then
		fail "$wrong; no signature is trusted before that is corrected"
	fi
	signer=
	known=
	mismatch=
	for key in "$KEYS"/*.pub; do
		# An empty file removes a key.
		[ -s "$key" ] || continue
		known="$known ${key##*/}"
		[ "$(key_number "$key")" = "$number" ] || continue
		if is_revoked "$number" "$(key_text "$key")"; then
			fail "$1: it is signed with ${key##*/} ($number), which is revoked ($KEYS/revoked)"
		fi
		# -H: only signatures of the hash, the one form that `build.sh sign` makes.
		if comment=$(minisign -V -H -Q -p "$key" -x "$3" -m "$2" 2>&1); then
			signer="${key##*/} ($number)"
			break
		fi
		mismatch=${key##*/}
	done
	if [ -z "$signer" ]; then
		if is_revoked "$number" ''; then
			fail "$1: it is signed with the key $number, which is revoked ($KEYS/revoked)"
		elif [ -z "$known" ]; then
			fail "$1: this host has no key for updates: put the public key of whoever signs them into update-keys/ of the configuration, or $4"
		elif [ -n "$mismatch" ]; then
			fail "$1: its signature does not match its content: one of them was changed, or it was made in the old form (key $mismatch, $number)"
		fi
		fail "$1: it is signed with the key $number, which this host does not know (it knows ${known# } in $KEYS)"
	fi
}

# shellcheck shell=sh disable=SC2154 # $source and $work are the program's
# Reads an update, from a file or from the network, without keeping it: dom0's memory is
# small. Its members come in a fixed order: the manifest, its signature, the image of the
# slot. Sourced by `update` and `install`, which set $source, $work and $unsigned and have
# `fail`, `wrong` and signature.sh.
#
#   open_source, read_front      manifest and signature are in $work; image_size is set
#   verify_front                 its signature, unless the file is named by its hash
#   hash_image, check_whole      to the end of the file; nothing is kept
#   image_again                  the image once more, to be written
#
# An address is read twice, unless there is memory for the image: nothing is written to the
# disk before all of it has been verified.

# The manifest and its signature are far smaller.
LARGEST=4096
# Left free for the host, when an image is kept in memory.
SPARE=$((128 * 1048576))

is_address() {
	case $source in *://*) ;; *) return 1 ;; esac
}

# open_source: opens $source as file descriptor 3.
open_source() {
	wget_pid=
	if is_address; then
		rm -f "$work/pipe"
		mkfifo "$work/pipe"
		wget -q -T 60 -O - "$source" >"$work/pipe" 2>"$work/wget" 8>&- &
		wget_pid=$!
		exec 3<"$work/pipe"
	else
		exec 3<"$source"
	fi
}

# close_source: false if an address could not be read to its end; the reason is in
# $work/wget.
close_source() {
	exec 3<&-
	[ -n "$wget_pid" ] || return 0
	pid=$wget_pid
	wget_pid=
	wait "$pid"
}

# stop_source: closes what was read only in part.
stop_source() {
	exec 3<&-
	[ -z "$wget_pid" ] || kill "$wget_pid" 2>/dev/null || :
	wget_pid=
}

# bad REASON: fails. A file that ends too early may be a transfer that has failed.
bad() {
	if [ -n "$wget_pid" ]; then
		# An end of its own comes at once; one that still sends is stopped.
		exec 3<&-
		if ! wait "$wget_pid" && [ -s "$work/wget" ]; then
			wget_pid=
			fail "cannot fetch $source: $(tail -n 1 "$work/wget" | sed 's/^wget: //')"
		fi
		wget_pid=
	fi
	fail "$source is not an update: $1"
}

# blocks COUNT: copies COUNT blocks of 512 bytes, less at the end of the file.
blocks() {
	dd bs=512 count="$1" iflag=fullblock <&3 2>/dev/null
}

# next_member: reads a header; sets $member and $size.
next_member() {
	blocks 1 >"$work/header"
	[ -s "$work/header" ] || bad "it ends too early"
	member=$(hexdump -v -e '1/1 "%u\n"' "$work/header" | awk -f "$LIBRARY/ustar.awk") || bad "$member"
	size=${member#* }
	member=${member%% *}
	cat "$work/header" >>"$work/front"
}

# keep_member: keeps the member's content in $work.
keep_member() {
	if [ "$size" = 0 ] || [ "$size" -gt $LARGEST ]; then bad "its $member has $size bytes"; fi
	blocks $(((size + 511) / 512)) >"$work/content"
	head -c "$size" "$work/content" >"$work/$member"
	[ "$(stat -c %s "$work/content")" = $(((size + 511) / 512 * 512)) ] || bad "it ends too early"
	cat "$work/content" >>"$work/front"
}

# read_front: reads up to the image. The first part is kept in $work/front as it is.
read_front() {
	: >"$work/front"
	rm -f "$work/manifest" "$work/manifest.minisig"
	next_member
	[ "$member" = manifest ] || bad "it begins with $member; a manifest is expected"
	keep_member
	next_member
	if [ "$member" = manifest.minisig ]; then
		keep_member
		next_member
	fi
	[ "$member" = slot.img ] || bad "after its manifest comes $member; slot.img is expected"
	front_blocks=$(($(stat -c %s "$work/front") / 512))
	take_manifest "$work/manifest" || bad "its manifest is invalid: $facts"
	[ "$size" = "$image_size" ] || bad "its image has $size bytes, and the manifest says $image_size"
	[ $((size % 4096)) = 0 ] || bad "its image has $size bytes, which is no multiple of 4096"
}

# take_manifest FILE: sets $version, $order, $image_size and $image_sha256 to those of an
# update's manifest, and makes $work/inner, the manifest of the slot. False, with the reason in
# $facts, if it is invalid.
take_manifest() {
	facts=$(awk -v update=1 -f "$LIBRARY/manifest.awk" "$1") || return 1
	version=$(printf '%s\n' "$facts" | sed -n 's/^version=//p')
	order=$(printf '%s\n' "$facts" | sed -n 's/^order=//p')
	image_size=$(printf '%s\n' "$facts" | sed -n 's/^image_size=//p')
	image_sha256=$(printf '%s\n' "$facts" | sed -n 's/^image_sha256=//p')
	# The slot has the manifest without the line about the image.
	sed '/^image /d' "$1" >"$work/inner"
}

# unsigned_set VALUE: sets $unsigned, the hash that names a file without a signature.
unsigned_set() {
	unsigned=$(printf '%s\n' "$1" | tr A-F a-f)
	case $unsigned in *[!0-9a-f]*) wrong "--unsigned $1: not a SHA-256" ;; esac
	[ ${#unsigned} = 64 ] || wrong "--unsigned $1: not a SHA-256 (64 digits)"
}

# verify_front: verifies the signature of what read_front has read, unless $unsigned names
# the file.
verify_front() {
	if [ -n "$unsigned" ]; then
		signer=
	elif [ -e "$work/manifest.minisig" ]; then
		verify_manifest "$work/manifest" "$work/manifest.minisig" "$version"
	else
		fail "$source is not signed; sign it (build.sh sign), or give its SHA-256 with --unsigned"
	fi
}

# check_whole: fails if the file is not the one that $unsigned names. After hash_image.
check_whole() {
	if [ -n "$unsigned" ] && [ "$whole_sha256" != "$unsigned" ]; then
		fail "$source has the SHA-256 $whole_sha256, and --unsigned says $unsigned"
	fi
}

# image: copies the image from descriptor 3.
image() {
	dd bs=4096 count=$((image_size / 4096)) iflag=fullblock <&3 2>/dev/null
}

# has_room BYTES: true if so much memory can be used.
has_room() {
	free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	[ -n "$free" ] && [ $((free * 1024)) -gt $(($1 + SPARE)) ]
}

# hash_image: reads the rest of the file after read_front; sets $whole_sha256, the hash of
# all of it. Fails if the image is not the manifest's.
hash_image() {
	rm -f "$work/copy" "$work/slot.img"
	mkfifo "$work/copy"
	keep=/dev/null
	if is_address && has_room "$image_size"; then keep=$work/slot.img; fi
	tee "$keep" <"$work/copy" 3<&- 9>&- | sha256sum >"$work/image.sum" 3<&- 8>&- 9>&- &
	summing=$!
	# An archive ends with two blocks of zeros, and is filled up to a record of 20.
	{
		cat "$work/front"
		image | tee "$work/copy"
		blocks 22 | tee "$work/rest"
	} | sha256sum >"$work/whole.sum"
	wait "$summing"
	read -r whole_sha256 _ <"$work/whole.sum"
	read -r got _ <"$work/image.sum"
	rest=$(stat -c %s "$work/rest")
	if [ "$rest" -lt 1024 ]; then bad "it ends too early"; fi
	if [ "$rest" -gt 10752 ] || [ "$(tr -d '\0' <"$work/rest" | wc -c)" != 0 ]; then
		bad "it goes on after its image"
	fi
	close_source || fail "cannot fetch $source: $(tail -n 1 "$work/wget" | sed 's/^wget: //')"
	[ "$got" = "$image_sha256" ] ||
		fail "$source is damaged: its image has the SHA-256 $got, and the manifest says $image_sha256"
}

# image_again: copies the image once more.
image_again() {
	if [ -e "$work/slot.img" ]; then
		cat "$work/slot.img"
		return
	fi
	open_source
	blocks "$front_blocks" >/dev/null
	image
	stop_source
}

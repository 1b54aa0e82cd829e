# shellcheck shell=sh disable=SC2154 # $work, and what update-file.sh sets
# Where the new system comes from: the medium that was booted, a directory or a boot server
# with its files, or an update. Everything is verified before a disk is touched: the files
# against the manifest that was booted, an update by its signature.
#
# Needs: $work, $unsigned, slots.sh, signature.sh, update-file.sh, progress.sh, undo
# (domain/steps.sh).
# Gives: $medium_id, source_open, source_image; $version, $order, $image_size,
# $image_sha256 and $work/inner, the manifest of the slot.

# What a live medium carries beside the files of its own boot; absent on an installed disk.
PARTS=/run/xenith/install
FILES="xen.gz vmlinuz initrd"
medium_id=$(cmdline_value xenith.medium)
files=   # the directory of the files
source=  # the update, for update-file.sh

# parts_needed: fails unless this is a live medium of this version.
parts_needed() {
	if is_installed; then
		fail "this system was booted from an installed disk: boot the CD, the stick or the network to install; xenith update brings a new version"
	fi
	[ -e "$PARTS/manifest" ] ||
		fail "$PARTS is missing: this system was not booted from an installation medium, or its initrd is damaged"
}

# medium_mount: mounts the medium that was booted, and sets $files.
medium_mount() {
	[ -n "$medium_id" ] ||
		fail "this system was booted from no medium with an identifier; say where the new system is: --from FILE, DIRECTORY or URL"
	found=$(sed -n "s|^\\(/dev/[^:]*\\): .*LABEL=\"$medium_id\".*|\\1|p" "$work/blkid" | head -n 1)
	[ -n "$found" ] ||
		fail "cannot find the medium that was booted ($medium_id): put the CD or the stick back in; or, if it was booted from the network, say where the new system is: --from URL (the directory of the boot server, or an update)"
	mkdir -p "$work/medium"
	mount -t iso9660 -o ro "$found" "$work/medium" 2>"$work/said" ||
		fail "cannot read the medium $found: $(tail -n 1 "$work/said")"
	undo umount "$work/medium"
	files=$work/medium/boot
	origin="the medium $found"
}

# fetch_files URL: reads the files from a boot server into memory.
fetch_files() {
	total=0
	for file in $FILES; do
		total=$((total + $(sed -n "s/^file $file \\([0-9]*\\) .*/\\1/p" "$work/inner")))
	done
	has_room $((total + total / 4)) ||
		fail "dom0 has too little free memory to fetch $((total / 1048576)) MiB; use an update file (--from URL of it), or boot with more dom0_mem"
	files=$work/files
	mkdir -p "$files"
	for file in $FILES; do
		say "fetching $1$file"
		case $1 in
		tftp://*)
			place=${1#tftp://}
			server=${place%%/*}
			port=69
			case $server in *:*) port=${server#*:} server=${server%%:*} ;; esac
			tftp -g -b 1428 -r "${place#*/}$file" -l "$files/$file" "$server" "$port" >"$work/said" 2>&1
			;;
		*) wget -q -T 60 -O "$files/$file" "$1$file" >"$work/said" 2>&1 ;;
		esac || fail "cannot fetch $1$file: $(tail -n 1 "$work/said" | sed 's/^[a-z]*: //')"
	done
}

# files_verify: fails unless the files are those of the manifest.
files_verify() {
	for file in $FILES; do
		[ -r "$files/$file" ] || fail "there is no $file on $origin"
		wanted=$(sed -n "s/^file $file //p" "$work/inner")
		got=$(head -c "${wanted% *}" "$files/$file" 2>"$work/said" | sha256sum)
		[ "${got%% *}" = "${wanted#* }" ] ||
			fail "$file on $origin is not that of the running Xenith $version: the medium is damaged or of another version ($(tail -n 1 "$work/said"))"
	done
}

# update_open: verifies the update $source to its last byte.
update_open() {
	case $source in
	http://* | ftp://*) ;;
	*://*) fail "--from $source: only http://, ftp:// and, for a directory, tftp:// can be read" ;;
	*) [ -r "$source" ] || fail "cannot read $source: there is no such file" ;;
	esac
	open_source
	read_front
	verify_front
	hash_image
	check_whole
	[ -z "$signer" ] || say "$version is signed with $signer"
}

# source_open FROM: finds and verifies the new system.
source_open() {
	take_manifest "$PARTS/manifest" || fail "$PARTS/manifest is invalid: $facts"
	origin=$1
	case $1 in
	'')
		medium_mount
		files_verify
		;;
	*://*/)
		fetch_files "$1"
		files_verify
		;;
	*)
		if [ -d "$1" ]; then
			files=$1
			files_verify
		else
			source=$1
			update_open
		fi
		;;
	esac
}

# source_image: prints the image of the slot.
source_image() {
	if [ -n "$files" ]; then
		sh "$LIBRARY/slot-image.sh" "$files" "$PARTS/slot.head" "$PARTS/manifest"
	else
		image_again
	fi
}

# shellcheck shell=sh disable=SC2154 # $work, $why, and the store's variables
# The configuration of the new system: what the image, the drive and this boot's
# administrator have set, and no default. So an update of the system brings no sample back,
# and loses nothing.
#
# Needs: $mirror, $config_uuid (new.sh), $work, the store (store/store.sh), identity.sh, supplied.sh, $medium_id, $given.
# Gives: config_make, config_options.

# Settings that are for a live system: those of the installer, and the choice of the drive,
# which the boot loader of an installed disk makes.
LIVE_ONLY='^[[:space:]]*(install_[a-z_]*|config_drive|config_wait)[[:space:]]*='

# config_make TREE: makes the tree in memory; images/ has links only.
config_make() {
	layer_copy "$SOURCES/image" "$1" || fail "cannot read the configuration of the image"
	mkdir -p "$1/images"
	images_add "$SOURCES/image" "$1"
	if drive_mounted; then
		layer_over "$DRIVE" "$1" || fail "cannot read the drive XENITH-CFG"
		images_add "$DRIVE" "$1"
	fi
	pending_paths >"$work/pending"
	pending_add "$1" <"$work/pending" || fail "cannot read the files in $CONFIG"
	kernels_add "$1"
	[ -z "$given" ] || supplied_add "$1"
	if [ -e "$1/host.conf" ]; then
		grep -vE "$LIVE_ONLY" "$1/host.conf" >"$work/host.conf" || :
		mv "$work/host.conf" "$1/host.conf"
	fi
	# A file that only removed one of the image.
	for file in "$1"/domains/*.cfg; do
		[ ! -e "$file" ] || grep -q '^[[:space:]]*[^#[:space:]]' "$file" || rm -f "$file"
	done
	for file in "$1"/update-keys/*.pub; do
		[ ! -e "$file" ] || [ -s "$file" ] || rm -f "$file"
	done
	identity_host_key "$1" || fail "cannot make the host's SSH key: $why"
	identity_installation "$1" "$medium_id" || fail "cannot make the identifier of the installation: $why"
	[ -z "$mirror" ] || printf 'mirror=%s\n' "$mirror" >>"$1/installation"
	# A drive with FAT has no modes.
	find "$1" -type d -exec chmod 755 {} +
	find "$1" -type f -exec chmod 644 {} +
	layer_files "$1" | while IFS= read -r path; do
		chmod "$(mode_of "$path")" "$1/$path"
	done
	chmod 700 "$1/ssh"
}

# layer_over LAYER TREE: what LAYER sets overrides what TREE has.
layer_over() {
	layer_files "$1" | while IFS= read -r path; do
		case $path in
		host.conf)
			settings "$1/$path" | sed 's/^/+ /' | settings_apply "$2/$path" >"$work/host.conf" || exit 1
			mv "$work/host.conf" "$2/$path"
			;;
		update-keys/revoked)
			mkdir -p "$2/update-keys"
			touch "$2/$path"
			# The existing file may lack a final newline.
			LC_ALL=C awk -v copy=1 -f "$LIBRARY/text.awk" "$2/$path" "$1/$path" >"$work/revoked" || exit 1
			mv "$work/revoked" "$2/$path"
			;;
		*) copy_into "$1" "$2" "$path" || exit 1 ;;
		esac
	done
}

# images_add SOURCE TREE: links to the entries of its images/.
images_add() {
	for image in "$1"/images/*; do
		[ ! -e "$image" ] || ln -sfn "$image" "$2/images/${image##*/}"
	done
}

# kernels_add TREE: links to the kernels of domains that were made without a drive, and has their
# files name them where they are going to be.
kernels_add() {
	for made in "$IMAGES"/*; do
		[ -d "$made" ] || continue
		ln -sfn "$made" "$1/images/${made##*/}"
		for file in "$1"/domains/*.cfg; do
			[ ! -e "$file" ] || sed -i "s|$IMAGES/${made##*/}/|$DRIVE/images/${made##*/}/|g" "$file"
		done
	done
}

# config_kib TREE: its size, with the images.
config_kib() {
	du -skL "$1" | cut -f 1
}

# config_options TREE: writes the options for Xen and Linux to $work/xen.options and
# $work/linux.options.
config_options() {
	set -- "$1/host.conf"
	[ -e "$1" ] || set --
	LC_ALL=C awk -v installed=1 -f "$LIBRARY/text.awk" -f "$LIBRARY/host-conf.awk" "$@" </dev/null >"$work/settings.all" 2>/dev/null || :
	for kind in xen linux; do
		sh "$LIBRARY/boot-options" $kind "$work/settings.all" >"$work/$kind.options"
	done
}

# config_write TREE DEVICE: makes the file system with the tree. The images are bound into
# it while it is read, because they may be larger than the memory.
config_write() {
	mkdir -p "$work/links"
	for link in "$1"/images/*; do
		[ -L "$link" ] || continue
		image=$(readlink "$link")
		mv "$link" "$work/links/"
		if [ -d "$image" ]; then mkdir "$link"; else : >"$link"; fi
		try "read $image" mount -o bind "$image" "$link"
		undo umount "$link"
	done
	try "make the file system of the configuration on $2" \
		mke2fs -q -F -t ext4 -O ^metadata_csum -L XENITH-CFG -U "$config_uuid" -E root_owner=0:0 -d "$1" "$2"
	blockdev --flushbufs "$2" 2>/dev/null || :
	try "read the configuration back from $2" e2fsck -fn "$2"
	for link in "$1"/images/*; do
		[ ! -e "$link" ] || {
			umount "$link" 2>/dev/null || :
			undone "$(quoted umount "$link")"
			rmdir "$link" 2>/dev/null || rm -f "$link"
			mv "$work/links/${link##*/}" "$link"
		}
	done
}

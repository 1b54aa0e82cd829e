# shellcheck shell=sh
# Where a domain file is kept: on the configuration drive, if a writable one is there, so
# that the domain survives a reboot; and in /config, from which it runs.
#
# Needs: $DRIVE, $MOUNTS and $CONFIG (host.sh), $work and the steps (steps.sh).
# Gives: drive_mounted, drive_open, drive_close, drive_choose, domain_file_install.
# shellcheck disable=SC2154 # $work

drive_opened=
first_failed=

drive_mounted() {
	mountpoint -q "$DRIVE" 2>/dev/null
}

# drive_takes_over: of a mirror whose first disk has failed, the configuration on the second
# one takes the place of the drive. It has followed each save; one that has not is of no use.
drive_takes_over() {
	second=$(awk -v at="$DRIVE.mirror" '$2 == at { print $1 }' "$MOUNTS")
	[ -n "$second" ] || return 1
	if grep -q '^degraded=the configuration ' "$RUN/mirror" 2>/dev/null; then return 1; fi
	umount "$DRIVE.mirror" || return 1
	# A guest may still have an image there open.
	umount "$DRIVE" 2>/dev/null || umount -l "$DRIVE" || return 1
	mount -o ro,nosuid,nodev,noexec "$second" "$DRIVE" || return 1
	first_failed="the configuration on the first disk cannot be written; that on $second is used instead"
	printf 'degraded=%s\n' "$first_failed" >>"$RUN/mirror"
}

# drive_open: makes the drive writable. A drive that is already writable stays so; else
# drive_close or undo_all makes it read-only again.
drive_open() {
	! awk -v at="$DRIVE" '$2 == at && $4 ~ /^rw(,|$)/ { rw = 1 } END { exit !rw }' "$MOUNTS" || return 0
	if ! mount -o remount,rw "$DRIVE"; then
		drive_takes_over && mount -o remount,rw "$DRIVE" || return 1
	fi
	undo mount -o remount,ro "$DRIVE"
	drive_opened=yes
}

# drive_close: makes it read-only again. The second disk of a mirror follows.
drive_close() {
	[ -n "$drive_opened" ] || return 0
	[ ! -d "$DRIVE.mirror" ] || "${0%/*}/mirror-follow" || :
	[ -z "$first_failed" ] || printf 'xenith: warning: the mirror is degraded: %s\n' "$first_failed" >&2
	mount -o remount,ro "$DRIVE" 2>/dev/null || :
	undone "$(quoted mount -o remount,ro "$DRIVE")"
	drive_opened=
}

# drive_choose NAME DRY-RUN: sets $tree to the drive, which it opens, or else to $CONFIG.
drive_choose() {
	tree=$CONFIG
	drive_mounted || return 0
	if [ -n "$2" ] || drive_open 2>/dev/null; then tree=$DRIVE; fi
	[ "$tree" != "$DRIVE" ] || [ ! -e "$DRIVE/domains/$1.cfg" ] ||
		fail "cannot create domain $1: $DRIVE/domains/$1.cfg exists, and takes effect at the next boot; choose another name, or remove that file"
}

# domain_file_install FILE NAME TREE: makes the domain exist: in /config, and on the drive,
# if that is TREE. A save of a file that is not in /config removes it from the drive.
domain_file_install() {
	[ "$3" != "$DRIVE" ] || undo "${0%/*}/save" -m "create $2 failed" "domains/$2.cfg"
	undo rm -f "$CONFIG/domains/$2.cfg"
	try "write $CONFIG/domains/$2.cfg" cp "$1" "$CONFIG/domains/$2.cfg"
	[ "$3" != "$DRIVE" ] ||
		try "write to the drive XENITH-CFG" "${0%/*}/save" -m "create $2" "domains/$2.cfg"
}

# shellcheck shell=sh disable=SC2154 # $work, and what the other parts set
# An installed disk gets a new version, and keeps its configuration and its guests: as with
# `xenith update`, the slot that is not committed is written, and the boot loader tries it
# once. So the disk boots the old version whenever this is cut off, and if the new one does
# not become healthy.
#
# Needs: the other parts, slots.sh.
# Gives: upgrade_read, upgrade_plan, upgrade_install.

# upgrade_read NAME: sets $esp, $slot_a, $slot_b, $committed (empty if the boot state is
# lost), $idle, the slot to write, and $fallback, the version in the other one, if that is
# right.
upgrade_read() {
	use_disks "$1"
	failed=
	try=
	read_state || {
		"$LIBRARY/slot" cat "$esp" xenith/state0 >/dev/null 2>&1 ||
			fail "cannot upgrade $1: its EFI partition $esp is damaged ($why); save its configuration, and install anew with --erase"
		committed=
	}
	kept=${committed:-a}
	fallback=
	# If the committed one is damaged, the boot loader starts the other one.
	for each in "$kept" "$(other "$kept")"; do
		"$LIBRARY/slot" check "$(device_of "$each")" >/dev/null 2>&1 || continue
		kept=$each
		fallback=$(version_of "$each")
		break
	done
	idle=$(other "$kept")
}

# holds_version SLOT: true if the slot holds the new version, complete.
holds_version() {
	"$LIBRARY/slot" check "$(device_of "$1")" >/dev/null 2>&1 &&
		manifest_of "$1" "$work/there" && cmp -s "$work/there" "$work/inner"
}

# upgrade_needed NAME FORCE DOWNGRADE: false if the disk has this version already. Fails if it
# must not have it.
upgrade_needed() {
	if [ -z "$2" ] && { holds_version "$kept" || { [ "$try" = "$idle" ] && holds_version "$idle"; }; }; then
		return 1
	fi
	if [ -n "$failed" ] && [ "$failed" = "$version" ] && [ -z "$2" ]; then
		fail "$version has failed on $1 before: it did not become healthy; --force tries it again"
	fi
	there=$(value_in "$kept" order)
	if [ -n "$fallback" ] && [ -z "$3$2" ] && [ "$order" -le "$there" ]; then
		fail "$version (order $order) is not newer than $fallback (order $there) on $1; --allow-downgrade writes it all the same, --erase installs anew"
	fi
	room=$(device_bytes "$(device_of "$idle")")
	[ "$image_size" -le "$room" ] ||
		fail "slot $idle of $1 has room for $room bytes, and Xenith $version has $image_size: install anew with --erase"
}

# upgrade_plan NAME
upgrade_plan() {
	if [ -n "$fallback" ]; then
		echo "$1 keeps its configuration, its guests and Xenith $fallback (slot $kept)"
		echo "Xenith $version is written to slot $idle, and tried at the next boot"
	else
		echo "$1 keeps its configuration and its guests; its slot $kept is damaged"
		echo "Xenith $version is written to slot $idle, and committed"
	fi
}

# upgrade_set KEY=VALUE...: changes the boot state of the disk.
upgrade_set() {
	said=$("$LIBRARY/slot" set "$esp" "$@" 2>&1) ||
		fail "cannot write the boot state on $esp: $(printf '%s\n' "$said" | tail -n 1)"
}

# upgrade_install NAME
upgrade_install() {
	if [ -n "$fallback" ]; then
		undo say "xenith: install: $1 boots Xenith $fallback (slot $kept) as before"
		# From here on the slot is in pieces, and may not be tried.
		upgrade_set slot="$kept" try= pending=
	fi
	write_slot "$(device_of "$idle")"
	if [ -n "$fallback" ]; then
		upgrade_set try="$idle" pending="$idle"
		say "Xenith $version is in slot $idle of $1, and is tried at the next boot"
	else
		upgrade_set slot="$idle" try= pending= failed=
		say "Xenith $version is in slot $idle of $1, and committed"
	fi
	medium_note | "$LIBRARY/slot" put "$esp" xenith/medium 2>/dev/null ||
		say "xenith: install: warning: $1 cannot remember the medium: it was installed by an older version"
	[ -z "$fallback" ] || undone "$(quoted say "xenith: install: $1 boots Xenith $fallback (slot $kept) as before")"
}

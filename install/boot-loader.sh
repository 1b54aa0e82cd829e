# shellcheck shell=sh disable=SC2154 # $work, $disk, $esp and the state are those of slots.sh
# The boot loader of an installed disk: GRUB for BIOS and for UEFI, and its menu. An update
# writes a slot and never this; only `xenith update --loader` does, from the files of the
# system that runs. Sourced after slots.sh by `update` and by the boot.

LOADER=/usr/share/xenith/loader
# Whether the disk has that of this version, for write_summary.
LOADER_SUMMARY=/run/xenith/loader

# loader_read DISK ESP: sets $loader to same or differs: what is on the disk compared with the
# files of this version. False, with the reason in $why, if it cannot be read.
loader_read() {
	why=
	loader=
	said=$("$LIBRARY/slot" loader "/dev/$1" "$2" "$LOADER" 2>&1) || {
		why=$(printf '%s\n' "$said" | head -n 1 | sed 's/^slot: //')
		return 1
	}
	case $said in *=differs*) loader=differs ;; *) loader=same ;; esac
}

# loader_note: keeps that of the disk that was booted for write_summary.
loader_note() {
	loader_read "$disk" "$esp" || :
	printf 'loader=%s\n' "$loader" >"$LOADER_SUMMARY.new"
	mv "$LOADER_SUMMARY.new" "$LOADER_SUMMARY"
}

# loader_refused: true, with the reason in $why, unless the system that runs is the committed
# one, and no other is to be tried: a new boot loader and a new version are not to be tried in
# one step.
loader_refused() {
	version=$(version_of "$running")
	if [ "$pending" = "$running" ]; then
		why="$version in slot $running is on trial: wait until it is committed, or end the trial with xenith update --commit or --rollback"
	elif [ "$running" != "$committed" ]; then
		why="$version runs (slot $running), and $(version_of "$committed") in slot $committed is committed: restart, or keep the version that runs with xenith update --commit"
	elif [ -n "$try" ]; then
		why="$(version_of "$try") in slot $try is tried at the next boot: wait until it is committed, or withdraw it with xenith update --rollback"
	elif [ ! -e "$LOADER/bios.img" ]; then
		why="$version has no files for it in $LOADER"
	else
		return 1
	fi
}

# loader_names TEXT: what of the loader was written, by what `slot loader-write` has printed.
loader_names() {
	printf '%s\n' "$1" | sed -n -e 's/^bios=written$/GRUB for BIOS/p' -e 's/^efi=written$/GRUB for UEFI/p' \
		-e 's/^menu=written$/the menu/p' | tr '\n' , | sed -e 's/,$//' -e 's/,/, /g'
}

# loader_write DISK ESP VERSION: writes what differs, and prints what it did; fails with the
# reason.
loader_write() {
	written=$("$LIBRARY/slot" loader-write "/dev/$1" "$2" "$LOADER" 2>"$work/said") || {
		cause=$(head -n 1 "$work/said" | sed 's/^slot: //')
		if grep -q 'changed in part' "$work/said"; then
			fail "cannot replace the boot loader on $1: $cause; it is changed in part, and the disk may not boot: replace the disk"
		fi
		fail "cannot replace the boot loader on $1: $cause; it is as before"
	}
	cat "$work/said" >&2
	names=$(loader_names "$written")
	if [ -n "$names" ]; then
		echo "the boot loader on $1 is that of $3 from now on; written: $names"
	else
		echo "the boot loader on $1 is that of $3 already; nothing to do"
	fi
	case $written in
	*bios=foreign*) echo "the boot code in the first sector of $1 is not that of Xenith, and was left alone" ;;
	esac
}

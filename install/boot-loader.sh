# shellcheck shell=sh disable=SC2154 # $work, $disk, $esp and the state are those of slots.sh
# The boot loader of an installed disk: GRUB for BIOS and for UEFI, and its menu. An update
# writes a slot and never this; only `xenith update --loader` does, from the files of the
# system that runs. Of a mirror each disk has its own, and boots by it alone. Sourced after
# slots.sh by `update` and by the boot.

LOADER=/usr/share/xenith/loader
# Whether the disks have that of this version, for write_summary.
LOADER_SUMMARY=/run/xenith/loader

# loader_read DISK: sets $loader to same or differs: what is on the disk compared with the
# files of this version. False, with the reason in $why, if it cannot be read.
loader_read() {
	why=
	loader=
	said=$("$LIBRARY/slot" loader "/dev/$1" "$(partition "$1" xenith-esp)" "$LOADER" 2>&1) || {
		why=$(printf '%s\n' "$said" | head -n 1 | sed 's/^slot: //')
		return 1
	}
	case $said in *=differs*) loader=differs ;; *) loader=same ;; esac
}

# loader_note: keeps that of $disks for write_summary: differs if one does, and nothing if
# one cannot be read.
loader_note() {
	noted=same
	for each_disk in $disks; do
		loader_read "$each_disk" || :
		case $noted:$loader in
		*:differs) noted=differs ;;
		same:) noted= ;;
		esac
	done
	printf 'loader=%s\n' "$noted" >"$LOADER_SUMMARY.new"
	mv "$LOADER_SUMMARY.new" "$LOADER_SUMMARY"
}

# loader_refused: true, with the reason in $why, unless the system that runs is the committed
# one, and no other is to be tried: a new boot loader and a new version are not to be tried in
# one step.
loader_refused() {
	version=$(version_of "$running")
	if runs_another; then
		why="the running system is in no slot: restart the host"
	elif update_on_trial; then
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

# loader_write DISK VERSION: writes what differs, and prints what it did; false, with the
# reason in $why.
loader_write() {
	written=$("$LIBRARY/slot" loader-write "/dev/$1" "$(partition "$1" xenith-esp)" "$LOADER" 2>"$work/said") || {
		why="cannot replace the boot loader on $1: $(head -n 1 "$work/said" | sed 's/^slot: //')"
		if grep -q 'changed in part' "$work/said"; then
			why="$why; it is changed in part, and the disk may not boot: replace the disk"
		else
			why="$why; it is as before"
		fi
		return 1
	}
	cat "$work/said" >&2
	names=$(loader_names "$written")
	if [ -n "$names" ]; then
		echo "the boot loader on $1 is that of $2 from now on; written: $names"
	else
		echo "the boot loader on $1 is that of $2 already; nothing to do"
	fi
	case $written in
	*bios=foreign*) echo "the boot code in the first sector of $1 is not that of Xenith, and was left alone" ;;
	esac
}

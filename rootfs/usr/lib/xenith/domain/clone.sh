# shellcheck shell=sh
# A copy of another domain, the origin: its first disk, its seed and its file.
#
# Needs: $CONFIG, $DEV, files_of, fact and disks_of (host.sh), $fixed_address
# (address.sh), the disks (storage.sh), image_copy (payload.sh), boot_check and boot_copy
# (boot.sh), $work and the steps (steps.sh).
# Gives: origin_read, origin_check, clone_plan, clone_disk, clone_boot, clone_file.
# shellcheck disable=SC2154 # $work

# origin_read CLONE: sets $origin_file, $origin (the domain's name), $origin_disk (the
# path of its first disk), $origin_disk_text (the path as in the file) and $origin_seed,
# if it has one; $work/facts is what its file holds. Two domains can share its other
# disks only read-only.
origin_read() {
	origin_file=$CONFIG/domains/$1.cfg
	[ -r "$origin_file" ] || origin_file=$(files_of "$1" | head -n 1)
	[ -n "$origin_file" ] || fail "cannot clone $1: there is no $CONFIG/domains/$1.cfg, and no other file describes a domain of that name"
	xenith file-facts "$origin_file" >"$work/facts" 2>"$work/said" ||
		fail "cannot clone $1: invalid domain file: $(head -n 1 "$work/said")"
	origin=$(fact name <"$work/facts")
	: "${origin:=$1}"
	origin_disk=
	origin_seed=
	disks_of <"$work/facts" >"$work/disks"
	tab=$(printf '\t')
	while IFS=$tab read -r access path text; do
		case $path in
		*/"$origin-seed" | */"$origin-seed.img")
			origin_seed=$path
			continue
			;;
		esac
		if [ -z "$origin_disk" ]; then
			origin_disk=$path
			origin_disk_text=$text
		elif [ "$access" = w ]; then
			fail "cannot clone $1: it also writes to $text, which two domains cannot share; take that disk out of $origin_file while the copy is made"
		fi
	done <"$work/disks"
	[ -n "$origin_disk" ] || fail "cannot clone $1: it has no disk"
	[ "$origin_disk" != - ] || fail "cannot clone $1: its first disk ($origin_disk_text) is not a volume, disk or file of this host; copy it where it is stored"
}

# origin_check CLONE SEED ADDRESS KEYS-AND-USER-DATA NAME: fails if an option cannot be
# applied, because the origin has no seed.
origin_check() {
	[ -z "$2" ] || return 0
	[ -z "$4" ] || fail "cannot apply --ssh-key or --cloud-init: $1 has no cloud-init seed; leave them out"
	if awk -F '\t' '$1 ~ /^(extra|cmdline)$/' "$work/facts" | grep -q "$fixed_address"; then
		[ -n "$3" ] || address_not_copied "$1" "$5"
	elif [ -n "$3" ]; then
		fail "cannot apply --ip: $1 has neither a cloud-init seed nor a fixed address on its kernel's command line; leave it out"
	fi
}

# address_not_copied CLONE NAME
address_not_copied() {
	warn "the fixed address of $1 is not copied; $2 uses DHCP unless --ip gives it an address"
}

# clone_plan CLONE DISK STORAGE: sets $place to the PLACE of the copy of DISK, and $way to
# how it is made: snapshot, device or file. STORAGE is --storage.
clone_plan() {
	volume=${2#"$DEV/"}
	if [ "$volume" != "$2" ] && pool=$(lvs --noheadings -o pool_lv "$volume" 2>/dev/null | tr -d ' ') && [ -n "$pool" ]; then
		way=snapshot
		place=thin:${volume%%/*}/$pool
	elif [ -b "$2" ]; then
		way=device
		place=$(storage_find "$3")
		return
	else
		way="file"
		readable "cannot clone $1:" "$2"
		place=file:${2%/*}
	fi
	[ -z "$3" ] || [ "$3" = "${place#*:}" ] ||
		fail "--storage $3: the copy of $2 can only be in ${place#*:}, beside it; leave the option out"
}

# origin_at_rest ORIGIN: fails if it runs: a copy of a disk in use is inconsistent.
origin_at_rest() {
	! xl domid "$1" >/dev/null 2>&1 || fail "cannot copy the disk of $1: $1 is running; stop it first with xenith stop $1"
}

# clone_disk WAY ORIGIN DISK PLACE NAME: makes the copy of DISK.
clone_disk() {
	copy=$(disk_path "$4" "$5")
	case $1 in
	snapshot)
		volume=${3#"$DEV/"}
		step "take a snapshot of $3" "$(volume_remover "${volume%%/*}/$5")" \
			lvcreate -q -y -s -n "$5" "$volume"
		made volume "${volume%%/*}/$5"
		try "activate $copy" lvchange -q -ay -K "${volume%%/*}/$5"
		;;
	device)
		origin_at_rest "$2"
		disk_make "$4" "$5" "$(disk_size "$3")"
		disk_clear "$4" "$copy" "$(disk_size "$3")"
		image_copy raw "$3" "$copy" "$4"
		;;
	file)
		origin_at_rest "$2"
		undo rm -f "$copy"
		# A reflink shares the blocks, if supported.
		cp --reflink=always "$3" "$copy" 2>/dev/null || {
			try "create $copy" truncate -s "$(disk_size "$3")" "$copy"
			image_copy raw "$3" "$copy" "$4"
		}
		made file "$copy"
		;;
	esac
}

# clone_boot KEY ORIGIN DIRECTORY DRY-RUN: prints the path of the copy's kernel or
# ramdisk: if it is the origin's own, that is copied to DIRECTORY.
clone_boot() {
	path=$(fact "$1" <"$work/facts")
	case $path in
	*/images/"$2"/*)
		[ -n "$4" ] || {
			boot_check "$path" "$path"
			boot_copy "$path" "$3" "${path##*/}"
		}
		printf '%s\n' "$3/${path##*/}"
		;;
	*) printf '%s\n' "$path" ;;
	esac
}

# clone_file CLONE FILE KEY=VALUE...: prints a copy of the domain file FILE with these
# settings. It keeps the origin's other settings, except its addresses and its screen
# socket.
clone_file() {
	echo "# Made by xenith create, as a copy of $1."
	[ ! -e "$work/made" ] || cat "$work/made"
	clone_name=$1
	shift
	xenith file-clone "$@" || fail "cannot clone $clone_name: $1 cannot be copied, as reported above"
}

# shellcheck shell=sh
# Writes to the drive so that a power cut leaves the old or the new configuration.
#
# A generation is written first, and from the moment that it is complete it is what the
# next boot uses. Then the plain files follow, and then NUMBER.OK says that they have.
#
# Needs: $DRIVE, $STORE, $work, layer.sh, generation.sh.
# Gives: the functions below.
# shellcheck disable=SC2154 # $work, $STORE

# rename_is_safe DIR: true where a rename replaces a file in one step, whatever happens.
# On FAT a power cut can leave two names for one content, or none.
rename_is_safe() {
	case $(stat -f -c %T "$1" 2>/dev/null) in msdos | exfat | vfat) return 1 ;; esac
}

# put FROM TO: writes a file, and returns when it is on the medium. Where a rename is
# safe, TO is never seen half written, and has FROM's mode.
put() {
	if rename_is_safe "${2%/*}"; then
		put_aside=${2%/*}/.${2##*/}.new
		{ cp -p "$1" "$put_aside" && sync "$put_aside" && mv "$put_aside" "$2"; } || {
			rm -f "$put_aside"
			return 1
		}
	else
		cp "$1" "$2" && sync "$2" || return 1
	fi
	sync "${2%/*}"
}

# put_away FILE: removes it from the medium.
put_away() {
	rm -f "$1" && sync "${1%/*}"
}

# mode_of PATH: prints the mode that the file has on the drive.
mode_of() {
	if is_secret "$1"; then echo 600; else echo 644; fi
}

# recorded PATH: prints the SHA-256 that the file had before the generation in
# $work/follow was saved.
recorded() {
	path=$1 awk '$1 == "before" && substr($0, 73) == ENVIRON["path"] { print $2 }' "$work/follow/generation"
}

# plain_follow NUMBER TREE: brings the plain files in TREE, which is the drive or a copy
# of them, in step with a generation. After a save that was cut off, a file may be one
# that somebody has edited since, where a half written one cannot be: it stays.
plain_follow() {
	rm -rf "$work/follow"
	manifest_unpack "$STORE/$1" "$work/follow" || return 1
	layer_changes "$2" "$work/follow" | changed_paths >"$work/paths"
	while IFS= read -r path <&3; do
		now=$(sum_of "$2/$path")
		if [ "$now" != "$(recorded "$path")" ]; then
			if rename_is_safe "$DRIVE"; then
				printf '%s:0: warning: was edited after a save that was cut off; it is used as it is\n' "$2/$path" >&2
				continue
			elif [ -n "$now" ]; then
				printf '%s:0: warning: a save was cut off while this was written; generation %s is used\n' \
					"$2/$path" "$(plain_number "$1")" >&2
			fi
		fi
		if [ ! -f "$work/follow/$path" ]; then
			put_away "$2/$path" || return 1
			case $path in */*) rmdir "$2/${path%/*}" 2>/dev/null || : ;; esac
			continue
		fi
		case $path in
		*/*)
			[ -d "$2/${path%/*}" ] || {
				mkdir "$2/${path%/*}" && sync "$2" || return 1
			}
			;;
		esac
		chmod "$(mode_of "$path")" "$work/follow/$path"
		put "$work/follow/$path" "$2/$path" || return 1
	done 3<"$work/paths"
}

# generation_settle NUMBER: makes the plain files the authority again.
generation_settle() {
	: >"$work/empty"
	put "$work/empty" "$STORE/$1.OK"
}

# save_finish: completes a save that was cut off.
save_finish() {
	unfinished=$(generation_newest)
	if [ -z "$unfinished" ] || [ -e "$STORE/$unfinished.OK" ]; then return 0; fi
	plain_follow "$unfinished" "$DRIVE" && generation_settle "$unfinished"
}

# generation_add TREE TEXT OLD: writes a generation, complete or not at all. Sets $added
# to its number.
generation_add() {
	added=$(generation_next)
	manifest_pack "$1" "$work/packed" "$added" "$2" "$3" || return 1
	chmod 600 "$work/packed"
	[ -d "$STORE" ] || {
		mkdir -m 700 "$STORE" && sync "$DRIVE" || return 1
	}
	put "$work/packed" "$STORE/$added" || {
		rm -f "$STORE/$added"
		rmdir "$STORE" 2>/dev/null || :
		return 1
	}
}

# room_for TREE: fails unless the drive has room for a generation of TREE, one of what
# was found, and the plain files. Each file takes whole clusters, FAT's are 32 KiB at
# most.
room_for() {
	files=$(layer_files "$1" | wc -l)
	bytes=$(cd "$1" && layer_files . | tr '\n' '\0' | xargs -0 cat /dev/null | wc -c)
	wanted=$((3 * bytes / 1024 + 2 * files + 256))
	free=$(df -Pk "$DRIVE" | awk 'NR > 1 { free = $(NF - 2) } END { print free }')
	[ "${free:-0}" -ge $wanted ] ||
		fail "cannot save: the drive XENITH-CFG is full: $free KiB are free, and $wanted are needed; remove files from its images/, or keep fewer generations (config_generations in host.conf)"
}

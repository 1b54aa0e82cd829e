# shellcheck shell=sh
# Makes a tree the configuration of the host: checked, then on the drive, then running.
#
# Needs: $here, $CONFIG, $DRIVE, $work, domain/steps.sh and drive.sh, the other parts of
# store/.
# Gives: the functions below.
# shellcheck disable=SC2154 # variables of the other parts

# drive_needed: fails without a drive that keeps changes, and says how to get one.
drive_needed() {
	! drive_mounted || return 0
	why=$(sed -n 's/^[0-9.]* config drive:0: //p' "$RUN/boot.log" 2>/dev/null | head -n 1)
	case $why in
	"partition 5 "*) fail "cannot keep changes: $why; repair it (e2fsck -f), or make it anew (mkfs.ext4 -O ^metadata_csum -L XENITH-CFG, which erases it), and restart the host" ;;
	esac
	fail "cannot keep changes: no drive labelled XENITH-CFG is in use${why:+ ($why)}; give a partition the label (mkfs.ext4 -O ^metadata_csum -L XENITH-CFG /dev/sdX1, which erases it; or mkfs.vfat -n), and restart the host"
}

# drive_write: makes the drive writable, or fails.
drive_write() {
	drive_open 2>"$work/said" ||
		fail "cannot write to the drive XENITH-CFG: $(tail -n 1 "$work/said"); it is read-only, or damaged"
}

# merge_layer LAYER TARGET: makes in TARGET what the next boot makes of the layer.
merge_layer() {
	rm -rf "$work/as"
	mkdir -p "$work/as"
	ln -s "$1" "$work/as/drive"
	merge_target=$2
	set --
	for source in "$SOURCES/image" "$work/as/drive" "$SOURCES/command-line"; do
		[ ! -d "$source" ] || set -- "$@" "$source"
	done
	"$here/config-merge" "$merge_target" "$@" 2>/dev/null
}

# layer_check TREE PATH...: fails if one of these files of the layer has an error, and
# prints it. Errors in other files were there before, and stop nobody.
layer_check() {
	check_tree=$1
	shift
	rm -rf "$work/merge"
	merge_layer "$check_tree" "$work/merge" || :
	# The drive's images/ stay where they are.
	for file in "$DRIVE"/images/*; do
		[ ! -e "$file" ] || ln -sfn "$file" "$work/merge/images/${file##*/}"
	done
	"$here/check-config" "$check_tree" >"$work/found" 2>&1 || :
	xenith check --config "$work/merge" >"$work/found.domains" 2>&1 || :
	wrong=
	for path; do
		for tree in "$check_tree" "$work/merge"; do
			TREE=$tree/ FILE=$path awk '
				index($0, ENVIRON["TREE"] ENVIRON["FILE"] ":") == 1 {
					print substr($0, length(ENVIRON["TREE"]) + 1)
				}' "$work/found" "$work/found.domains"
		done >"$work/said"
		cat "$work/said" >&2
		! grep -qv ':[0-9]*: warning: ' "$work/said" || wrong=yes
	done
	[ -z "$wrong" ]
}

# line_of TEXT: prints it as one line without control characters.
line_of() {
	printf '%s' "$1" | tr -d '\000-\010\013-\037\177' | tr '\t\n' '  ' | cut -c 1-200
}

# commit TREE TEXT: makes TREE the layer of the drive: all of it, or nothing. Sets
# $committed to the number of the generation; empty if nothing differs.
commit() {
	committed=
	if [ -z "$(layer_changes "$DRIVE" "$1")" ]; then
		last=$(generation_newest)
		[ -n "$last" ] && [ ! -e "$STORE/$last.OK" ] || return 0
	fi
	drive_write
	save_finish || fail "cannot complete a save that was cut off: the drive XENITH-CFG is full or damaged"
	[ -n "$(layer_changes "$DRIVE" "$1")" ] || return 0
	room_for "$1"
	# What somebody edited on the drive is in no generation yet.
	rm -rf "$work/found"
	layer_copy "$DRIVE" "$work/found" || fail "cannot read the drive XENITH-CFG"
	rm -rf "$work/complete"
	mkdir "$work/complete"
	last=$(generation_newest)
	[ -z "$last" ] || generation_complete "$last" || :
	if [ -n "$(layer_changes "$work/complete" "$work/found")" ]; then
		{ generation_add "$work/found" "as found on the drive" "$work/complete" && generation_settle "$added"; } 2>"$work/said" ||
			fail "cannot write to the drive XENITH-CFG: $(tail -n 1 "$work/said")"
		rm -f "$work/found/generation"
	fi
	generation_add "$1" "$(line_of "$2")" "$work/found" 2>"$work/said" ||
		fail "cannot write to the drive XENITH-CFG: $(tail -n 1 "$work/said"); nothing was saved"
	rm -f "$1/generation"
	committed=$added
	# From here on it is saved, whatever happens.
	if ! { plain_follow "$added" "$DRIVE" && generation_settle "$added"; } 2>"$work/said"; then
		warn "generation $(plain_number "$added") is saved, but the files on the drive could not follow ($(tail -n 1 "$work/said")): the next boot or save completes it"
	else
		keep=$(host_setting config_generations)
		generations_prune "${keep:-10}" || warn "warning: cannot remove older generations from the drive"
	fi
}

# running_put TREE PATH: copies the file to /config. Users may read what is not secret.
running_put() {
	copy_into "$1" "$CONFIG" "$2" || return 1
	[ ! -f "$CONFIG/$2" ] || chmod "$(mode_of "$2")" "$CONFIG/$2"
}

# running_follow TREE PATH...: brings these files in /config in step with the layer TREE.
running_follow() {
	follow_tree=$1
	shift
	rm -rf "$work/merge"
	merge_layer "$follow_tree" "$work/merge" || :
	for path; do
		running_put "$work/merge" "$path" && copy_into "$work/merge" "$MERGED" "$path" || return 1
	done
}

# options_follow: the boot loader of an installed host tries what the saved host.conf sets
# for Xen and Linux.
options_follow() {
	[ -x "$here/stage-options" ] && drive_mounted || return 0
	"$here/stage-options" || :
}

# effects PATH...: what else must know of changed files. Says what waits for a restart.
effects() {
	for path; do
		case $path in
		authorized_keys) "$here/login-keys" ;;
		host.conf | fstab | ssh/*)
			echo "$path takes effect when the host restarts" >&2
			[ "$path" != host.conf ] || options_follow
			;;
		domains/*) reload=yes ;;
		network/*) cmp -s "$CONFIG/$path" "$RUN/networks/declared/$path" || networks=yes ;;
		esac
	done
	[ -z "${networks:-}" ] || echo "network/ takes effect with xenith network apply, or when the host restarts" >&2
	[ -z "${reload:-}" ] || xenith reload >/dev/null 2>&1 || :
}

# pending_discard YES: fails if something in memory is not saved, unless it may be thrown
# away. Leaves its paths in $work/pending.
pending_discard() {
	pending_paths >"$work/pending"
	[ ! -s "$work/pending" ] || [ -n "$1" ] ||
		fail "cannot replace what was changed in memory and is not saved: $(xargs <"$work/pending"); save it (xenith save), or throw it away (--discard)"
}

# tree_adopt TREE TEXT: makes TREE the configuration, on the drive and of the running
# host, and ends the program. $work/pending is thrown away.
tree_adopt() {
	layer_changes "$DRIVE" "$1" | changed_paths >"$work/changed"
	sort -u "$work/pending" "$work/changed" >"$work/adopted"
	adopt_tree=$1
	adopt_text=$2
	set --
	while IFS= read -r path; do
		set -- "$@" "$path"
	done <"$work/adopted"
	layer_check "$adopt_tree" "$@" || fail "cannot save: the configuration has errors; nothing was changed"
	commit "$adopt_tree" "$adopt_text"
	running_follow "$adopt_tree" "$@" || fail "cannot write the files in $CONFIG"
	drive_close
	finish
	unlock
	if [ -n "$committed" ]; then
		printf 'saved as generation %s: %s\n' "$(plain_number "$committed")" "$adopt_text"
		generation_field "$committed" change | sed 's/^/  /'
	else
		echo "the drive holds this configuration already"
	fi
	effects "$@"
	exit 0
}

# shellcheck shell=sh
# Generations: each is a tar file in saved/ on the drive, named by its number, and holds
# the whole layer and a manifest with the SHA-256 of each file. It counts only if all of
# it is there, so that a power cut while it is written leaves the one before.
#
# NUMBER.OK is an empty file: the plain files of the drive once were those of the
# generation. From then on they are the authority, because somebody may edit them on
# another machine. Names of digits and capital letters take one directory entry on FAT.
#
# Needs: $DRIVE, $work, layer.sh.
# Gives: $STORE and the functions below.
# shellcheck disable=SC2154 # $work, $newline

STORE=$DRIVE/saved

# generation_numbers: prints the numbers of all, the newest first.
generation_numbers() {
	for file in "$STORE"/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
		[ ! -f "$file" ] || printf '%s\n' "${file##*/}"
	done | sort -r
}

# plain_number NUMBER: prints it without leading zeros, which the shell reads as octal.
plain_number() {
	number=${1#"${1%%[!0]*}"}
	printf '%s\n' "${number:-0}"
}

# generation_next: prints a number that none has or had.
generation_next() {
	last=$(generation_numbers | head -n 1)
	printf '%08d\n' $(($(plain_number "${last:-0}") + 1))
}

# manifest_pack TREE FILE NUMBER TEXT OLD: packs TREE, a layer, or one with images/, into
# FILE (an absolute path, or - for standard output), with a manifest. OLD is the layer
# that it replaces, or empty.
manifest_pack() {
	manifest=$1/generation
	{
		printf 'xenith-config 1\nnumber %s\ntime %s\ntext %s\n' "$3" "$(date -u '+%Y-%m-%d %H:%M')" "$4"
		if [ -n "$5" ]; then
			layer_changes "$5" "$1" | sed 's/^/change /'
			layer_sums "$5" before
		fi
		tree_sums "$1"
	} >"$manifest" || return 1
	printf 'end %s\n' "$(sum_of "$manifest")" >>"$manifest" || return 1
	(
		cd "$1" || exit 1
		pack_to=$2
		# The manifest comes first.
		set -- generation
		for entry in *; do
			[ "$entry" = generation ] || set -- "$@" "$entry"
		done
		tar -chf "$pack_to" "$@"
	)
}

# tree_files DIR: prints the paths of all its files but the manifest.
tree_files() (
	cd "$1" && find -L . -type f | sed 's|^\./||' | grep -vxF generation | sort
)

tree_sums() (
	cd "$1" && tree_files . | sums file
)

# archive_is_plain FILE: true if it holds only files and directories, none outside of where
# it is unpacked.
archive_is_plain() {
	! tar -tvf "$1" 2>/dev/null | grep -q '^[^-d]' &&
		! tar -tf "$1" 2>/dev/null | grep -qE '^/|(^|/)\.\.(/|$)'
}

# manifest_read FILE: true if the manifest is whole. Leaves its sums in $work/sums.
manifest_read() {
	[ -f "$1" ] && [ "$(head -n 1 "$1")" = "xenith-config 1" ] || return 1
	sed '$d' "$1" >"$work/manifest"
	[ "$(tail -n 1 "$1")" = "end $(sum_of "$work/manifest")" ] || return 1
	grep '^file ' "$work/manifest" | sort >"$work/sums"
}

# manifest_unpack FILE DIR: unpacks a generation. False if it is not complete and right.
manifest_unpack() {
	mkdir -p "$2" && archive_is_plain "$1" && tar -xmof "$1" -C "$2" 2>/dev/null &&
		manifest_read "$2/generation" && tree_sums "$2" | sort | cmp -s - "$work/sums"
}

# archive_images FILE: prints the paths of the files in images/.
archive_images() {
	tar -tf "$1" 2>/dev/null | grep '^images/.*[^/]$' || :
}

# archive_layer FILE DIR: unpacks an export but for its images, which are large: they are
# only read. False if the export is not complete and right.
archive_layer() {
	mkdir -p "$2" && archive_is_plain "$1" && tar -xmof "$1" -C "$2" generation 2>/dev/null &&
		manifest_read "$2/generation" || return 1
	archive=$1
	layer=$2
	# Nothing that the manifest does not name.
	tar -tf "$archive" 2>/dev/null | grep -v '/$' | grep -vxF generation | sort >"$work/members"
	cut -c 71- "$work/sums" | sort | cmp -s - "$work/members" || return 1
	set --
	while IFS= read -r path; do
		case $path in images/*) ;; *) set -- "$@" "$path" ;; esac
	done <"$work/members"
	[ $# -eq 0 ] || tar -xmof "$archive" -C "$layer" "$@" 2>/dev/null || return 1
	{
		layer_sums "$layer" file
		archive_images "$archive" | while IFS= read -r path; do
			printf 'file %s %s\n' "$(tar -xOf "$archive" "$path" 2>/dev/null | sha256sum | cut -d ' ' -f 1)" "$path"
		done
	} | sort | cmp -s - "$work/sums" || return 1
	rm "$layer/generation"
}

# generation_field NUMBER FIELD: prints its lines of that name.
generation_field() {
	tar -xOf "$STORE/$1" generation 2>/dev/null | sed -n "s/^$2 //p"
}

# generation_complete NUMBER: true if it is whole.
generation_complete() {
	rm -rf "$work/complete"
	manifest_unpack "$STORE/$1" "$work/complete"
}

# generation_newest: prints the number of the newest complete one; nothing if there is
# none. One that the plain files have followed was complete.
generation_newest() {
	for each in $(generation_numbers); do
		if [ -e "$STORE/$each.OK" ] || generation_complete "$each"; then
			printf '%s\n' "$each"
			return
		fi
	done
}

# generation_find WORD: prints the number of the complete generation with that number;
# fails if there is none.
generation_find() {
	case $1 in '' | *[!0-9]* | ?????????*) fail "$1 is not the number of a generation; see xenith history" ;; esac
	found=$(printf '%08d' "$(plain_number "$1")")
	[ -f "$STORE/$found" ] || fail "there is no generation $1; see xenith history"
	generation_complete "$found" || fail "cannot use generation $1: it is damaged, its file is not what was saved"
	printf '%s\n' "$found"
}

# generations_prune KEEP: removes the oldest, and what a save that was cut off left. The
# next boot needs only the newest one, so the order does not matter.
generations_prune() {
	left=$1
	pruned=
	for each in $(generation_numbers); do
		if [ "$left" -gt 0 ] && { [ -e "$STORE/$each.OK" ] || generation_complete "$each"; }; then
			left=$((left - 1))
		else
			rm -f "$STORE/$each" "$STORE/$each.OK" || return 1
			pruned=yes
		fi
	done
	for each in "$STORE"/*.OK; do
		[ -e "${each%.OK}" ] || rm -f "$each"
	done
	[ -z "$pruned" ] || sync "$STORE"
}

# shellcheck shell=sh
# Sourced before a program of the store, in the image's shell: functions come before its
# applets. What writes to the drive is a step; step number $KILL_AT ends the program
# before it is done, as a power cut does. $FAKE/pending has what is not on the medium
# yet, each with the file that was there before.

hook_steps=0

# step_of PROGRAM PATH: counts a step that changes PATH.
step_of() {
	case $2 in "$FAKE/drive" | "$FAKE/drive/"* | "$FAKE/drive.mirror" | "$FAKE/drive.mirror/"*) ;; *) return 0 ;; esac
	echo "$1 ${2#"$FAKE/drive"}" >>"$FAKE/steps"
	hook_steps=$((hook_steps + 1))
	if [ "$hook_steps" = "${KILL_AT:-0}" ]; then
		kill -9 $$
		exit 137
	fi
	if [ "$hook_steps" = "${FAIL_AT:-0}" ]; then
		echo "$1: $2: no space left on device" >&2
		return 1
	fi
}

# pending_write PROGRAM PATH: notes what was at PATH.
pending_write() {
	case $2 in "$FAKE/drive/"* | "$FAKE/drive.mirror/"*) ;; *) return 0 ;; esac
	hook_pending=$FAKE/pending/$((1000 + hook_steps))
	while [ -e "$hook_pending" ]; do hook_pending=$hook_pending.1; done
	command mkdir -p "$hook_pending"
	printf '%s\n' "$1" >"$hook_pending/program"
	printf '%s\n' "${2#"$FAKE/"}" >"$hook_pending/path"
	[ ! -f "$2" ] || command cp "$2" "$hook_pending/before"
}

last_of() {
	for hook_last; do :; done
}

cp() {
	last_of "$@"
	step_of cp "$hook_last" || return 1
	pending_write cp "$hook_last"
	command cp "$@"
}

mv() {
	last_of "$@"
	step_of mv "$hook_last" || return 1
	pending_write mv "$hook_last"
	[ $# -ne 2 ] || pending_write gone "$1"
	command mv "$@"
}

rm() {
	for hook_word; do
		case $hook_word in
		-*) continue ;;
		"$FAKE/drive"/* | "$FAKE/drive.mirror"/*) [ -e "$hook_word" ] || continue ;;
		esac
		step_of rm "$hook_word" || return 1
		pending_write gone "$hook_word"
	done
	command rm "$@"
}

# An image that is written to the drive. It is empty when it is cut off.
tar() {
	hook_image=
	[ "$1" != -xOf ] || [ ! -f /dev/stdout ] || hook_image=$(readlink "/proc/$$/fd/1")
	step_of tar "$hook_image" || return 1
	command tar "$@" && pending_write tar "$hook_image"
}

sync() {
	for hook_word; do
		if [ "$hook_word" = -f ]; then
			step_of sync "$FAKE/drive" || return 1
			command rm -rf "$FAKE"/pending/*
			return
		fi
		step_of sync "$hook_word" || return 1
		for hook_noted in "$FAKE"/pending/*; do
			[ -e "$hook_noted" ] || continue
			read -r hook_path <"$hook_noted/path"
			hook_path=$FAKE/$hook_path
			case $hook_word in "$hook_path" | "${hook_path%/*}") command rm -r "$hook_noted" ;; esac
		done
	done
}

stat() {
	case "$*" in
	"-f -c %T $FAKE/drive"*) echo "$FILE_SYSTEM" ;;
	*) command stat "$@" ;;
	esac
}

df() {
	if [ -e "$FAKE/full" ]; then
		printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 32768 32700 68 99%% %s\n' "$2"
	else
		command df "$@"
	fi
}

# The first disk of a mirror fails, as long as it is mounted.
mount() {
	case $(cat "$FAKE/failed" 2>/dev/null):$* in
	first:*remount,rw*)
		echo "mount: $3: cannot remount: input/output error" >&2
		return 1
		;;
	first:*/dev/vdc*)
		command rm -r "$FAKE/drive" "$FAKE/failed"
		command mv "$FAKE/second" "$FAKE/drive"
		;;
	esac
	[ ! -e "$FAKE/read-only" ] || {
		echo "mount: $3: cannot remount read-write, is write-protected" >&2
		return 1
	}
	case $2 in
	remount,rw) sed -i 's/ ro,/ rw,/' "$FAKE/mounts" ;;
	remount,ro) sed -i 's/ rw,/ ro,/' "$FAKE/mounts" ;;
	esac
	echo "$*" >>"$FAKE/mount.log"
}

# Of a disk that fails the file or directory in $FAKE/broken cannot be read.
find() {
	[ ! -d "$FAKE/drive/$(cat "$FAKE/broken" 2>/dev/null)/." ] || [ ! -e "$FAKE/broken" ] || [ "$PWD" != "$FAKE/drive" ] || {
		echo "find: input/output error" >&2
		return 1
	}
	command find "$@"
}

xargs() {
	case "$*" in
	"-0 -r cat")
		[ ! -f "$FAKE/drive/$(cat "$FAKE/broken" 2>/dev/null)" ] || [ "$PWD" != "$FAKE/drive" ] || {
			echo "cat: input/output error" >&2
			return 123
		}
		;;
	esac
	command xargs "$@"
}

umount() {
	case $1 in *.mirror) command mv "$1" "$FAKE/second" ;; esac
	echo "umount $*" >>"$FAKE/mount.log"
}

mountpoint() {
	case $2 in *.mirror) [ -d "$2" ] ;; *) [ ! -e "$FAKE/no-drive" ] ;; esac
}

xenith() {
	case $1 in
	check | file-*) "$XENITH" "$@" ;;
	*) echo "$*" >>"$FAKE/xenith.log" ;;
	esac
}

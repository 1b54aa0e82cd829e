# shellcheck shell=sh
# What runs and is not saved: /config against $MERGED, a copy of what the boot made of
# all sources. So neither a default nor a word of the kernel's command line counts as set.
#
# Needs: $CONFIG, $DRIVE and $RUN (domain/host.sh), $work, layer.sh.
# Gives: $MERGED, $SOURCES and the functions below.
# shellcheck disable=SC2154 # $work

MERGED=$RUN/merged
SOURCES=${DRIVE%/*}
HOST_KEY=${XENITH_HOST_KEY:-/etc/dropbear/dropbear_ed25519_host_key}

# settings FILE: prints KEY=VALUE for each line of a host.conf that sets a key.
settings() {
	[ ! -f "$1" ] || awk '
		/^[ \t]*(#|$)/ || !index($0, "=") { next }
		{
			name = substr($0, 1, index($0, "=") - 1)
			value = substr($0, index($0, "=") + 1)
			gsub(/^[ \t]+|[ \t\r]+$/, "", name)
			gsub(/^[ \t]+|[ \t\r]+$/, "", value)
			print name "=" value
		}' "$1"
}

# settings_changed OLD NEW: prints + KEY=VALUE for each key that NEW sets otherwise, and
# - KEY for each that it no longer has.
settings_changed() {
	settings "$1" >"$work/settings.old"
	settings "$2" >"$work/settings.new"
	awk '
		{ name = substr($0, 1, index($0, "=") - 1) }
		FILENAME == ARGV[1] { old[name] = $0; next }
		!(name in old) || old[name] != $0 { print "+ " $0 }
		{ delete old[name] }
		END { for (name in old) print "- " name }' "$work/settings.old" "$work/settings.new"
}

# settings_apply FILE: prints the host.conf FILE with the changes on standard input. All
# other lines, comments among them, stay as they are.
settings_apply() {
	cat >"$work/settings"
	[ -f "$1" ] || set -- /dev/null
	awk '
		FILENAME == ARGV[1] {
			line = substr($0, 3)
			name = /^-/ ? line : substr(line, 1, index(line, "=") - 1)
			changed[name] = /^-/ ? "" : line
			if (/^\+/) order[++count] = name
			next
		}
		{
			name = substr($0, 1, index($0, "=") - 1)
			gsub(/^[ \t]+|[ \t]+$/, "", name)
		}
		/^[ \t]*#/ || !(name in changed) { print; next }
		changed[name] != "" && !done[name]++ { print changed[name] }
		END { for (i = 1; i <= count; i++) if (!done[order[i]]) print changed[order[i]] }' "$work/settings" "$1"
}

# pending_paths: prints the paths of the files that were changed in memory. Those of
# network/ replace the directory of an earlier source, so that all of them belong to a
# change of one.
pending_paths() {
	pending_files >"$work/pending.files"
	if grep -q '^network/' "$work/pending.files"; then
		{
			cat "$work/pending.files"
			layer_files "$CONFIG" | grep '^network/'
		} | sort -u
	else
		cat "$work/pending.files"
	fi
}

pending_files() {
	layer_changes "$MERGED" "$CONFIG" | changed_paths | while IFS= read -r path; do
		[ "$path" = host.conf ] && [ -f "$MERGED/host.conf" ] &&
			[ -z "$(settings_changed "$MERGED/host.conf" "$CONFIG/host.conf")" ] || printf '%s\n' "$path"
	done
}

# host_key_pending: prints the path of the host's key, if this boot has made one.
host_key_pending() {
	for file in "$CONFIG"/ssh/dropbear_*_host_key; do
		[ ! -e "$file" ] || return 0
	done
	[ ! -f "$HOST_KEY" ] || printf 'ssh/%s\n' "${HOST_KEY##*/}"
}

# removal_mark PATH: prints what a file of the drive holds to remove that of the image
# (config-merge): nothing in place of a key, and else a comment.
removal_mark() {
	case $1 in
	update-keys/*) ;;
	*) echo "# Removed here; without this file it would be the one of the image." ;;
	esac
}

# pending_add TREE: changes TREE, a copy of the drive's layer, by what was changed in
# memory in the files on standard input.
pending_add() {
	while IFS= read -r path; do
		if [ "$path" = "ssh/${HOST_KEY##*/}" ] && [ ! -e "$CONFIG/$path" ] && [ -f "$HOST_KEY" ]; then
			mkdir -p "$1/ssh" && cp "$HOST_KEY" "$1/$path" || return 1
		elif [ "$path" = host.conf ] && [ -f "$MERGED/host.conf" ]; then
			settings_changed "$MERGED/host.conf" "$CONFIG/host.conf" | settings_apply "$1/host.conf" >"$work/host.conf" &&
				mv "$work/host.conf" "$1/host.conf" || return 1
		elif [ ! -f "$CONFIG/$path" ] && [ -s "$SOURCES/image/$path" ] && [ "${path%/*}" != ssh ]; then
			case $path in */*) mkdir -p "$1/${path%/*}" || return 1 ;; esac
			removal_mark "$path" >"$1/$path" || return 1
		else
			copy_into "$CONFIG" "$1" "$path" || return 1
		fi
	done
}

# pending_done PATH...: these files are saved as they are in memory.
pending_done() {
	for path; do
		[ "$path" != "ssh/${HOST_KEY##*/}" ] || [ -e "$CONFIG/$path" ] || [ ! -f "$HOST_KEY" ] ||
			{ mkdir -p "$CONFIG/ssh" && cp "$HOST_KEY" "$CONFIG/$path"; } || return 1
		copy_into "$CONFIG" "$MERGED" "$path" || return 1
	done
}

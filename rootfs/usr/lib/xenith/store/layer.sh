# shellcheck shell=sh
# What an administrator sets: the files of the drive's own layer, as in docs/persistence.md.
# Images are not among them: they are large, and stay where they are on the drive.
#
# Needs: $work, for tree_readable.
# Gives: the functions below.
# shellcheck disable=SC2154 # $work

newline='
'

# layer_files DIR: prints the paths of its files, relative to DIR.
layer_files() (
	cd "$1" 2>/dev/null || exit 0
	for file in host.conf authorized_keys fstab iscsi-secrets domains/*.cfg network/*.conf network/firewall.rules ssh/*_host_key update-keys/*; do
		case $file in *"$newline"*) continue ;; esac
		[ ! -f "$file" ] || printf '%s\n' "$file"
	done
)

# layer_either DIR DIR: prints the paths of the files of both, each once.
layer_either() {
	{
		layer_files "$1"
		layer_files "$2"
	} | sort -u
}

# tree_readable DIR: true if all of the drive but its images can be read. Of a disk that
# fails nothing was edited or removed.
tree_readable() (
	cd "$1" && find . -type f ! -path './images/*' ! -path './lost+found/*' >"$work/readable" &&
		tr '\n' '\0' <"$work/readable" | xargs -0 -r cat >/dev/null
)

# layer_newest DIR: prints when the newest of its files was changed, in seconds since 1970.
layer_newest() (
	cd "$1" 2>/dev/null || exit 0
	layer_files . | tr '\n' '\0' | xargs -0 -r stat -c %Y | sort -n | tail -n 1
)

# is_key PATH: true for what lets somebody in, or proves who somebody is. A rollback
# leaves it: a key that was revoked must not come back.
is_key() {
	case $1 in authorized_keys | iscsi-secrets | ssh/* | update-keys/*) ;; *) return 1 ;; esac
}

# is_secret PATH: true if its content may not be shown.
is_secret() {
	case $1 in iscsi-secrets | ssh/*) ;; *) return 1 ;; esac
}

# sum_of FILE: prints its SHA-256; nothing if it cannot be read.
sum_of() {
	[ ! -f "$1" ] || sha256sum <"$1" 2>/dev/null | cut -d ' ' -f 1
}

# layer_sums DIR WORD: prints a line "WORD SHA256 PATH" for each file.
layer_sums() (
	cd "$1" 2>/dev/null || exit 0
	layer_files . | sums "$2"
)

# sums WORD: prints a line "WORD SHA256 PATH" for each path on standard input that can be
# read.
sums() {
	tr '\n' '\0' | xargs -0 -r sha256sum 2>/dev/null | sed "s/^\([0-9a-f]*\)  /$1 \1 /"
}

# layer_copy FROM TO: copies the files. TO is private, because some are secret.
layer_copy() {
	mkdir -p "$2" || return 1
	layer_files "$1" | while IFS= read -r path; do
		copy_into "$1" "$2" "$path" || exit 1
	done
}

# copy_into FROM TO PATH: copies the file PATH of a tree to another tree in memory, or
# removes it there if FROM has none.
copy_into() {
	if [ ! -f "$1/$3" ]; then
		rm -f "$2/$3"
		return
	fi
	case $3 in */*) mkdir -p "$2/${3%/*}" || return 1 ;; esac
	# BusyBox's cp would write through a file that is there, with its mode.
	rm -f "$2/$3" && cp "$1/$3" "$2/$3"
}

# layer_keep_keys FROM TO: makes the keys in TO those of FROM.
layer_keep_keys() {
	layer_either "$1" "$2" | while IFS= read -r path; do
		! is_key "$path" || copy_into "$1" "$2" "$path"
	done
}

# layer_changes OLD NEW: prints a line for each file that differs: + PATH, - PATH or
# ~ PATH.
layer_changes() {
	{
		layer_sums "$1" old
		layer_sums "$2" new
	} | awk '
		{ path = substr($0, 70) }
		$1 == "old" { old[path] = $2; next }
		!(path in old) { print "+ " path }
		(path in old) && old[path] != $2 { print "~ " path }
		{ delete old[path] }
		END { for (path in old) print "- " path }' | sort -k 2
}

# changed_paths: turns the changes on standard input into paths.
changed_paths() {
	sed 's/^[-+~] //'
}

# layer_show OLD NEW OLD-LABEL NEW-LABEL PATH...: prints how the files differ. Of a
# secret, only that it does.
layer_show() {
	show_old=$1
	show_new=$2
	show_from=$3
	show_to=$4
	shift 4
	for path; do
		if is_secret "$path"; then
			if [ ! -f "$show_old/$path" ]; then
				what="is new"
			elif [ ! -f "$show_new/$path" ]; then
				what="is gone"
			else
				what="differs"
			fi
			printf '%s %s (it is secret, and not shown)\n' "$path" "$what"
			continue
		fi
		from=$show_old/$path
		to=$show_new/$path
		[ -f "$from" ] || from=/dev/null
		[ -f "$to" ] || to=/dev/null
		diff -U 3 -L "$path ($show_from)" -L "$path ($show_to)" "$from" "$to" || :
	done
}

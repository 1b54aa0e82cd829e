# shellcheck shell=sh
# A change that waits to be confirmed: $NET/pending holds its number, when it was made and
# when it is taken back, both in seconds of uptime. $NET/previous/ is what ran before.
#
# Needs: load.sh.
# Gives: the functions below.
# shellcheck disable=SC2154 # paths of state.sh

# pending_read: sets $change, $made_at and $ends_at; fails if no change waits.
pending_read() {
	[ -e "$NET/pending" ] && read -r change made_at ends_at <"$NET/pending"
}

# pending_write END: has the change $change, which was made at $made_at, wait until then.
pending_write() {
	echo "$change $made_at $1" >"$NET/pending.new"
	mv "$NET/pending.new" "$NET/pending"
}

# seconds_left: prints how long the change still waits.
seconds_left() {
	left=$((ends_at - $(uptime_now)))
	[ $left -gt 0 ] || left=0
	echo $left
}

# shorthand_restore FILE: gives host.conf the keys of the shorthand from FILE.
shorthand_restore() {
	[ -e "$CONFIG/host.conf" ] || return 0
	{
		grep -vE "^($SHORTHAND|$ALWAYS)=" "$CONFIG/host.conf" || :
		cat "$1"
	} >"$NET/host.conf.new"
	cat "$NET/host.conf.new" >"$CONFIG/host.conf"
	rm -f "$NET/host.conf.new"
}

# files_replace FROM: makes the files of FROM those of /config/network.
files_replace() {
	rm -rf "$CONFIG/network"
	for file in "$1"/*; do
		[ -f "$file" ] || continue
		mkdir -p "$CONFIG/network"
		cp "$file" "$CONFIG/network/"
	done
}

# files_are DIR: true if /config/network has the files of DIR.
files_are() {
	[ "$(files_sum "$CONFIG/network")" = "$(files_sum "$1")" ]
}

files_sum() {
	for file in "$1"/*; do
		[ ! -f "$file" ] || printf '%s %s\n' "$(sha256sum <"$file")" "${file##*/}"
	done
}

# previous_keep: keeps what runs, so that it can be taken back.
previous_keep() {
	rm -rf "$NET/previous"
	cp -R "$NET/declared" "$NET/previous"
	cp "$NET/facts" "$NET/previous/facts"
}

# take_back: makes what ran before run again, and its files those of /config. The files of
# the change stay in $NET/rejected. False if something could not be taken back, which is
# printed.
take_back() {
	taken=yes
	rm -rf "$NET/rejected"
	mkdir -p "$NET/rejected"
	for file in "$CONFIG"/network/*; do
		[ ! -f "$file" ] || cp "$file" "$NET/rejected/"
	done
	shorthand_restore "$NET/previous/host.conf"
	if [ -e "$NET/previous/by_files" ]; then
		files_replace "$NET/previous/network"
	else
		rm -rf "$CONFIG/network"
	fi
	# If the change has failed half-way, $NET/new is what may be there of it.
	careful=
	converge_on "$NET/new" "$NET/previous/facts" || {
		cut -f 1 "$NET/todo" >&2
		taken=
	}
	rm -rf "$NET/declared"
	mv "$NET/previous" "$NET/declared"
	rm -f "$NET/declared/facts"
	finish_networks || taken=
	rm -f "$NET/pending"
	[ -n "$taken" ]
}

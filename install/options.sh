# shellcheck shell=sh disable=SC2154 # $esp, $running and the state are those of slots.sh
# The options that the boot loader passes to Xen and Linux, on an installed host: those of
# host.conf go into the file that is not in use, and are tried once. Sourced after slots.sh;
# find_slots comes first.

# What the boot or the last change found, for write_summary.
OPTIONS=/run/xenith/options

# saved_options: prints what `slot options` would print of host.conf as it is saved: what the
# kernel's command line says is for one boot.
saved_options() {
	set --
	for layer in image drive; do
		saved=/run/xenith/sources/$layer/host.conf
		[ ! -r "$saved" ] || set -- "$@" from=$layer "$saved"
	done
	settings=$(LC_ALL=C awk -v installed=1 -f "$LIBRARY/text.awk" -f "$LIBRARY/host-conf.awk" "$@" </dev/null 2>/dev/null) || :
	for program in xen linux; do
		printf '%s=%s\n' $program "$(printf '%s\n' "$settings" | sh "$LIBRARY/boot-options" $program -)"
	done
}

# options_in NUMBER: prints a file of options; nothing if it is torn.
options_in() {
	"$LIBRARY/slot" options "$esp" "$1" 2>/dev/null || :
}

# options_put DISK NUMBER XEN LINUX: writes a file of options there; false, with the reason in
# $why.
options_put() {
	slot_try options "$(partition "$1" xenith-esp)" "$2" "$3" "$4"
}

# options_on_trial: true if this boot tries options; $used is their file. After read_state.
options_on_trial() {
	used=$(cmdline_value xenith.options)
	case $used in 0 | 1) ;; *) return 1 ;; esac
	[ "$used" != "$options" ] && [ -n "$(cmdline_value xenith.try)" ]
}

# option_words TEXT: prints the words of what saved_options has printed.
option_words() {
	printf '%s\n' "$1" | sed -e 's/^xen=//' -e 's/^linux=//'
}

# options_difference OLD NEW: prints the words of NEW that OLD has not with +, those that are
# gone with -.
options_difference() {
	OLD=$(option_words "$1") NEW=$(option_words "$2") awk -f "$LIBRARY/options-difference.awk"
}

# config_is_read: true if this boot has read the host's own host.conf, and not that of another
# drive.
config_is_read() {
	read -r words </proc/cmdline
	case " $words " in *" xenith.config=ignore "* | *" xenith.config_drive=any "*) return 1 ;; esac
	awk '$2 == "/run/xenith/sources/drive" { found = 1 } END { exit !found }' /proc/mounts
}

# options_note WORD CHANGE: keeps it for the summary: trial, waits, failed, or nothing.
options_note() {
	if [ -n "$1" ]; then
		printf 'options=%s\nchange=%s\n' "$1" "$2" >"$OPTIONS.new"
		mv "$OPTIONS.new" "$OPTIONS"
	else
		rm -f "$OPTIONS"
	fi
	write_summary
}

# stage_options: has the boot loader try the saved options once, unless they are those in use.
# Sets $change to the difference if the next boot tries them, else to nothing. False, with the
# reason in $why, if the boot loader cannot be told, or must not: the list of what ran before
# is that of a trial until it ends. The file that is written is never one that is to be tried.
stage_options() {
	change=
	read_state || return 1
	if options_on_trial; then
		why="other options are on trial until they are committed"
		return 1
	fi
	committed_options=$(options_in "$options")
	wanted=$(saved_options)
	if [ "$wanted" = "$committed_options" ]; then
		[ -z "$tryoptions" ] || set_state tryoptions= || return 1
		options_note ''
		return
	fi
	if update_on_trial; then
		why="an update is on trial until it is committed"
		return 1
	fi
	idle=$((1 - options))
	if [ "$tryoptions" != "$idle" ] || [ "$wanted" != "$(options_in "$idle")" ]; then
		[ -z "$tryoptions" ] || set_state tryoptions= || return 1
		xen=$(printf '%s\n' "$wanted" | sed -n 's/^xen=//p')
		linux=$(printf '%s\n' "$wanted" | sed -n 's/^linux=//p')
		on_disks options_put "$idle" "$xen" "$linux" || return 1
		set_state tryoptions="$idle" || return 1
	fi
	change=$(options_difference "$committed_options" "$wanted")
	options_note waits "$change"
}

# options_hash: the hash of the options on standard input. The list of what ran before names
# the options that it was made for.
options_hash() {
	sha256sum | sed 's/ .*//'
}

# shellcheck shell=sh
# All or nothing: each step records its undo, and an exit before `finish` undoes them.
#
# Needs: $RUN (host.sh).
# Gives: $work, a directory for temporary files that the exit removes; in it, $work/said
# is the last command's output, and $work/made lists what belongs to the domain. The
# functions below.

# warn TEXT
warn() {
	printf 'xenith: %s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
	warn "$@"
	exit 1
}

# wrong TEXT: the command line is wrong.
wrong() {
	warn "$@"
	exit 2
}

# begin: makes the work directory. The exit undoes all steps unless `finish` was called,
# and ignores a second Ctrl-C meanwhile.
begin() {
	mkdir -p "$RUN"
	work=$(mktemp -d "$RUN/work.XXXXXX")
	finished=
	# shellcheck disable=SC2154 # rc is set in it
	trap 'rc=$?; trap "" INT TERM HUP PIPE; trap - EXIT; [ -n "$finished" ] || undo_all; rm -rf "$work"; exit $rc' EXIT
	trap 'exit 130' INT TERM HUP PIPE
}

# finish: keeps what the steps did.
finish() {
	finished=yes
}

# lock: waits for any other create, remove or save to finish: they would use the same
# names, and make the drive read-only under the other's writes. A save that a create
# starts has its lock. LVM_SUPPRESS_FD_WARNINGS stops LVM's warning about the open file.
lock() {
	[ -z "${XENITH_LOCKED:-}" ] || return 0
	export LVM_SUPPRESS_FD_WARNINGS=1
	exec 9>"$RUN/create.lock"
	flock -n -x 9 || {
		warn "waiting for another create, remove or save to finish"
		# The shell handles signals only between commands.
		until flock -n -x 9; do sleep 1; done
	}
	export XENITH_LOCKED=yes
}

unlock() {
	unset XENITH_LOCKED
	exec 9>&-
}

# quoted WORD...: prints the words, quoted for a shell.
quoted() {
	for word; do
		printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
	done
}

# try ACTION COMMAND...: runs it; on failure reports that it cannot ACTION, and why.
try() {
	trying=$1
	shift
	"$@" >"$work/said" 2>&1 || fail "cannot $trying: $(tail -n 1 "$work/said")"
}

# undo COMMAND...: records an undo step; they run in reverse order.
undo() {
	quoted "$@" >>"$work/undo"
	echo >>"$work/undo"
}

# step ACTION WORDS COMMAND...: runs it and records its undo (WORDS, from `quoted`), with
# signals blocked in between.
step() {
	step_action=$1
	step_undo=$2
	shift 2
	trap '' INT TERM HUP PIPE
	try "$step_action" "$@"
	printf '%s\n' "$step_undo" >>"$work/undo"
	trap 'exit 130' INT TERM HUP PIPE
}

# undone WORDS: drops a recorded undo step.
undone() {
	steps_left=$(grep -vxF -e "$1" "$work/undo") || :
	printf '%s\n' "$steps_left" >"$work/undo"
}

undo_all() {
	[ -s "$work/undo" ] || return 0
	tac "$work/undo" | while read -r line; do
		eval "$line" >>"$work/undone" 2>&1 ||
			warn "cannot undo a step; run it yourself: $line"
	done
}

# made KIND NAME: records it for the domain file, where `remove` reads it.
made() {
	printf '# made: %s %s\n' "$1" "$2" >>"$work/made"
}

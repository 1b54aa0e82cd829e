# Completion of xenith(1) for bash: the command itself knows its words.
# shellcheck shell=bash
_xenith() {
	mapfile -t COMPREPLY < <(
		xenith complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _xenith xenith

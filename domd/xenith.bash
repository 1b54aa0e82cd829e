# Completion of xenith(1) for bash. BusyBox's shell completes file names only.
# shellcheck shell=bash
_xenith() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='status start stop restart reload enable disable console log
			graph check events metrics wait shutdown poweroff reboot'
	else
		case $command in
		status) words="--json --watch $(_xenith_names)" ;;
		start | stop | restart) words="--wait $(_xenith_names)" ;;
		enable | disable | console) words=$(_xenith_names) ;;
		log) words="--follow $(_xenith_names)" ;;
		events) words='--json --follow' ;;
		wait) words='--created' ;;
		graph) words='--dot' ;;
		*) words= ;;
		esac
	fi
	# shellcheck disable=SC2207 # names have no blanks in them
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}

_xenith_names() {
	xenith status 2>/dev/null | awk 'NR > 1 { print $1 }'
}

complete -F _xenith xenith

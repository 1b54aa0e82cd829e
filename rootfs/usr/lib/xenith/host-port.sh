# shellcheck shell=sh
# Parses a server's address.

# host_port HOST[:PORT] DEFAULT: sets $host, without an IPv6 address's brackets, and
# $port. False, with the reason in $why, if it is invalid.
host_port() {
	host=$1
	port=$2
	case $1 in
	\[*\]:*) port=${1##*:} host=${1%:*} ;;
	\[*\]) ;;
	*:*:*)
		why="an IPv6 address stands in brackets, as [2001:db8::7]:$2"
		return 1
		;;
	*:*) port=${1##*:} host=${1%:*} ;;
	esac
	host=${host#\[}
	host=${host%\]}
	case $port in
	'' | *[!0-9]*)
		why="'$port' is no port"
		return 1
		;;
	esac
}

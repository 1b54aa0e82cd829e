# shellcheck shell=sh
# The paths of the host's networks, and small functions on their files. Tests set the paths
# in the environment.
#
# Needs: $here, the directory of these programs.
# Gives: the paths and functions below.
# shellcheck disable=SC2034,SC2154 # used by the programs

RUN=${XENITH_RUN_DIR:-/run/xenith}
CONFIG=${XENITH_CONFIG:-/config}
BOOT=${XENITH_BOOT:-/etc/boot}
NET_SYS=${XENITH_NET_SYS:-/sys/class/net}
NET_PROC=${XENITH_NET_PROC:-/proc}
SERVICES=${XENITH_SERVICES:-/run/service}
XL_CONF=${XENITH_XL_CONF:-/etc/xen/xl.conf}

# What runs: declared/ are the files (those that stand for the shorthand of host.conf, if
# there are none), facts is what they say, primary the link with the host's own address.
NET=$RUN/networks

TAB='	'

# The keys of host.conf that stand for files, and those that count beside files, too.
SHORTHAND='nic|bridge|address|gateway|fallback_address'
ALWAYS='dns|firewall|bridge'

# is_card PATH: true if the link below /sys/class/net is a wired card. Only tests set
# XENITH_NET_CARDS: links without a device that count as cards.
is_card() {
	case " ${XENITH_NET_CARDS:-} " in *" ${1##*/} "*) return 0 ;; esac
	case ${1##*/} in vif[0-9]*) return 1 ;; esac
	[ -e "$1/device" ] && [ ! -e "$1/phy80211" ] && [ ! -e "$1/wireless" ]
}

# network_files DIR: true if it declares networks.
network_files() {
	for file in "$1"/*.conf; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# parse_networks DIR: prints the facts of its files. Errors go to standard error.
parse_networks() {
	network_files "$1" || return 0
	LC_ALL=C awk -f "$here/../text.awk" -f "$here/values.awk" -f "$here/parse.awk" -f "$here/consistency.awk" "$1"/*.conf
}

# setting KEY: prints its value in host.conf.
setting() {
	while IFS= read -r line; do
		case $line in "$1="*) printf '%s\n' "${line#*=}" ;; esac
	done 2>/dev/null <"$CONFIG/host.conf"
}

# uptime_now: prints the whole seconds since the kernel started.
uptime_now() {
	read -r up _ </proc/uptime
	echo "${up%.*}"
}

# lock_networks: one program at a time changes the networks. Cards that appear meanwhile
# wait.
lock_networks() {
	mkdir -p "$NET"
	exec 8>"$NET/lock"
	flock -x 8
}

# keep_declared DIR [by_files]: keeps a copy of the files that now run, and of the
# shorthand. by_files: they are files of the user, and not the shorthand's.
keep_declared() {
	rm -rf "$NET/declared.new"
	mkdir -p "$NET/declared.new/network"
	for file in "$1"/*; do
		[ ! -f "$file" ] || cp "$file" "$NET/declared.new/network/"
	done
	[ -z "${2:-}" ] || : >"$NET/declared.new/by_files"
	grep -E "^($SHORTHAND|$ALWAYS)=" "$CONFIG/host.conf" >"$NET/declared.new/host.conf" 2>/dev/null || :
	rm -rf "$NET/declared"
	mv "$NET/declared.new" "$NET/declared"
}

# keys_run KEYS: true if host.conf says of these keys what it said when they were made to run.
keys_run() {
	[ "$(grep -E "^($1)=" "$CONFIG/host.conf" 2>/dev/null)" = "$(grep -E "^($1)=" "$NET/declared/host.conf" 2>/dev/null)" ]
}

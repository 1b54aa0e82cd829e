# shellcheck shell=sh
# Loads the rules for packets into the kernel. Nothing else in the image calls iptables,
# ip6tables or tc, so another packet filter needs changes only here, in rules.awk and in
# guard.awk.
#
# Needs: $net (the directory of this file).
# Gives: rules_load, rules_unload, guest_masquerade, guest_forget, frames_filter,
# frames_filtered, frames_unfilter, frames_police. Each prints its reason and fails if the
# kernel refuses.
# shellcheck disable=SC2154 # $net

# packet_families: prints 4, and 6 if this kernel has IPv6.
packet_families() {
	echo 4
	[ ! -e "${XENITH_NET_PROC:-/proc}/net/if_inet6" ] || echo 6
}

# tables FAMILY [SUFFIX] ARGUMENT...: runs iptables or ip6tables, or a program with such a
# suffix. -w waits for its lock.
tables() {
	case $1 in
	4) tables_program=iptables ;;
	6) tables_program=ip6tables ;;
	esac
	shift
	case $1 in -restore)
		tables_program=$tables_program$1
		shift
		;;
	esac
	"$tables_program" -w "$@"
}

# has_jump FAMILY TABLE CHAIN TARGET
has_jump() {
	tables "$1" -t "$2" -C "$3" -j "$4" 2>/dev/null
}

# rules_load FAMILY FILE: replaces the chains that FILE has, all at once: iptables-restore
# changes nothing if one line is wrong. A line "jump TABLE CHAIN TARGET [first]" in FILE's
# comments (#) becomes a rule unless there is one. At the first load, which the boot waits
# for, there is none: nobody is asked.
rules_load() {
	rules_family=$1
	rules_file=$2
	rules_first=
	[ -e "$rules_file.load" ] || rules_first=yes
	{
		rules_table=
		while IFS= read -r rules_line; do
			case $rules_line in
			'*'*) rules_table=${rules_line#?} ;;
			'#jump '*)
				# shellcheck disable=SC2086 # words
				set -- $rules_line
				if [ -n "$rules_first" ] || ! has_jump "$rules_family" "$rules_table" "$2" "$3"; then
					printf -- '-%s %s -j %s\n' "${4:-A}" "$2" "$3"
				fi
				continue
				;;
			esac
			printf '%s\n' "$rules_line"
		done <"$rules_file"
	} >"$rules_file.load" || return 1
	tables "$rules_family" -restore --noflush <"$rules_file.load"
}

# rules_unload FAMILY TABLE CHAIN TARGET...: removes the jumps from CHAIN and the TARGETs.
# A missing one is no error.
rules_unload() {
	unload_family=$1
	unload_table=$2
	unload_chain=$3
	shift 3
	for target; do
		while tables "$unload_family" -t "$unload_table" -D "$unload_chain" -j "$target" 2>/dev/null; do :; done
	done
	for target; do
		tables "$unload_family" -t "$unload_table" -F "$target" 2>/dev/null || :
	done
	for target; do
		tables "$unload_family" -t "$unload_table" -X "$target" 2>/dev/null || :
	done
}

# guest_forget ADDRESS: removes a guest's rules; a missing rule is no error.
guest_forget() {
	tables 4 -t nat -D XENITH_NAT -d "$1" -j RETURN 2>/dev/null || :
	tables 4 -t nat -D XENITH_NAT -s "$1" -j MASQUERADE 2>/dev/null || :
}

# guest_masquerade ADDRESS: gives the packets of one guest dom0's address. Packets to a
# guest, also from another guest, keep their source.
guest_masquerade() {
	if ! has_jump 4 nat POSTROUTING XENITH_NAT; then
		tables 4 -t nat -N XENITH_NAT 2>/dev/null || :
		tables 4 -t nat -A POSTROUTING -j XENITH_NAT || return 1
	fi
	guest_forget "$1"
	tables 4 -t nat -I XENITH_NAT 1 -d "$1" -j RETURN &&
		tables 4 -t nat -A XENITH_NAT -s "$1" -j MASQUERADE
}

# frames_filter DEVICE MAC ADDRESSES [any]: lets only a guest's own frames in from DEVICE,
# see guard.awk. The filter goes with the device.
frames_filter() {
	filter_rules=$(awk -v device="$1" -v mac="$2" -v addresses="$3" -v link="${4:-}" -f "$net/guard.awk") || return 1
	# Without a qdisc the last command fails and says why.
	tc qdisc add dev "$1" clsact 2>/dev/null || :
	frames_unfilter "$1"
	printf '%s\n' "$filter_rules" | tc -batch -
}

# frames_filtered DEVICE: true if it has that filter, of which pref 11 is the end.
frames_filtered() {
	tc filter show dev "$1" ingress pref 11 2>/dev/null | grep -q .
}

# frames_unfilter DEVICE: removes the filter; a missing one is no error.
frames_unfilter() {
	tc filter del dev "$1" ingress pref 10 2>/dev/null || :
	tc filter del dev "$1" ingress pref 11 2>/dev/null || :
}

# frames_police DEVICE BYTES MICROSECONDS: lets BYTES in from DEVICE in each interval.
frames_police() {
	# tc's unit bps is bytes in a second. A burst has room for the largest frame.
	police_burst=$2
	[ "$police_burst" -ge 65536 ] || police_burst=65536
	tc qdisc add dev "$1" clsact 2>/dev/null || :
	tc filter replace dev "$1" ingress pref 5 handle 800::1 protocol all u32 match u32 0 0 \
		police rate "$(($2 * 1000000 / $3))bps" burst "$police_burst" mtu 64kb conform-exceed drop/continue
}

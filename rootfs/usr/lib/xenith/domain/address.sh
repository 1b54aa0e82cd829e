# shellcheck shell=sh
# A guest's fixed IPv4 address: ADDRESS/BITS[,GATEWAY].
#
# Needs: fail (steps.sh).
# Gives: address_problem, address_gateway, in_network, address_for_kernel, $fixed_address.

# As address_for_kernel prints it.
fixed_address='ip=[0-9][^ "]*:off'

# is_ipv4 TEXT. No leading zeros: some programs read them as octal.
is_ipv4() {
	echo "$1" | awk -F . 'NF != 4 { exit 1 }
		{ for (i = 1; i <= 4; i++) if ($i !~ /^(0|[1-9][0-9]*)$/ || $i > 255) exit 1 }'
}

# is_bits TEXT
is_bits() {
	case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
	[ "$1" -le 32 ]
}

# address_bits ADDRESS: prints BITS.
address_bits() {
	after=${1#*/}
	printf '%s\n' "${after%%,*}"
}

# address_gateway ADDRESS: prints GATEWAY; nothing if there is none.
address_gateway() {
	case $1 in *,*) printf '%s\n' "${1#*,}" ;; esac
}

# address_problem ADDRESS: prints why it is invalid; nothing if it is valid.
address_problem() {
	if ! is_ipv4 "${1%%/*}"; then
		echo "expected ADDRESS/BITS[,GATEWAY], such as 192.0.2.7/24,192.0.2.1"
		return
	fi
	case $1 in
	*/*) ;;
	*)
		echo "missing prefix length; write it as in 192.0.2.7/24"
		return
		;;
	esac
	bits=$(address_bits "$1")
	if ! is_bits "$bits"; then
		echo "invalid prefix length '$bits'; use 0 to 32"
		return
	fi
	case $1 in *,*) is_ipv4 "${1#*,}" || echo "invalid gateway '${1#*,}'; use an IPv4 address" ;; esac
}

# in_network ADDRESS NETWORK/BITS: true if it needs no gateway.
in_network() {
	awk -v a="$1" -v n="${2%/*}" -v bits="${2#*/}" '
		function number(text,    part) {
			split(text, part, ".")
			return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4]
		}
		BEGIN {
			size = 1
			for (i = bits; i < 32; i++) size *= 2
			exit int(number(a) / size) != int(number(n) / size)
		}'
}

# address_for_kernel ADDRESS NAME: prints Linux's ip= option.
address_for_kernel() {
	bits=$(address_bits "$1")
	gateway=$(address_gateway "$1")
	[ -z "$gateway" ] || in_network "$gateway" "${1%%,*}" ||
		fail "--ip $1: the ip= option of Linux takes no gateway outside the guest's network; use an image with cloud-init, or a larger network than /$bits"
	# No powers: BusyBox's awk may lack math support.
	mask=$(awk -v bits="$bits" 'BEGIN { for (i = 0; i < 4; i++) {
		byte = 0
		for (bit = 128; bit >= 1; bit /= 2) if (bits-- > 0) byte += bit
		printf "%s%d", (i ? "." : ""), byte } }')
	echo "ip=${1%%/*}::$gateway:$mask:$2:eth0:off"
}

# shellcheck shell=sh
# The seed that cloud-init reads at a guest's first boot: a small disk labelled CIDATA
# (data source NoCloud). Sourced by create, whose variables these are.
# shellcheck disable=SC2154

# is_ipv4 TEXT
is_ipv4() {
	echo "$1" | awk -F . 'NF != 4 { exit 1 }
		{ for (i = 1; i <= 4; i++) if ($i !~ /^[0-9]+$/ || $i > 255) exit 1 }'
}

# address_check ADDRESS/BITS[,GATEWAY]
address_check() {
	bits=${1#*/}
	bits=${bits%%,*}
	gateway=${1#*,}
	is_ipv4 "${1%%/*}" || wrong "--ip $1: ADDRESS/BITS[,GATEWAY] is expected, as 192.0.2.7/24,192.0.2.1"
	case $1 in */*) ;; *) wrong "--ip $1: how many bits are the network's is missing, as 192.0.2.7/24" ;; esac
	case $bits in '' | *[!0-9]*) wrong "--ip $1: $bits is no number of bits" ;; esac
	[ "$bits" -le 32 ] || wrong "--ip $1: $bits is no number of bits"
	case $1 in *,*) is_ipv4 "$gateway" || wrong "--ip $1: $gateway is no address" ;; esac
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

# address_for_kernel ADDRESS/BITS[,GATEWAY]: prints Linux's ip= option.
address_for_kernel() {
	bits=${1#*/}
	bits=${bits%%,*}
	gateway=
	case $1 in *,*)
		gateway=${1#*,}
		in_network "$gateway" "${1%%,*}" ||
			fail "--ip $1: Linux' ip= takes no gateway outside of its own network: use an image with cloud-init, or a larger network than /$bits"
		;;
	esac
	# No powers: BusyBox's awk may lack math support.
	mask=$(awk -v bits="$bits" 'BEGIN { for (i = 0; i < 4; i++) {
		byte = 0
		for (bit = 128; bit >= 1; bit /= 2) if (bits-- > 0) byte += bit
		printf "%s%d", (i ? "." : ""), byte } }')
	echo "ip=${1%%/*}::$gateway:$mask:$name:eth0:off"
}

seed_network() {
	gateway=
	case $ip in *,*) gateway=${ip#*,} ;; esac
	printf 'version: 2\nethernets:\n  first:\n    match: {name: "e*"}\n    addresses: [%s]\n' "${ip%%,*}"
	[ -n "$gateway" ] || return 0
	# With a provider's single addresses the gateway lies outside the network.
	if in_network "$gateway" "${ip%%,*}"; then
		printf '    gateway4: %s\n' "$gateway"
	else
		printf '    routes: [{to: 0.0.0.0/0, via: %s, on-link: true}]\n' "$gateway"
	fi
	printf '    nameservers: {addresses: [%s]}\n' "$gateway"
}

seed_meta() {
	printf 'instance-id: %s-%s\nlocal-hostname: %s\n' "$name" "$(hex /dev/urandom 0 4)" "$name"
	[ ! -s "$ssh_key" ] || {
		echo public-keys:
		# Remove a byte order mark and carriage returns.
		LC_ALL=C sed "1s/^$(printf '\357\273\277')//; s/$(printf '\r')\$//; /^[[:space:]]*\(#\|\$\)/d
			s/'//g; s/.*/  - '&'/" "$ssh_key"
	}
}

# seed_make: makes it beside the domain's disk, and sets $seed to its path.
seed_make() {
	main=$disk
	[ -n "${kind:-}" ] || storage_find "$storage"
	disk_make "$name-seed" 4194304
	disk_clear 0
	seed=$disk
	disk=$main
	try "making a file system on $seed" mkfs.fat -n CIDATA "$seed"
	open_disk vfat "$seed" "$work/seed"
	seed_meta >"$work/seed/meta-data"
	if [ -n "$user_data" ]; then
		cp "$user_data" "$work/seed/user-data"
	else
		echo '#cloud-config' >"$work/seed/user-data"
	fi
	[ -z "$ip" ] || seed_network >"$work/seed/network-config"
	close_disk "$seed" "$work/seed"
}

# seed_read SEED: takes user data and keys from the origin's seed unless options give
# others, but never its name and address.
seed_read() {
	open_disk vfat "$1" "$work/other" ro
	[ -n "$user_data" ] || {
		user_data=$work/user-data
		cp "$work/other/user-data" "$user_data"
	}
	[ -n "$ssh_key" ] || {
		ssh_key=$work/keys
		sed -n "s/^  - '\(.*\)'\$/\1/p" "$work/other/meta-data" >"$ssh_key"
	}
	[ -n "$ip" ] || [ ! -e "$work/other/network-config" ] || address_not_copied
	close_disk "$1" "$work/other"
}

address_not_copied() {
	echo "xenith: the fixed address of $clone is not copied: --ip gives $name one, else it asks by DHCP" >&2
}

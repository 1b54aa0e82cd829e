# shellcheck shell=sh
# The seed that cloud-init reads at a guest's first boot: a small disk labelled CIDATA
# (data source NoCloud).
#
# Needs: hex (detect.sh), address_gateway and in_network (address.sh), the disks
# (storage.sh), $work and the steps (steps.sh).
# Gives: seed_make, seed_read.
# shellcheck disable=SC2154 # $work

# seed_network ADDRESS: prints network-config.
seed_network() {
	printf 'version: 2\nethernets:\n  first:\n    match: {name: "e*"}\n    addresses: [%s]\n' "${1%%,*}"
	gateway=$(address_gateway "$1")
	[ -n "$gateway" ] || return 0
	# With a provider's single addresses the gateway lies outside the network.
	if in_network "$gateway" "${1%%,*}"; then
		printf '    gateway4: %s\n' "$gateway"
	else
		printf '    routes: [{to: 0.0.0.0/0, via: %s, on-link: true}]\n' "$gateway"
	fi
	printf '    nameservers: {addresses: [%s]}\n' "$gateway"
}

# seed_meta NAME KEYS: prints meta-data, with the keys of that file, if it is named. Without
# quotation marks, a name like `no` or `1.10` would be no text in YAML.
seed_meta() {
	printf 'instance-id: "%s-%s"\nlocal-hostname: "%s"\n' "$1" "$(hex /dev/urandom 0 4)" "$1"
	[ ! -s "$2" ] || {
		echo public-keys:
		# Remove a byte order mark and carriage returns.
		LC_ALL=C sed "1s/^$(printf '\357\273\277')//; s/$(printf '\r')\$//; /^[[:space:]]*\(#\|\$\)/d
			s/'//g; s/.*/  - '&'/" "$2"
	}
}

# seed_make PLACE NAME ADDRESS KEYS USER-DATA: makes the disk NAME-seed. The address, the
# file of keys and the file of user data may be empty words.
seed_make() {
	seed_disk=$(disk_path "$1" "$2-seed")
	disk_make "$1" "$2-seed" 4194304
	disk_clear "$1" "$seed_disk" 0
	try "create a file system on $seed_disk" mkfs.fat -n CIDATA "$seed_disk"
	open_disk vfat "$seed_disk" "$work/seed"
	seed_meta "$2" "$4" >"$work/seed/meta-data"
	if [ -n "$5" ]; then
		cp "$5" "$work/seed/user-data"
	else
		echo '#cloud-config' >"$work/seed/user-data"
	fi
	[ -z "$3" ] || seed_network "$3" >"$work/seed/network-config"
	close_disk "$seed_disk" "$work/seed"
}

# seed_read SEED KEYS USER-DATA: sets $ssh_key and $user_data to files with the keys and
# the user data of SEED, unless others are given, and $seed_address to `fixed` if it has
# a fixed address.
seed_read() {
	ssh_key=$2
	user_data=$3
	open_disk vfat "$1" "$work/other" ro
	[ -n "$user_data" ] || {
		user_data=$work/user-data
		cp "$work/other/user-data" "$user_data"
	}
	[ -n "$ssh_key" ] || {
		ssh_key=$work/keys
		sed -n "s/^  - '\(.*\)'\$/\1/p" "$work/other/meta-data" >"$ssh_key"
	}
	seed_address=
	[ ! -e "$work/other/network-config" ] || seed_address=fixed
	close_disk "$1" "$work/other"
}

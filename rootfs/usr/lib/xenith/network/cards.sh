# shellcheck shell=sh
# The choice of a network card for a host that names none.
#
# Needs: state.sh, lib.sh.
# Gives: list_cards, card_by, choose_card, describe_cards.
# shellcheck disable=SC2154 # paths of state.sh

# driver_of CARD
driver_of() {
	driver=$(readlink "$NET_SYS/$1/device/driver" 2>/dev/null) || driver=
	printf '%s\n' "${driver##*/}"
}

# is_usb_class CARD: true if a driver for any USB device of a class drives it. An adapter
# may be one; so may a board's management controller be.
is_usb_class() {
	case $(driver_of "$1") in cdc_ether | cdc_eem | cdc_ncm | cdc_subset | rndis_host) ;; *) return 1 ;; esac
}

# is_of_bmc CARD: true if the other end is the board's management controller (AMI, Dell's
# iDRAC, IBM's and Lenovo's XCC, Insyde, HPE's iLO, OpenBMC), which is no network.
is_of_bmc() {
	is_usb_class "$1" || return 1
	usb=$NET_SYS/$1/device/..
	maker="$(cat "$usb/idVendor" "$usb/idProduct" "$usb/manufacturer" "$usb/product" 2>/dev/null | tr 'A-Z\n' 'a-z ')"
	case $maker in
	"046b ffb0 "* | "413c a102 "* | "04b3 4010 "* | "0b1f 03ee "* | "1d6b 010"[456]" "*) ;;
	*"american megatrends"* | *idrac* | *bmc* | *"ilo "* | *xclarity* | *"virtual ethernet"* | *"virtual nic"*) ;;
	*) return 1 ;;
	esac
}

# all_cards: prints the wired cards: PCI address, index and name, sorted.
all_cards() {
	for card in "$NET_SYS"/*; do
		is_card "$card" || continue
		read -r type <"$card/type"
		[ "$type" = 1 ] || continue
		read -r index <"$card/ifindex"
		printf '%s %06d %s\n' "$(pci_of "${card##*/}")" "$index" "${card##*/}"
	done | sort
}

# pci_of CARD: prints the PCI address of the card or its controller; without one, what
# sorts behind them.
pci_of() {
	path=$(readlink -f "$NET_SYS/$1/device" 2>/dev/null | tr / '\n' |
		grep -x '[0-9a-f]\{4\}:[0-9a-f]\{2\}:[0-9a-f]\{2\}[.][0-7]' | tail -n 1)
	printf '%s\n' "${path:-none}"
}

# list_cards: prints the names of the cards that may be chosen, the best first: in PCI
# order, but adapters that could be a management controller's last.
list_cards() {
	all_cards | {
		last=
		while read -r _ _ card; do
			if ! is_usb_class "$card"; then
				printf '%s\n' "$card"
			elif ! is_of_bmc "$card"; then
				last="$last $card"
			fi
		done
		for card in $last; do
			printf '%s\n' "$card"
		done
	}
}

# card_by NAME-OR-MAC: prints the card's name.
card_by() {
	wanted_mac=$(printf '%s' "$1" | tr A-F a-f)
	all_cards | while read -r _ _ card; do
		if [ "$card" = "$1" ] || [ "$(cat "$NET_SYS/$card/address")" = "$wanted_mac" ]; then
			printf '%s\n' "$card"
			break
		fi
	done
}

# has_link CARD. The file cannot be read while the card is down.
has_link() {
	carrier=
	{ read -r carrier <"$NET_SYS/$1/carrier"; } 2>/dev/null || :
	[ "$carrier" = 1 ]
}

# is_found dhcp|static CARD...: true if the choice can be made. Starts to ask for DHCP on
# each card that has got a link.
is_found() {
	kind=$1
	shift
	for card; do
		has_link "$card" || continue
		[ "$kind" = dhcp ] || return 0
		[ ! -e "$NET/answered/$card" ] || return 0
		if [ ! -e "$NET/asked/$card" ]; then
			# What is leased here is given back: the bridge asks again.
			udhcpc -f -q -n -R -t 5 -T 1 -A 1 -i "$card" -s "$here/dhcp-probe" >/dev/null 2>&1 &
			echo $! >"$NET/asked/$card"
		fi
	done
	return 1
}

# choose_card dhcp|static: prints the card to use. Of several it is the one on which DHCP
# answers; after four seconds the first with a link, or the first. With a static address
# there is nobody to ask: the first with a link.
choose_card() {
	# shellcheck disable=SC2046 # names
	set -- "$1" $(list_cards)
	kind=$1
	shift
	if [ $# -lt 2 ]; then
		echo "${1-}"
		return
	fi
	rm -rf "$NET/asked" "$NET/answered"
	mkdir -p "$NET/asked" "$NET/answered"
	for card; do
		ip link set dev "$card" up
	done
	wait_for 4 is_found "$kind" "$@" || :
	for asked in "$NET"/asked/*; do
		[ ! -e "$asked" ] || kill "$(cat "$asked")" 2>/dev/null
	done
	for card; do
		if [ -e "$NET/answered/$card" ]; then
			echo "$card"
			return
		fi
	done
	for card; do
		if has_link "$card"; then
			echo "$card"
			return
		fi
	done
	echo "$1"
}

# describe_card CARD: prints its name, driver, PCI address and link.
describe_card() {
	about=$(driver_of "$1")
	pci=$(pci_of "$1")
	[ "$pci" = none ] || about="${about:+$about, }$pci"
	link="no link"
	if has_link "$1"; then link="link"; fi
	[ ! -e "$NET/answered/$1" ] || link="DHCP answers"
	if is_of_bmc "$1"; then link="of the board's management controller"; fi
	printf '%s (%s)' "$1" "${about:+$about, }$link"
}

# describe_cards CARD: prints a line about the card that is used, and the others; nothing
# if there are no others.
describe_cards() {
	others=
	for other in $(all_cards | cut -d ' ' -f 3); do
		[ "$other" = "$1" ] || others="$others${others:+, }$(describe_card "$other")"
	done
	[ -n "$others" ] || return 0
	if [ -n "$1" ]; then used=$(describe_card "$1"); else used=none; fi
	printf 'network card %s; not used: %s\n' "$used" "$others"
}

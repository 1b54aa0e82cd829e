# shellcheck shell=sh
# The shorthand of host.conf (nic, bridge, address, gateway, fallback_address) as files.
#
# Needs: state.sh.
# Gives: shorthand_write.
# shellcheck disable=SC2154 # paths of state.sh

# shorthand_write DIR CARD [there]: writes the files. CARD is the name or the MAC address
# that nic= has, or of the card that was chosen; empty: none. A host whose card is not
# `there` has the fallback address, and asks nobody.
shorthand_write() {
	short_bridge=$(setting bridge)
	short_address=$(setting address)
	short_gateway=$(setting gateway)
	short_fallback=$(setting fallback_address)
	rm -rf "$1"
	mkdir -p "$1"
	{
		printf '# bridge, address, gateway and fallback_address of host.conf\n'
		printf '[NetDev]\nKind=bridge\n\n[Network]\n'
		if [ "$short_address" != dhcp ]; then
			printf 'Address=%s\n' "$short_address"
			[ -z "$short_gateway" ] || printf '\n[Route]\nGateway=%s\nGatewayOnLink=yes\n' "$short_gateway"
		elif [ -n "${3:-}" ]; then
			printf 'DHCP=ipv4\n'
			case $short_fallback in '' | none) ;; *) printf '\n[DHCPv4]\nFallbackAddress=%s\n' "$short_fallback" ;; esac
		else
			case $short_fallback in '' | none) ;; *) printf 'Address=%s\n' "$short_fallback" ;; esac
		fi
	} >"$1/$short_bridge.conf"
	case $2 in
	'') return ;;
	*:*) short_match=MACAddress=$2 ;;
	*) short_match=Name=$2 ;;
	esac
	printf '# nic of host.conf\n[Match]\n%s\n\n[Network]\nBridge=%s\n' "$short_match" "$short_bridge" >"$1/card-of-$short_bridge.conf"
}

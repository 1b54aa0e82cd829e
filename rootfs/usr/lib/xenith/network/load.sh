# shellcheck shell=sh
# All parts, for the programs that change the networks.
#
# Needs: $here, the directory of these programs.
# shellcheck disable=SC2154 # $here
# shellcheck source=rootfs/usr/lib/xenith/network/state.sh
. "$here/state.sh"
# shellcheck source=rootfs/usr/lib/xenith/network/dhcp.sh
. "$here/dhcp.sh"
# shellcheck source=rootfs/usr/lib/xenith/network/resolv.sh
. "$here/resolv.sh"
# shellcheck source=rootfs/usr/lib/xenith/network/actions.sh
. "$here/actions.sh"
# shellcheck source=rootfs/usr/lib/xenith/network/converge.sh
. "$here/converge.sh"
# shellcheck source=rootfs/usr/lib/xenith/network/shorthand.sh
. "$here/shorthand.sh"

# close_host FACTS: sets the firewall at boot, before anybody can reach the host. The console
# says why it could not. The lock stays here.
close_host() {
	[ ! -x "$here/firewall" ] || "$here/firewall" "$1" "$CONFIG/network" 8>&- 2>"$NET/errors" ||
		mark "network: $(tail -n 1 "$NET/errors")"
}

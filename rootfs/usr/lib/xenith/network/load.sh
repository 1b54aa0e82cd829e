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

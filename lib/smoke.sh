#!/bin/sh
# Boots an image and waits until the host and every configured domain are ready. Without
# --iso the image is built first, with the domains packed in; with it nothing is built,
# and the domains are on a configuration drive.
#
# usage: smoke.sh [--domains DIR] [--iso FILE] [--timeout S] [--memory MIB] [--junit FILE]
#
# Ends with 0 if all are ready, with 1 if not or if the configuration is wrong, and with
# 2 if that cannot be tried.    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/host.sh
. "$TREE/lib/host.sh"

status=2
trap '[ $? = 0 ] || exit "$status"' EXIT
trap 'status=130; exit 130' INT TERM HUP

iso=
domains=
timeout=
memory=
junit=
while [ $# -gt 0 ]; do
	case $1 in
	--iso | --domains | --timeout | --memory | --junit)
		[ -n "${2:-}" ] || die "smoke: $1 needs a value; see ./build.sh help"
		# Before anything is built.
		case $1:$2 in
		--timeout:*[!0-9]* | --memory:*[!0-9]*) die "smoke: $1 $2: not a number" ;;
		esac
		# The option's name is the variable's.
		eval "${1#--}=\$2"
		shift 2
		;;
	*) die "smoke: $1: no such option; see ./build.sh help" ;;
	esac
done

[ -d "$(dirname "${junit:-.}")" ] || die "smoke: --junit $junit: its directory does not exist"
[ -z "$iso" ] || [ -f "$iso" ] || die "smoke: --iso $iso: there is no such file"
[ -z "$domains" ] || [ -d "$domains" ] || die "smoke: --domains $domains: there is no such directory"
XENITH_NEEDS="run smoke"
export XENITH_NEEDS
if [ -n "$iso" ]; then
	need_packages
else
	# On a drive they may lean on what the image has: only the boot can tell.
	[ -z "$domains" ] || sh "$TREE/rootfs/usr/lib/xenith/check-config" "$domains" || {
		status=1
		die "smoke: $domains is not a valid configuration; nothing is built"
	}
	sh "$TREE/build.sh" ${domains:+--domains "$domains"}
	iso=$OUT/xenith.iso
	# They are in the image.
	domains=
fi
/usr/bin/python3 -c 'import pexpect' || die "smoke: Python lacks pexpect: install the Debian package python3-pexpect"
exec /usr/bin/python3 -B "$TREE/qemu-test/smoke.py" --iso "$iso" ${domains:+--domains "$domains"} \
	${timeout:+--timeout "$timeout"} ${memory:+--memory "$memory"} ${junit:+--junit "$junit"}

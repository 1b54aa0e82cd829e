#!/bin/sh
# Boots an image and waits until the host and every configured domain are ready. Without
# --iso the image is built first, with the domains packed in; with it nothing is built,
# and the domains are on a configuration drive.
#
# usage: smoke.sh [--domains DIR] [--iso FILE] [--timeout S] [--memory MIB] [--junit FILE]
#
# Exits with 0 if all are ready, with 1 if not or if the configuration is invalid, and
# with 2 if the test cannot run.    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"

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
		# Checked before anything is built.
		case $1:$2 in
		--timeout:*[!0-9]* | --memory:*[!0-9]*) die "smoke: $1 $2: not a number" ;;
		esac
		# Each option sets the variable of its name.
		eval "${1#--}=\$2"
		shift 2
		;;
	*) die "smoke: unknown option $1; see ./build.sh help" ;;
	esac
done

[ -d "$(dirname "${junit:-.}")" ] || die "smoke: --junit $junit: its directory does not exist"
[ -z "$iso" ] || [ -f "$iso" ] || die "smoke: --iso $iso: no such file"
[ -z "$domains" ] || [ -d "$domains" ] || die "smoke: --domains $domains: no such directory"
XENITH_NEEDS="run smoke"
export XENITH_NEEDS
if [ -n "$iso" ]; then
	need_packages
else
	# With --iso only the boot can tell: domains on a drive may use files of the image.
	[ -z "$domains" ] || sh "$TREE/lib/commands/check.sh" "$domains" || {
		status=1
		die "smoke: $domains is not a valid configuration: see above; nothing was built"
	}
	sh "$TREE/build.sh" ${domains:+--domains "$domains"}
	iso=$OUT/xenith.iso
	# The image has them now.
	domains=
fi
/usr/bin/python3 -c 'import pexpect' || die "smoke: cannot import pexpect; install the Debian package python3-pexpect"
exec /usr/bin/python3 -B "$TREE/qemu-test/smoke.py" --iso "$iso" ${domains:+--domains "$domains"} \
	${timeout:+--timeout "$timeout"} ${memory:+--memory "$memory"} ${junit:+--junit "$junit"}

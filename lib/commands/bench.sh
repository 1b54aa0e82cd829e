#!/bin/sh
# Measures the image that was built last; draws out/boot.svg.
#
# usage: bench.sh [ARGUMENT...]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"

# A build that had work to do has checked these packages already.
need_packages
exec /usr/bin/python3 "$TREE/qemu-test/bench.py" "$@"

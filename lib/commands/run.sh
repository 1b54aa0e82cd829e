#!/bin/sh
# Boots the image in QEMU with the serial console on the terminal.
#
# usage: run.sh [QEMU-ARGUMENT...]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"

# A build that had work to do has checked these packages already.
need_packages

# Xen needs SVM and nested paging, emulated here, to run PVH and HVM domains, and all boot
# sooner with RDRAND; see docs/testing.md. SSH is on port 2222 of the loopback address.
say "booting in QEMU; Ctrl-A X quits"
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu qemu64,+svm,+npt,+rdrand -smp 2 -m 2048 \
	-nographic -cdrom "$OUT/xenith.iso" \
	-nic user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:2222-:22 "$@"

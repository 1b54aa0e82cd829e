#!/bin/sh
# Boots the image in QEMU with the serial console on the terminal.
#
# usage: run.sh [QEMU-ARGUMENT...]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/host.sh
. "$TREE/lib/host.sh"

# Where something was built, the build has asked already.
need_packages

# Software emulation with SVM and nested paging is what Xen needs to run PVH and
# HVM domains; see docs/testing.md. SSH is on port 2222 of the loopback address.
say "Booting in QEMU; Ctrl-A X ends it."
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu qemu64,+svm,+npt -smp 2 -m 2048 \
	-nographic -cdrom "$OUT/xenith.iso" \
	-nic user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:2222-:22 "$@"

# shellcheck shell=sh
# All parts of the store, for the programs that use them: what persists, and how. See
# docs/persistence.md. Files are made private: some are secret.
#
# Needs: $here, the directory of the programs.
# shellcheck disable=SC2154 # $here
# shellcheck source=rootfs/usr/lib/xenith/domain/host.sh
. "$here/domain/host.sh"
# shellcheck source=rootfs/usr/lib/xenith/domain/steps.sh
. "$here/domain/steps.sh"
# shellcheck source=rootfs/usr/lib/xenith/domain/drive.sh
. "$here/domain/drive.sh"
# shellcheck source=rootfs/usr/lib/xenith/store/layer.sh
. "$here/store/layer.sh"
# shellcheck source=rootfs/usr/lib/xenith/store/generation.sh
. "$here/store/generation.sh"
# shellcheck source=rootfs/usr/lib/xenith/store/write.sh
. "$here/store/write.sh"
# shellcheck source=rootfs/usr/lib/xenith/store/pending.sh
. "$here/store/pending.sh"
# shellcheck source=rootfs/usr/lib/xenith/store/commit.sh
. "$here/store/commit.sh"
umask 077

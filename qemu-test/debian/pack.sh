# Shell functions of the scripts that make a Debian system's files without booting it. Debian's
# packages come from the mirror of this machine and are checked by apt.

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/fetch.sh
. "$TREE/lib/engine/fetch.sh"

# What grub-install would do, as far as it does not look at the disk: its modules and
# a core that finds them on the partition beside it.
# shellcheck disable=SC2016 # $1 is the hook's: the root
pack_grub='mkdir -p "$1/boot/grub/i386-pc"
	cp "$1"/usr/lib/grub/i386-pc/*.mod "$1"/usr/lib/grub/i386-pc/*.lst "$1/usr/lib/grub/i386-pc/boot.img" "$1/boot/grub/i386-pc"
	chroot "$1" grub-mkimage -O i386-pc -p "(,gpt3)/boot/grub" -o /boot/grub/i386-pc/core.img biosdisk part_gpt ext2'

# pack_debian TARBALL PACKAGES [MMDEBSTRAP_OPTION...]: TARBALL holds a Debian 13 with PACKAGES
# (separated by commas) and GRUB for BIOS, or is not there.
pack_debian() {
	pack_tarball=$1
	pack_packages=$2
	shift 2
	pack_state=$(apt_private trixie deb)
	mmdebstrap --variant=minbase --format=tar --include="$pack_packages,grub-pc-bin" \
		--customize-hook="$pack_grub" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$@" trixie "$pack_tarball.new" "$pack_state/sources.list"
	mv "$pack_tarball.new" "$pack_tarball"
}

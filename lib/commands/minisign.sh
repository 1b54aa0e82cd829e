# shellcheck shell=sh
# The program that signs: the build's own, which is static and runs on this machine, or
# else the machine's. Sourced after lib/common.sh.

# find_minisign: sets $minisign.
find_minisign() {
	minisign=$(package_root minisign)/usr/bin/minisign
	[ -x "$minisign" ] || minisign=$(command -v minisign) ||
		die "cannot find minisign: build the image first (./build.sh), or install the Debian package minisign"
}

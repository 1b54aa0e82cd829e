# shellcheck shell=sh
# What the machine that builds must have. Missing packages are installed in one
# call when root, and else named with the command that installs them.

# missing_packages FILE...: those that are listed and not installed.
missing_packages() {
	for list; do
		lines "$list"
	done | LC_ALL=C sort -u >"$OUT/hostpkgs.wanted"
	xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' <"$OUT/hostpkgs.wanted" 2>/dev/null |
		awk '$1 == "installed" { print $2 }' | LC_ALL=C sort -u | LC_ALL=C comm -23 "$OUT/hostpkgs.wanted" -
}

# need_packages FILE...: returns when the machine has what the lists name.
need_packages() {
	command -v dpkg-query >/dev/null || {
		say "This is no Debian machine: the packages of lib/hostpkgs must be there under this system's names."
		return 0
	}
	mkdir -p "$OUT"
	missing=$(missing_packages "$@" | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		die "this machine lacks packages; install them with:
    sudo apt-get install --no-install-recommends $missing"
	fi
	say "Installing what is missing on this machine: $missing"
	# shellcheck disable=SC2086 # the packages are words
	install_packages $missing >"$OUT/apt.log" 2>&1 || {
		tail -n 20 "$OUT/apt.log" >&2
		die "apt-get could not install: $missing (the log is $OUT/apt.log)"
	}
}

# install_packages PACKAGE...: the one call, after an update when the lists are
# not there yet.
install_packages() {
	if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ]; then
		apt-get -qq update
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || {
		apt-get -qq update
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
	}
}

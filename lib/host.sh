# shellcheck shell=sh
# What the machine that builds must have. Missing packages are installed in one
# call when root, and else named with the command that installs them.

# shellcheck source=lib/apt.sh
. "$TREE/lib/apt.sh"

# qemu_version: the first number of it, 0 where there is none.
qemu_version() {
	version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
	printf '%s\n' "${version:-0}"
}

# missing_packages FILE...: those that are listed and not installed. Debian 12's own
# QEMU does not count: it gets the return from interrupts in a guest's guest wrong,
# and 10 is right.
missing_packages() {
	wanted=$(for list; do lines "$list"; done | LC_ALL=C sort -u)
	{
		printf '%s\n' "$wanted" | xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
			sed '/ qemu-system-x86$/d'
		[ "$(qemu_version)" -lt 10 ] || echo installed qemu-system-x86
		printf '%s\n' "$wanted"
	} | awk '$1 == "installed" { there[$2]; next } NF == 1 && !($1 in there)'
}

# need_packages FILE...: returns when the machine has what the lists name, and what the
# command needs that the user gave ($XENITH_NEEDS names the lists lib/hostpkgs-*). All
# is asked for here, so that nobody is told twice.
need_packages() {
	command -v dpkg-query >/dev/null || {
		say "This is no Debian machine: the packages of lib/hostpkgs* must be there under this system's names."
		return 0
	}
	mkdir -p "$OUT"
	for list in ${XENITH_NEEDS:-}; do
		set -- "$@" "$TREE/lib/hostpkgs-$list"
	done
	missing=$(missing_packages "$@" | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	apt_conf=
	why=
	case "$missing " in
	*"qemu-system-x86 "*)
		why=" (QEMU must be 10 or later, and here is $(qemu_version))"
		[ "$(debian_codename)" != bookworm ] || prepare_backports ||
			die "this machine lacks QEMU 10, which Debian 12 has in its backports: give apt a Debian mirror in /etc/apt/sources.list"
		;;
	esac
	if [ "$(id -u)" != 0 ]; then
		die "this machine lacks packages$why; install them with:
    ${apt_conf:+sudo apt-get -c '$apt_conf' update &&
    }sudo apt-get ${apt_conf:+-c '$apt_conf' }install --no-install-recommends $missing"
	fi
	say "Installing what is missing on this machine: $missing"
	# shellcheck disable=SC2086 # the packages are words
	install_packages $missing >"$OUT/apt.log" 2>&1 || {
		tail -n 20 "$OUT/apt.log" >&2
		die "apt-get could not install: $missing (the log is $OUT/apt.log)"
	}
}

# need_all_packages: as need_packages, for all that any recipe needs.
need_all_packages() {
	set -- "$TREE/lib/hostpkgs"
	for list in "$TREE"/*/*/hostpkgs; do
		[ ! -e "$list" ] || set -- "$@" "$list"
	done
	need_packages "$@"
}

# memory_mib: what this machine or this container has.
memory_mib() {
	limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
	awk -v limit="$limit" '/^MemTotal/ {
		n = $2 / 1024
		if (limit != "max" && limit / 1048576 < n) n = limit / 1048576
		printf "%d\n", n
	}' /proc/meminfo
}

# free_mib DIRECTORY: free on its file system.
free_mib() {
	df -Pk "$1" | awk 'NR == 2 { printf "%d\n", $4 / 1024 }'
}

# need_room: whether disk and memory suffice for a build of everything, or, where the cache
# has a compiler already, for one of a part of it.
need_room() {
	mkdir -p "$CACHE" "$OUT"
	disk=6144
	memory=2048
	if ls "$CACHE"/pkg/gcc-* >/dev/null 2>&1; then
		disk=1536
		memory=1024
	fi
	free=$(free_mib "$CACHE")
	[ "$free" -ge "$disk" ] ||
		die "not enough room: a build needs $disk MiB in $CACHE, and $free MiB are free; make room there, or name a directory elsewhere with XENITH_CACHE"
	free=$(free_mib "$OUT")
	[ "$free" -ge 256 ] ||
		die "not enough room: results need 256 MiB in $OUT, and $free MiB are free; make room there, or name a directory elsewhere with XENITH_OUT"
	have=$(memory_mib)
	[ "$have" -ge "$memory" ] ||
		die "not enough memory: a build needs $memory MiB, and this machine has $have MiB"
}

# install_packages PACKAGE...: the one call, after an update when the lists are
# not there yet.
install_packages() {
	if [ -n "$apt_conf" ] || [ -z "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ]; then
		apt_get -qq update
	fi
	apt_get install -y --no-install-recommends "$@" || {
		apt_get -qq update
		apt_get install -y --no-install-recommends "$@"
	}
}

# apt_get ARGUMENT...: with $apt_conf where there is one.
apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get ${apt_conf:+-c "$apt_conf"} "$@"
}

# prepare_backports: sets $apt_conf to settings for apt with Debian 12's backports in
# them, so that the host's own stay as they are. Only QEMU is to come from there, and
# the firmware of its version.
prepare_backports() {
	state=$CACHE/apt/backports
	mkdir -p "$state/lists"
	sources_list deb bookworm backports >"$state/sources.list" || return 1
	cat >"$state/preferences" <<END
Package: src:qemu seabios
Pin: release n=bookworm-backports
Pin-Priority: 500
END
	apt_conf=$state/apt.conf
	cat >"$apt_conf" <<END
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "$state/preferences";
Dir::State::Lists "$state/lists";
APT::Sandbox::User "root";
END
}

# shellcheck shell=sh
# What the build machine must have. Missing packages are installed in one call as root;
# otherwise the command that installs them is printed.

# shellcheck source=lib/engine/apt.sh
. "$TREE/lib/engine/apt.sh"
# shellcheck source=lib/engine/airlock.sh
. "$TREE/lib/engine/airlock.sh"

# qemu_version: the major version of QEMU, 0 if it is not installed.
qemu_version() {
	version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
	printf '%s\n' "${version:-0}"
}

# missing_packages FILE...: the listed packages that are not installed. QEMU before 10, as
# in Debian 12, does not count: it emulates the return from interrupts in a nested guest
# wrongly.
missing_packages() {
	wanted=$(for list; do lines "$list"; done | LC_ALL=C sort -u)
	{
		printf '%s\n' "$wanted" | xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
			sed '/ qemu-system-x86$/d'
		[ "$(qemu_version)" -lt 10 ] || echo installed qemu-system-x86
		printf '%s\n' "$wanted"
	} | awk '$1 == "installed" { there[$2]; next } NF == 1 && !($1 in there)'
}

# need_packages FILE...: returns once the packages in the lists are installed, and those of
# the user's command ($XENITH_NEEDS names its lists lib/hostpkgs/*). All are checked at
# once, so that the user is told once.
need_packages() {
	command -v dpkg-query >/dev/null || {
		say "cannot check the packages of lib/hostpkgs/*: not a Debian system; install them under this system's names"
		return 0
	}
	mkdir -p "$OUT"
	for list in ${XENITH_NEEDS:-}; do
		set -- "$@" "$TREE/lib/hostpkgs/$list"
	done
	missing=$(missing_packages "$@" | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	apt_conf=
	why=
	case "$missing " in
	*"qemu-system-x86 "*)
		why=" (QEMU 10 or later is needed, installed is $(qemu_version))"
		[ "$(debian_codename)" != bookworm ] || prepare_backports ||
			die "cannot install QEMU 10 from Debian 12's backports: apt has no Debian mirror; add one to /etc/apt/sources.list"
		;;
	esac
	if [ "$(id -u)" != 0 ]; then
		die "packages are missing on this machine$why; install them with:
    sudo apt-get ${apt_conf:+-c '$apt_conf' }update &&
    sudo apt-get ${apt_conf:+-c '$apt_conf' }install --no-install-recommends $missing"
	fi
	say "installing missing packages: $missing"
	# shellcheck disable=SC2086 # the packages are words
	install_packages $missing >"$OUT/apt.log" 2>&1 || {
		tail -n 20 "$OUT/apt.log" >&2
		die "apt-get cannot install $missing; see $OUT/apt.log"
	}
}

# need_all_packages: need_packages with the lists of every recipe.
need_all_packages() {
	set -- "$TREE/lib/hostpkgs/build"
	for list in "$TREE"/*/*/hostpkgs; do
		[ ! -e "$list" ] || set -- "$@" "$list"
	done
	need_packages "$@"
}

# memory_mib: the memory of this machine or this container.
memory_mib() {
	limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
	awk -v limit="$limit" '/^MemTotal/ {
		n = $2 / 1024
		if (limit != "max" && limit / 1048576 < n) n = limit / 1048576
		printf "%d\n", n
	}' /proc/meminfo
}

# cores: the processors of this machine, or the whole ones of what this container may use of
# them, at least one.
cores() {
	cores=$(nproc)
	quota=max
	[ ! -r /sys/fs/cgroup/cpu.max ] || read -r quota period </sys/fs/cgroup/cpu.max
	if [ "$quota" != max ] && [ $((quota / period)) -lt "$cores" ]; then cores=$((quota / period)); fi
	if [ "$cores" = 0 ]; then echo 1; else echo "$cores"; fi
}

# free_mib DIRECTORY: the free space on its file system.
free_mib() {
	df -Pk "$1" | awk 'NR == 2 { printf "%d\n", $4 / 1024 }'
}

# need_room: checks disk and memory for a build of everything, or, if the cache has a
# compiler already, for a build of a part. A plain airlock unpacks and compiles in /tmp.
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
		die "not enough disk space: a build needs $disk MiB in $CACHE, and $free MiB are free; free some, or set XENITH_CACHE to another directory"
	free=$(free_mib /tmp)
	[ "$free" -ge "$disk" ] || [ "$(airlock_kind)" != plain ] ||
		die "not enough disk space: a build needs $disk MiB in /tmp, and $free MiB are free; free some, or allow namespaces, with which the cache is used"
	free=$(free_mib "$OUT")
	[ "$free" -ge 256 ] ||
		die "not enough disk space: results need 256 MiB in $OUT, and $free MiB are free; free some, or set XENITH_OUT to another directory"
	have=$(memory_mib)
	[ "$have" -ge "$memory" ] ||
		die "not enough memory: a build needs $memory MiB, and this machine has $have MiB"
}

# install_packages PACKAGE...: installs them in one call, after an update if apt's lists
# are missing or stale.
install_packages() {
	if [ -n "$apt_conf" ] || [ -z "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ]; then
		apt_get -qq update
	fi
	apt_get install -y --no-install-recommends "$@" || {
		apt_get -qq update
		apt_get install -y --no-install-recommends "$@"
	}
}

# apt_get ARGUMENT...: apt-get with $apt_conf, if set.
apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get ${apt_conf:+-c "$apt_conf"} "$@"
}

# prepare_backports: sets $apt_conf to apt settings that include Debian 12's backports; the
# host's own are unchanged. Only QEMU and its SeaBIOS are installed from there.
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

# shellcheck shell=sh
# Access to Debian's archives through the apt client: the mirrors that this machine is
# configured for, private indexes of any suite on them, and downloads through apt's
# proxies. The machine's apt configuration is read and never changed.

# debian_codename: of the Debian that this machine runs.
debian_codename() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# debian_archives: prints "main URI" and, if configured, "security URI" of the mirrors of
# Debian's archives, and then "another-main URI" and "another-security URI" of each further
# mirror. They are read from what apt would fetch, because container images come without
# fetched lists. A third-party archive may have a suite of the same name, but no -updates
# suite.
debian_archives() {
	apt-get update --print-uris | awk -F "'" -v code="$(debian_codename)" '
		function mirror(name) {
			return (name, 1) in first ? first[name, 1] : first[name, 0]
		}
		$2 !~ /^cdrom:/ && match($2, /\/dists\/[^\/]+\/main\//) {
			name = named = substr($2, RSTART + 7, RLENGTH - 13)
			sub(/^((old)*stable|testing|unstable|sid)/, code, name)
			uri = substr($2, 1, RSTART - 1)
			if (!((name, name == named) in first))
				first[name, name == named] = uri
			if (name == code "-updates" || name == code "-security") {
				further[++count] = uri
				archive[count] = name == code "-security" ? "security" : "main"
			}
		}
		END {
			main = mirror(code "-updates")
			if (main == "") main = mirror(code)
			if (main == "") exit 1
			print "main", main
			security = mirror(code "-security")
			if (security != "") print "security", security
			printed[main] = printed[security] = 1
			for (i = 1; i <= count; i++)
				if (!printed[further[i]]++) print "another-" archive[i], further[i]
		}' || {
		say "cannot find a Debian mirror in this machine's apt configuration: add one to /etc/apt/sources.list"
		return 1
	}
}

# sources_list KIND SUITE [MORE]: prints a sources.list (KIND is deb or deb-src) for a
# suite with its updates, and for SUITE-MORE.
sources_list() {
	archives=$(debian_archives) || return 1
	printf '%s\n' "$archives" | awk -v kind="$1" -v suite="$2" -v more="${3:-}" '
		BEGIN { kind = kind " [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" }
		$1 == "main" {
			print kind, $2, suite, "main"
			if (suite != "sid") print kind, $2, suite "-updates", "main"
			if (more != "") last = kind " " $2 " " suite "-" more " main"
		}
		$1 == "security" && suite != "sid" { print kind, $2, suite "-security", "main" }
		END { if (last != "") print last }'
}

# apt_private SUITE KIND: prepares a private apt state directory for a suite's sources
# (deb-src) or packages (deb) and prints its path. One invocation of the engine does not
# retry an index that it could not read. Several invocations may share the state: one of
# them reads the index, and the others wait.
apt_private() (
	state=$CACHE/apt/$1-$2
	mkdir -p "$state/lists" "$state/cache" "$RUN"
	exec 4>"$state/lock"
	flock 4
	if [ -n "$(find "$state/updated" -mmin -720 2>/dev/null)" ]; then
		printf '%s\n' "$state"
		return
	fi
	[ ! -e "$RUN/no-index-$1-$2" ] || return 1
	command -v apt-get >/dev/null || {
		say "fetch: cannot read Debian's index: apt-get is not installed"
		return 1
	}
	sources_list "$2" "$1" >"$state/sources.list" || return 1
	say "fetch: reading Debian's index ($2), suite $1"
	# By default a server that does not answer is only a warning.
	apt_in "$state" apt-get -qq -o APT::Update::Error-Mode=any update >"$state/log" 2>&1 || {
		say "fetch: apt cannot read the index of suite $1:"
		tail -n 3 "$state/log" | without_hosts >&2
		: >"$RUN/no-index-$1-$2"
		return 1
	}
	touch "$state/updated"
	printf '%s\n' "$state"
)

# apt_in STATE PROGRAM ARGUMENTS: runs apt-get or apt-cache with a private state directory.
apt_in() {
	state_dir=$1
	program=$2
	shift 2
	with_timeout "$program" -o Dir::Etc::sourcelist="$state_dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$state_dir/lists" -o Dir::Cache="$state_dir/cache" \
		-o Debug::NoLocking=true "$@"
}

# with_timeout PROGRAM ARGUMENTS: runs a program of apt, which gives up on a server that
# sends nothing.
with_timeout() {
	program=$1
	shift
	"$program" -o Acquire::Retries=1 -o Acquire::http::Timeout="${XENITH_TIMEOUT:-30}" \
		-o Acquire::https::Timeout="${XENITH_TIMEOUT:-30}" -o APT::Sandbox::User="$(id -un)" "$@"
}

# index_of STATE KIND PACKAGE: the index entries of a source package (deb-src) or a
# binary package (deb).
index_of() {
	case $2 in
	deb-src) apt_in "$1" apt-cache showsrc --only-source "$3" ;;
	deb) apt_in "$1" apt-cache show "$3" ;;
	esac 2>/dev/null
}

# versions_of STATE KIND PACKAGE: the versions in the index, highest first.
versions_of() {
	index_of "$1" "$2" "$3" | sed -n 's/^Version: //p' | sort -Vru
}

# pool_directory SUITE NAME FILE: the directory of a file in an archive's pool. Source
# packages are below the first letter of their name, or the first four for a library. A
# binary package is in the directory of its source package, which the index names.
pool_directory() {
	case $3 in
	*.deb)
		state=$(apt_private "$1" deb) || return 1
		index_of "$state" deb "$2" | sed -n 's/^Filename: pool\/\(updates\/\)\{0,1\}\(.*\)\/[^/]*$/\2/p' | head -n 1
		;;
	*)
		case $2 in
		lib?*) prefix=$(printf '%.4s' "$2") ;;
		*) prefix=$(printf '%.1s' "$2") ;;
		esac
		printf 'main/%s/%s\n' "$prefix" "$2"
		;;
	esac
}

# url_name NAME: a file name, percent-encoded for a URL.
url_name() {
	printf '%s\n' "$1" | sed -e 's/%/%25/g' -e 's/+/%2b/g' -e 's/~/%7e/g' -e 's/ /%20/g'
}

# without_hosts: copies a program's output without host names and addresses, which are
# those of this machine's mirror.
without_hosts() {
	sed -e 's#[a-z+]*://[^ ]*/##g' -e 's/ *\[IP: [^]]*\]//g' -e "s/resolv\(e\|ing\) '[^']*'/resolv\1 the host's name/g" \
		-e 's/\(onnect[a-z]* to\) [^ ]*\( ([^)]*)\)*/\1 the host/'
}

# download URL FILE LOG: fetches a URL, through apt if it is installed: apt knows the
# machine's proxies and gives up on a server that stalls.
download() {
	helper=/usr/lib/apt/apt-helper
	case $1 in
	file://*) curl -fsSL -o "$2" "$1" ;;
	*)
		if [ -x "$helper" ]; then
			with_timeout "$helper" -q download-file "$1" "$2"
		elif command -v curl >/dev/null; then
			curl -fsSL --retry 1 --connect-timeout 20 --speed-limit 1 --speed-time "${XENITH_TIMEOUT:-30}" -o "$2" "$1"
		else
			wget -q -T "${XENITH_TIMEOUT:-30}" -t 2 -O "$2" "$1"
		fi
		;;
	esac >"$3" 2>&1
}

# shellcheck shell=sh
# Lists of our own for apt, of the mirror that this machine is configured for. Its
# own configuration is read for that and otherwise left alone.

# debian_codename: of the Debian that this machine runs.
debian_codename() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# sources_list KIND SUITE [MORE]: prints the list (KIND is deb or deb-src) of a suite with
# its updates, and of SUITE-MORE. The mirror is in what apt would fetch: what it has
# fetched is nothing in an image whose lists were removed. Others have a suite of
# Debian's name, too, but no updates to it.
sources_list() {
	apt-get update --print-uris | awk -F "'" -v code="$(debian_codename)" -v kind="$1" -v suite="$2" -v more="${3:-}" '
		function mirror(name) {
			return (name, 1) in first ? first[name, 1] : first[name, 0]
		}
		$2 !~ /^cdrom:/ && match($2, /\/dists\/[^\/]+\/main\//) {
			name = named = substr($2, RSTART + 7, RLENGTH - 13)
			sub(/^((old)*stable|testing|unstable|sid)/, code, name)
			if (!((name, name == named) in first))
				first[name, name == named] = substr($2, 1, RSTART - 1)
		}
		END {
			main = mirror(code "-updates")
			if (main == "") main = mirror(code)
			if (main == "") exit 1
			security = mirror(code "-security")
			key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
			print kind, key, main, suite, "main"
			if (suite != "sid") {
				print kind, key, main, suite "-updates", "main"
				if (security != "") print kind, key, security, suite "-security", "main"
			}
			if (more != "") print kind, key, main, suite "-" more, "main"
		}' || {
		say "found no Debian mirror in this machine's apt configuration"
		return 1
	}
}

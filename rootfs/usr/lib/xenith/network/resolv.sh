# shellcheck shell=sh
# /etc/resolv.conf: the servers of host.conf; without them those of the files and of all
# leases.
#
# Needs: state.sh. $NET/servers/ has a file for each lease, with lines of resolv.conf.
# Gives: resolv_write.
# shellcheck disable=SC2154 # paths of state.sh

RESOLV_CONF=${XENITH_RESOLV_CONF:-/run/resolv.conf}

# resolv_servers: prints lines of resolv.conf: search, then nameserver.
resolv_servers() {
	given=$(setting dns)
	{
		awk -F "$TAB" '
			$2 == "Network.Domains" { print "search " $3 }
			$2 == "Network.DNS" {
				n = split($3, word, " ")
				for (i = 1; i <= n; i++) print "nameserver " word[i]
			}' "$NET/facts" 2>/dev/null || :
		for file in "$NET"/servers/*; do
			[ ! -f "$file" ] || cat "$file"
		done
	} | awk -v given="$given" '
		$1 == "search" { search = search substr($0, 7); next }
		given == "" && !seen[$0]++ { server[++count] = $0 }
		END {
			if (search != "") print "search" search
			if (given != "") {
				n = split(given, word, " ")
				for (i = 1; i <= n; i++) print "nameserver " word[i]
			}
			for (i = 1; i <= count; i++) print server[i]
		}'
}

resolv_write() {
	resolv_servers >"$RESOLV_CONF.new"
	mv "$RESOLV_CONF.new" "$RESOLV_CONF"
}

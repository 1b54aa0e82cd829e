# shellcheck shell=sh disable=SC2154 # $work and fail are the program's
# The state of the host before an update, which the trial of the new version must reach again:
# the domains that were ready, with the hashes of their files, and the network. It is kept on
# the configuration drive. Sourced by `update`, `stage-options` and `trial`.
#
# Needs: domain/host.sh; write_before also domain/steps.sh and domain/drive.sh,
# stage_with_list options.sh as well.
# Gives: the functions below.

BEFORE=$DRIVE/update/before

# ready_domains: the names of the domains that are ready, a line each; false if domd does
# not answer.
ready_domains() {
	xenith -t 30 metrics >"$work/metrics" 2>"$work/said" || return 1
	sed -n 's/^xenith_domain_state{domain="\([^"\\]*\)",state="ready"} 1$/\1/p' "$work/metrics"
}

# domain_hash NAME: the hash of the domain's file; nothing if it has none.
domain_hash() {
	files_of "$1" 2>/dev/null | while read -r file; do
		cat "$file"
	done | sha256sum | sed -e 's/ .*//' -e '/^e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855$/d'
}

# network_kind: none, fallback (the address of a host without an answer from DHCP) or
# address.
network_kind() {
	address=
	[ ! -e /run/xenith/network ] || read -r address </run/xenith/network || :
	case $address in '' | none) echo none && return ;; esac
	if [ "$(host_setting address)" = dhcp ] && [ "$address" = "$(host_setting fallback_address | sed 's|/.*||')" ]; then
		echo fallback
	else
		echo address
	fi
}

# gateway: the router's address, if there is one.
gateway() {
	ip route show default 2>/dev/null | sed -n 's/^default via \([0-9.]*\).*/\1/p' | head -n 1
}

# has_link: true if a card of the host's bridge has a link, where the guests' ends do not
# count; or the link, if it is no bridge.
has_link() {
	link=/sys/class/net/$(host_link)
	if [ ! -d "$link/bridge" ] && [ ! -d "$link/brif" ]; then
		[ "$(cat "$link/carrier" 2>/dev/null)" = 1 ]
		return
	fi
	for port in "$link"/brif/*; do
		port=${port##*/}
		case $port in vif* | tap*) continue ;; esac
		if [ "$(cat "/sys/class/net/$port/carrier" 2>/dev/null)" = 1 ]; then return; fi
	done
	return 1
}

# answers ADDRESS: true if that machine answers on the host's link.
answers() {
	arping -q -f -c 3 -w 3 -I "$(host_link)" "$1" </dev/null >/dev/null 2>&1
}

# list_before: prints the present state.
list_before() {
	echo "network $(network_kind)"
	if has_link; then echo link; fi
	router=$(gateway)
	if [ -n "$router" ] && answers "$router"; then echo "gateway $router"; fi
	for domain in $domains; do
		hash=$(domain_hash "$domain")
		[ -z "$hash" ] || echo "domain $domain $hash"
	done
}

# stage_with_list: stage_options, and the list for the trial of these options. Without a list, a
# boot that finishes is enough.
stage_with_list() {
	stage_options || return 1
	[ -n "$change" ] || return 0
	set -- "options $(printf '%s\n' "$wanted" | options_hash)"
	[ -z "$pending" ] || set -- "$@" "update $(version_of "$pending")"
	(write_before "$@" 2>/dev/null) || undo_all
}

# write_before LINE...: writes it to the drive, or fails. The LINEs come first, and say what the
# next boot tries: `update VERSION`, `options HASH`, or both.
write_before() {
	domains=$(ready_domains) || {
		domains=
		echo "xenith: domd does not answer ($(tail -n 1 "$work/said")): the trial will require no domain" >&2
	}
	{
		printf '%s\n' "$@"
		list_before
	} >"$work/before"
	drive_mounted || fail "cannot record what runs now: there is no XENITH-CFG drive at $DRIVE"
	lock
	# The same version may fail for another reason this time.
	stale=
	if read -r recorded 2>/dev/null <"$FAILURE"; then
		case $recorded in "${1#update }: "*) stale=$FAILURE ;; esac
	fi
	{
		drive_open && mkdir -p "${BEFORE%/*}" && rm -f "$stale" && cp "$work/before" "$BEFORE.new" &&
			fsync "$BEFORE.new" && mv "$BEFORE.new" "$BEFORE" && sync
	} 2>"$work/said" ||
		fail "cannot record what runs now in $BEFORE: $(tail -n 1 "$work/said")"
	drive_close
	unlock
}

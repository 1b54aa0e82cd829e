# Reads host.conf files, later ones overriding earlier ones, and prints every known key
# as KEY=VALUE (defaults filled in). Errors go to standard error as FILE:LINE: message;
# the line is dropped and the exit status is 1. So the printed values are always safe to
# use, whatever the files hold; console_shell and config_drive are `no` after an invalid
# line.
#
# usage: awk -f text.awk -f host-conf.awk [from=SOURCE] FILE...   (POSIX awk; no file:
# the defaults)
#
# SOURCE is the origin of the files that follow it: image, drive or command-line. A key
# that is invalid in that source is reported and dropped, unless it has the value in
# force: a drive may carry a copy of the image's file.

# HOLDS: the sources in which the key is valid; empty: all.
function key(name, kind, value, holds) {
	kinds[name] = kind
	places[name] = holds
	values[name] = value
	order[++count] = name
}

function complain(message) {
	printf "%s:%d: %s\n", FILENAME, FNR, message | "cat 1>&2"
	failed = 1
}

function is_ipv4(s,    part, n, i) {
	n = split(s, part, ".")
	if (n != 4)
		return 0
	for (i = 1; i <= 4; i++)
		if (part[i] !~ /^[0-9]+$/ || length(part[i]) > 3 || part[i] + 0 > 255)
			return 0
	return 1
}

function is_prefixed(s,    part) {
	return split(s, part, "/") == 2 && is_ipv4(part[1]) && \
		part[2] ~ /^[0-9]+$/ && length(part[2]) < 3 && part[2] + 0 <= 32
}

function is_hostname(s) {
	return length(s) < 64 && s ~ /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/
}

function is_interface(s) {
	return length(s) < 16 && s ~ /^[A-Za-z][A-Za-z0-9_.-]*$/
}

function is_mac(s,    part, n, i) {
	n = split(s, part, ":")
	if (n != 6)
		return 0
	for (i = 1; i <= 6; i++)
		if (part[i] !~ /^[0-9A-Fa-f][0-9A-Fa-f]$/)
			return 0
	return 1
}

# Whether dom0 can boot with that size. Xen reads a leading 0 as octal.
function is_memory(s,    mib) {
	if (s !~ /^[1-9][0-9]*[kKmMgG]$/)
		return 0
	mib = substr(s, 1, length(s) - 1) * (s ~ /[gG]$/ ? 1024 : s ~ /[kK]$/ ? 1 / 1024 : 1)
	return mib >= 128
}

# Returns "" if the key NAME is valid in a source FROM, else where it is.
function elsewhere(name, from) {
	if (from == "" || places[name] == "" || index(" " places[name] " ", " " from " "))
		return ""
	return "an image (./build.sh --domains DIR)" (places[name] == "image" ? "" : " or on the kernel's command line")
}

# Returns VALUE in its canonical spelling: yes and no have synonyms.
function spelled(kind, value,    small) {
	small = tolower(value)
	if (kind !~ /^(yesno|autostart|volumes|drive)$/)
		return value
	if (small ~ /^(yes|true|on)$/)
		return "yes"
	if (small ~ /^(no|false|off)$/)
		return "no"
	return kind == "drive" && small == "any" ? "any" : value
}

# Returns "" if VALUE is valid for a key of KIND, else what is expected.
function expectation(kind, value,    part, n, i, plain) {
	if (kind == "yesno")
		return value == "yes" || value == "no" ? "" : "yes or no"
	if (kind == "autostart")
		return value ~ /^[A-Za-z0-9_.:+-]+([ ,]+[A-Za-z0-9_.:+-]+)*$/ ? "" : "yes, no or names of domains"
	if (kind == "volumes")
		return value ~ /^[A-Za-z0-9_.+][A-Za-z0-9_.+-]*( +[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)*$/ ? "" : \
			"yes, no or names of volume groups"
	if (kind == "storage")
		return value ~ /^(\/.*|[A-Za-z0-9_.+][A-Za-z0-9_.+-]*(\/[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)?)$/ ? "" : "a volume group, VG/POOL or a directory"
	if (kind == "starts")
		return value == "auto" || (value ~ /^[1-9][0-9]*$/ && length(value) < 4) ? "" : "auto or a number from 1 to 999"
	if (kind == "hostname")
		return is_hostname(value) ? "" : "a host name (letters, digits, - and .)"
	if (kind == "interface")
		return is_interface(value) ? "" : "the name of a network interface (15 characters at most)"
	if (kind == "drive")
		return value == "any" || value == "no" || value ~ /^[0-9A-Fa-f]+(-[0-9A-Fa-f]+)+$/ ? "" : \
			"any, no or the UUID of a file system, as blkid prints it"
	if (kind == "seconds")
		# The shell reads a leading 0 as octal, and 08 ends the script.
		return value ~ /^(0|[1-9][0-9]*)$/ && length(value) < 5 ? "" : "a number of seconds (0 to 9999)"
	if (kind == "mem") {
		# Limits alone set no size: the image could not fix dom0's memory.
		plain = 0
		n = split(value, part, ",")
		for (i = 1; i <= n; i++) {
			if (!sub(/^(min|max):/, "", part[i]))
				plain++
			if (!is_memory(part[i]))
				plain = -n
		}
		return plain > 0 ? "" : "a size such as 512M or 2G, of at least 128M"
	}
	if (kind == "vcpus")
		return value ~ /^[1-9][0-9]*(-([1-9][0-9]*)?)?$/ ? "" : "a number of CPUs (4) or a range (1-4), of at least 1"
	if (kind == "address")
		return value == "dhcp" || is_prefixed(value) ? "" : "dhcp or an address with its prefix length (192.0.2.10/24)"
	# The kinds below may be empty (unset).
	if (value == "")
		return ""
	if (kind == "prefixed")
		return value == "none" || is_prefixed(value) ? "" : "an address with its prefix length (192.0.2.10/24) or none"
	if (kind == "ipv4")
		return is_ipv4(value) ? "" : "an IPv4 address"
	if (kind == "nic")
		return value == "none" || is_interface(value) || is_mac(value) ? "" : \
			"the name or the MAC address of a network interface, or none"
	if (kind == "iqn")
		return length(value) < 224 && value ~ /^(iqn\.[0-9][0-9][0-9][0-9]-[0-9][0-9]\.[a-z0-9.-]+(:[a-z0-9.:-]+)?|eui\.[0-9A-Fa-f]+|naa\.[0-9A-Fa-f]+)$/ ? "" : \
			"the name of an iSCSI initiator (iqn.2026-11.org.example:alpha)"
	if (kind == "cstate")
		return value ~ /^[0-9]$/ ? "" : "a number from 0 to 9"
	if (kind == "options")
		# No characters that GRUB reads as a quote, variable or command end.
		return value ~ /^[A-Za-z0-9 _.,:=\/+@%()-]*$/ ? "" : \
			"options made of letters, digits, spaces and _ . , : = / + @ % ( ) -"
	if (kind == "ipv4s" || kind == "hosts") {
		n = split(value, part, " ")
		for (i = 1; i <= n; i++) {
			if (kind == "ipv4s" && !is_ipv4(part[i]))
				return "IPv4 addresses, separated by spaces"
			if (kind == "hosts" && !is_hostname(part[i]))
				return "host names or addresses, separated by spaces"
		}
		return ""
	}
	return "nothing (unknown kind " kind ")"
}

BEGIN {
	key("hostname", "hostname", "xenith")
	key("address", "address", "dhcp")
	key("gateway", "ipv4", "")
	key("dns", "ipv4s", "")
	key("ntp", "hosts", "")
	key("bridge", "interface", "xenbr0")
	key("nic", "nic", "")
	key("fallback_address", "prefixed", "192.168.144.1/24")
	key("console_shell", "yesno", "yes")
	key("autostart", "autostart", "yes")
	key("parallel_starts", "starts", "auto")
	key("volumes", "volumes", "yes")
	key("storage", "storage", "")
	key("iscsi_name", "iqn", "")
	key("config_drive", "drive", "any", "image command-line")
	key("config_wait", "seconds", "10", "image command-line")
	key("shutdown_timeout", "seconds", "60")
	key("dom0_mem", "mem", "512M", "image")
	key("dom0_max_vcpus", "vcpus", "1-4", "image")
	key("max_cstate", "cstate", "", "image")
	key("xen_options", "options", "", "image")
	key("linux_options", "options", "", "image")

	# The author of an invalid line probably meant to restrict access.
	shut["console_shell"] = "the console is closed"
	shut["config_drive"] = "no drive is used"
}

FNR == 1 {
	for (k in seen)
		delete seen[k]
}

{
	if ($0 ~ /^[ \t]*(#|$)/)
		next
	eq = index($0, "=")
	if (eq == 0) {
		complain("expected KEY=VALUE")
		next
	}
	name = substr($0, 1, eq - 1)
	value = substr($0, eq + 1)
	gsub(/^[ \t]+|[ \t]+$/, "", name)
	gsub(/^[ \t]+|[ \t]+$/, "", value)
	if (value ~ /^".*"$/ || value ~ /^'.*'$/)
		value = length(value) > 1 ? substr(value, 2, length(value) - 2) : value
	if (!(name in kinds)) {
		complain("unknown key \"" name "\"")
		next
	}
	if (name in seen) {
		complain(name " was already set in line " seen[name])
		next
	}
	seen[name] = FNR
	if (kinds[name] == "ipv4s" || kinds[name] == "hosts")
		gsub(/[ \t]*,[ \t]*/, " ", value)
	value = spelled(kinds[name], value)
	place = elsewhere(name, from)
	if (place != "") {
		if (value != values[name])
			complain(name " holds only in " place)
		next
	}
	expected = expectation(kinds[name], value)
	if (expected != "") {
		if (name in shut) {
			expected = expected "; " shut[name]
			values[name] = "no"
		}
		complain(name ": \"" value "\" is not " expected)
		next
	}
	values[name] = value
}

END {
	for (i = 1; i <= count; i++)
		print order[i] "=" values[order[i]]
	close("cat 1>&2")
	exit failed
}

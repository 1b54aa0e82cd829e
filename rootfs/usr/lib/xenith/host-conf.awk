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
#
# An option of the boot loader that is empty here has the value of the preset, which
# boot-options applies. With xen_table=FILE (`NAME KIND` of each option that Xen has) words
# of xen_options that Xen would ignore are warned of.

# HOLDS: the sources in which the key is valid; empty: all.
function key(name, kind, value, holds) {
	kinds[name] = kind
	places[name] = holds
	values[name] = value
	order[++count] = name
}

# boot_key(NAME, KIND, VALUE): a key for the boot loader, which reads no drive.
function boot_key(name, kind, value) {
	key(name, kind, value, "image")
}

function warn(message) {
	printf "%s:%d: %s\n", FILENAME, FNR, message | "cat 1>&2"
}

function complain(message) {
	warn(message)
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

# At most one "::", which stands for groups of zeros.
function is_ipv6(s,    part, n, i, short) {
	short = split(s, part, "::")
	if (s !~ /:/ || short > 2 || s ~ /:::|^:[^:]|[^:]:$/)
		return 0
	n = split(s, part, ":")
	for (i = 1; i <= n; i++)
		if (part[i] !~ /^[0-9A-Fa-f]*$/ || length(part[i]) > 4)
			return 0
	return short == 2 ? n < 9 || (n == 9 && s ~ /^::|::$/) : n == 8
}

function is_prefixed(s,    part) {
	return split(s, part, "/") == 2 && is_ipv4(part[1]) && \
		part[2] ~ /^[0-9]+$/ && length(part[2]) < 3 && part[2] + 0 <= 32
}

function is_hostname(s) {
	return length(s) < 64 && s ~ /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/
}

# HOST or HOST:PORT; an IPv6 address with a port is in brackets.
function is_server(s,    host) {
	if (is_ipv6(s))
		return 1
	host = s
	if (s ~ /:/ && !sub(/:[1-9][0-9]?[0-9]?[0-9]?[0-9]?$/, "", host))
		return 0
	return host ~ /^\[.*\]$/ ? is_ipv6(substr(host, 2, length(host) - 2)) : is_hostname(host)
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

# Whether it describes a disk (install_disk): docs/install.md.
function is_disk(s,    part, n, i, extremes) {
	n = split(s, part, ",")
	for (i = 1; i <= n; i++) {
		if (part[i] ~ /^(smallest|largest)$/)
			extremes++
		else if (part[i] !~ /^(id|serial|wwn):[!-~]+$/ && part[i] !~ /^bus:(nvme|nvme-of|sata|scsi|usb|virtio|mmc|iscsi)$/ && \
			(part[i] !~ /^size:([1-9][0-9]*[KMGTP])?-([1-9][0-9]*[KMGTP])?$/ || part[i] == "size:-"))
			return 0
	}
	return extremes < 2
}

# Whether each part of the list S is a boolean or one of NAMES, with no- or =BOOLEAN, as
# Xen's parsers take them; or matches MORE, a regular expression.
function is_switches(s, names, more,    part, n, i, word) {
	n = split(s, part, ",")
	for (i = 1; i <= n; i++) {
		word = part[i]
		if (word ~ "^(" more ")$")
			continue
		if (!sub(/^no-/, "", word))
			sub("=" BOOLEAN "$", "", word)
		if (word == "" || word ~ / / || !index(" " names " ", " " word " "))
			return 0
	}
	return n > 0
}

# Whether S is a list for Xen's console=, where `none` stands alone.
function is_consoles(s) {
	return s == "none" || s ~ /^(vga|com[12][HL]?|dbgp|ehci|xhci)(,(vga|com[12][HL]?|dbgp|ehci|xhci))*$/
}

# Returns "" if VALUE is valid for an option of Xen or Linux of KIND, else what is
# expected. Xen would ignore another value, or read something else from it.
function option_expectation(kind, value) {
	if (kind == "cstate")
		return value ~ /^[0-9](,[0-9])?$/ ? "" : "a number from 0 to 9, or two (1,0)"
	if (kind == "cpufreq")
		return value ~ /^(none|xen(:(performance|powersave|ondemand|userspace)(,(maxfreq|minfreq)=[1-9][0-9]*)*)?(,verbose)?|hwp(:(no-)?hdc)?(,verbose)?)$/ ? "" : \
			"none, xen, xen:GOVERNOR (performance, powersave, ondemand, userspace) or hwp"
	if (kind == "iommu") {
		if (("," value ",") ~ /,(no|off|false|disable|0),/ && ("," value ",") ~ /,(force|required)(=(yes|on|true|enable|1))?,/)
			return "possible: an IOMMU that is off cannot be required"
		return is_switches(value, "force required quarantine igfx qinval superpages verbose snoop intremap intpost " \
			"crash-disable debug amd-iommu-perdev-intremap dom0-passthrough dom0-strict sharept", \
			BOOLEAN "|quarantine=scratch-page") ? "" : "yes, no or a list of Xen's iommu= (required,intpost)"
	}
	if (kind == "ucode")
		return is_switches(value, "scan nmi digest-check", "-?[1-9][0-9]*") ? "" : \
			"a list of scan, nmi, digest-check, or the number of a module"
	if (kind == "spec_ctrl")
		# Xen has no yes: each mitigation that a machine needs is on by default.
		return is_switches(value, "xen pv hvm msr-sc rsb verw md-clear ibpb-entry bhb-entry ibrs stibp ssbd psfd " \
			"bhi-dis-s ibpb eager-fpu l1d-flush branch-harden lock-harden srb-lock unpriv-mmio gds-mit div-scrub " \
			"bp-spec-reduce ibpb-alt", \
			"no|off|false|(msr-sc|rsb|verw|md-clear|ibpb-entry|bhb-entry)=(no-)?(pv|hvm)(=" BOOLEAN ")?" \
			"|bti-thunk=(retpoline|lfence|jmp)|bhb-seq=(none|tsx|short|long)") && value !~ /(^|,)xen(=(yes|on|true|enable|1))?(,|$)/ ? \
			"" : "no or a list of Xen's spec-ctrl= (ssbd,unpriv-mmio)"
	if (kind == "consoles")
		return is_consoles(value) ? "" : "a list of vga, com1, com2, dbgp, ehci, xhci; or none"
	if (kind == "baud")
		return value ~ /^(auto|1200|2400|4800|9600|19200|38400|57600|115200)$/ ? "" : "auto or a speed from 1200 to 115200"
	if (kind == "port")
		return value ~ /^(0x[1-9A-Fa-f][0-9A-Fa-f]*(,(0|[1-9][0-9]*))?|pci(,msi)?|amt(,msi)?)$/ ? "" : \
			"an I/O address (0x3f8), that and an IRQ (0x3f8,4), pci or amt"
	if (kind == "vga")
		return value ~ /^(keep|(current|text-80x(25|28|30|34|43|50|80)|gfx-[1-9][0-9]+x[1-9][0-9]+x(8|15|16|24|32)|mode-[0-9A-Fa-f]+)(,keep)?)$/ ? "" : \
			"keep, current, text-80x25, gfx-1024x768x32 or mode-NUMBER; and perhaps ,keep"
	return "nothing (unknown kind " kind ")"
}

# Prints a warning for each word of xen_options that Xen would not understand.
function check_words(words,    part, n, i, name, value, eq, kind) {
	n = split(words, part, " ")
	for (i = 1; i <= n; i++) {
		# Xen cuts a longer word off.
		if (length(part[i]) > 127)
			warn("warning: xen_options: Xen reads only the first 127 characters of " part[i])
		eq = index(part[i], "=")
		name = eq ? substr(part[i], 1, eq - 1) : part[i]
		value = eq ? substr(part[i], eq + 1) : ""
		kind = kind_of(name)
		if (kind == "")
			warn("warning: xen_options: Xen has no option \"" name "\", and ignores it")
		else if ((kind == "boolean" && value != "" && value !~ ("^" BOOLEAN "$")) || \
			(kind == "integer" && value !~ /^-?(0[xX][0-9A-Fa-f]+|[0-9]+)$/) || \
			(kind == "size" && value !~ /^(0[xX][0-9A-Fa-f]+|[0-9]+)[kKmMgGtTbB]?$/))
			warn("warning: xen_options: " name " takes " (kind == "integer" ? "an " : "a ") kind ", and Xen ignores \"" value "\"")
	}
}

# Returns the kind of Xen's option NAME; "": there is none.
function kind_of(name,    plain) {
	plain = name
	sub(/^no-/, "", plain)
	if (plain in xen_kinds)
		return xen_kinds[plain]
	# ivrs_hpet[0]=...
	if (match(name, /[[({<]/) && substr(name, 1, RSTART) in xen_kinds)
		return "custom"
	return ""
}

# Returns "" if the key NAME is valid in a source FROM, else where it is. On an installed
# host the drive sets what a boot loader passes on, too: see install/options.sh.
function elsewhere(name, from) {
	if (installed && from == "drive" && places[name] == "image")
		return ""
	if (from == "" || places[name] == "" || index(" " places[name] " ", " " from " "))
		return ""
	return "an image (./build.sh --domains DIR)" (places[name] == "image" ? "" : " or on the kernel's command line")
}

# Returns VALUE without leading zeros in IPv4 addresses: some programs read them as octal.
function without_zeros(value,    first) {
	while (match(value, /(^|[ .\/])0+[0-9]/)) {
		first = substr(value, RSTART, 1)
		value = substr(value, 1, RSTART - 1) (first ~ /[0-9]/ ? "" : first) substr(value, RSTART + RLENGTH - 1)
	}
	return value
}

# Returns VALUE in its canonical spelling: yes and no have synonyms.
function spelled(kind, value,    small) {
	if (kind ~ /^(address|prefixed|ipv4|addresses)$/)
		return without_zeros(value)
	small = tolower(value)
	if (kind !~ /^(yesno|autostart|volumes|drive|watchdog|iommu|spec_ctrl|cpufreq)$/ && kind !~ /^choice (.* )?(yes|no)( |$)/)
		return value
	if (small ~ /^(yes|true|on)$/)
		return "yes"
	if (small ~ /^(no|false|off)$/)
		return kind == "cpufreq" ? "none" : "no"
	return kind == "drive" && small == "any" ? "any" : value
}

# Returns "" if VALUE is valid for a key of KIND, else what is expected.
function expectation(kind, value,    part, n, i, plain, choices) {
	if (kind == "yesno")
		return value == "yes" || value == "no" ? "" : "yes or no"
	if (kind == "autostart")
		return value ~ /^[A-Za-z0-9_.:+-]+([ ,]+[A-Za-z0-9_.:+-]+)*$/ ? "" : "yes, no or names of domains"
	if (kind == "volumes")
		return value ~ /^[A-Za-z0-9_.+][A-Za-z0-9_.+-]*( +[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)*$/ ? "" : \
			"yes, no or names of volume groups"
	if (kind == "starts")
		return value == "auto" || (value ~ /^[1-9][0-9]*$/ && length(value) < 4) ? "" : "auto or a number from 1 to 999"
	if (kind == "generations")
		return value ~ /^[1-9][0-9]*$/ && length(value) < 4 ? "" : "a number from 1 to 999"
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
	if (kind == "watchdog")
		return value ~ /^(yes|no|[1-9][0-9]+)$/ && length(value) < 5 ? "" : "yes, no or a number of seconds (10 to 9999)"
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
	if (kind ~ /\|/)
		return index("|" kind "|", "|" value "|") && value != "" && value !~ /\|/ ? "" : "one of " kind
	# The kinds below may be empty (unset).
	if (value == "")
		return ""
	if (kind == "storage")
		return value ~ /^(\/.*|[A-Za-z0-9_.+][A-Za-z0-9_.+-]*(\/[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)?)$/ ? "" : "a volume group, VG/POOL or a directory"
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
	if (kind == "server")
		return is_server(value) ? "" : "a host name or an address, or one with a port (192.0.2.5:514, [2001:db8::5]:514)"
	if (kind == "directory")
		return value ~ /^\/[!-~]*[!-.0-~]$/ ? "" : "the full path of a directory, without blanks"
	if (kind == "health")
		return value ~ /^(\/|http:\/\/)[ -~]+$/ ? "" : "a command by its full path, or a URL (http://)"
	if (kind == "disk")
		return is_disk(value) ? "" : "what a disk is, separated by commas: id:, serial:, wwn:, bus:, size:MIN-MAX, smallest, largest"
	if (kind == "source")
		return value ~ /^(\/|(http|ftp|tftp):\/\/)[!-~]+$/ ? "" : "a URL (http://, ftp://, tftp://) or a path"
	if (kind == "url")
		return value ~ /^http:\/\/[!-~]+$/ ? "" : "a URL (http://)"
	if (kind == "options")
		# No characters that GRUB reads as a quote, variable or command end.
		return value ~ /^[A-Za-z0-9 _.,:=\/+@%()-]*$/ ? "" : \
			"options made of letters, digits, spaces and _ . , : = / + @ % ( ) -"
	if (kind == "addresses" || kind == "hosts") {
		n = split(value, part, " ")
		for (i = 1; i <= n; i++) {
			if (kind == "addresses" && !is_ipv4(part[i]) && !is_ipv6(part[i]))
				return "IPv4 or IPv6 addresses, separated by spaces"
			if (kind == "hosts" && !is_hostname(part[i]))
				return "host names or addresses, separated by spaces"
		}
		return ""
	}
	# Whatever the preset says.
	if (value == "default")
		return ""
	if (kind ~ /^choice /) {
		choices = substr(kind, 8)
		if (value !~ / / && index(" " choices " ", " " value " "))
			return ""
		gsub(/ /, ", ", choices)
		return "one of: " choices
	}
	return option_expectation(kind, value)
}

BEGIN {
	BOOLEAN = "(yes|no|on|off|true|false|enable|disable|1|0)"

	key("hostname", "hostname", "xenith")
	key("address", "address", "dhcp")
	key("gateway", "ipv4", "")
	key("dns", "addresses", "")
	key("ntp", "hosts", "")
	key("bridge", "interface", "xenbr0")
	key("nic", "nic", "")
	key("fallback_address", "prefixed", "192.168.144.1/24")
	key("firewall", "yesno", "yes")
	key("console_shell", "yesno", "yes")
	key("autostart", "autostart", "yes")
	key("parallel_starts", "starts", "auto")
	key("volumes", "volumes", "yes")
	key("storage", "storage", "")
	key("iscsi_name", "iqn", "")
	key("syslog_server", "server", "")
	key("log_dir", "directory", "")
	key("config_drive", "drive", "any", "image command-line")
	key("config_wait", "seconds", "10", "image command-line")
	key("config_generations", "generations", "10")
	key("shutdown_timeout", "seconds", "60")
	# Nobody watches a server, and a hang must not outlast the trial of an update.
	key("watchdog", "watchdog", installed ? "yes" : "no")
	key("health", "health", "")
	key("health_time", "seconds", "600")
	key("health_limit", "seconds", "1200")
	key("install_disk", "disk", "")
	key("install_mirror", "disk", "")
	key("install_existing", "upgrade|keep|erase", "upgrade")
	key("install_foreign", "stop|erase", "stop")
	key("install_data", "lvm|none", "lvm")
	key("install_from", "source", "")
	key("install_config", "source", "")
	key("install_config_signed", "yesno", "yes")
	key("install_then", "reboot|poweroff|nothing", "reboot")
	key("install_report", "url", "")
	boot_key("preset", "choice low-latency safe hardened lab", "default")
	boot_key("dom0_mem", "mem", "512M")
	boot_key("dom0_max_vcpus", "vcpus", "1-4")
	boot_key("dom0_vcpus_pin", "choice yes no", "")
	boot_key("max_cstate", "cstate", "")
	boot_key("cpufreq", "cpufreq", "")
	boot_key("pcie_aspm", "choice off force", "")
	boot_key("msi", "choice yes no", "")
	boot_key("iommu", "iommu", "")
	boot_key("smt", "choice yes no", "")
	boot_key("ucode", "ucode", "scan")
	boot_key("spec_ctrl", "spec_ctrl", "")
	boot_key("xsm", "choice silo dummy flask", "")
	boot_key("sched", "choice credit credit2 rtds arinc653 null", "")
	boot_key("sched_gran", "choice cpu core socket", "")
	boot_key("console", "consoles", "")
	boot_key("console_speed", "baud", "")
	boot_key("console_port", "port", "")
	boot_key("vga", "vga", "")
	boot_key("nomodeset", "choice yes no", "")
	boot_key("nmi_watchdog", "choice yes no force", "")
	boot_key("noreboot", "choice yes no", "")
	boot_key("verbose", "choice yes no", "")
	boot_key("xen_options", "options", "")
	boot_key("linux_options", "options", "")

	# The author of an invalid line probably meant to restrict access.
	shut["console_shell"] = "the console is closed"
	shut["config_drive"] = "no drive is used"

	# -v sets it. The first kind counts: an option of the early boot is an ignored one
	# later on.
	while (xen_table != "" && (getline line <xen_table) > 0) {
		split(line, word, " ")
		if (!(word[1] in xen_kinds))
			xen_kinds[word[1]] = word[2]
		xen_known = 1
	}
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
	if (kinds[name] == "addresses" || kinds[name] == "hosts")
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
	if (name == "xen_options" && xen_known)
		check_words(value)
	values[name] = value
}

END {
	for (i = 1; i <= count; i++)
		print order[i] "=" values[order[i]]
	close("cat 1>&2")
	exit failed
}

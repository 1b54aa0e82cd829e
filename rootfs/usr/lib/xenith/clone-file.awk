# The domain file of a copy, from that of the other. Set with -v: name and other (what
# the two call themselves), disk and shown (the first disk, and how the other's file has
# it), seed and other_seed, mac, fixed (a pattern for a fixed address on the kernel's
# command line) and address, and kernel, ramdisk, memory, vcpus and bridge, which may be
# empty: then the other's stay.

# put(OLD, NEW): the first OLD of the line becomes NEW, which is no pattern. Whether there
# was one.
function put(old, new,    at) {
	at = index($0, old)
	if (old == "" || !at)
		return 0
	$0 = substr($0, 1, at - 1) new substr($0, at + length(old))
	return 1
}

# host(): the kernel's ip= names the host in its fifth field.
function host(    i, n, words, at, size, new) {
	if (!match($0, /ip=[^ "\047]*/))
		return
	at = RSTART
	size = RLENGTH
	n = split(substr($0, at, size), words, ":")
	if (n < 5 || words[5] != other)
		return
	words[5] = name
	new = words[1]
	for (i = 2; i <= n; i++)
		new = new ":" words[i]
	$0 = substr($0, 1, at - 1) new substr($0, at + size)
}

# cards(): one address is new; further cards get new ones each time the domain starts.
function cards(    tail) {
	tail = $0
	$0 = ""
	if (!addressed && match(tail, /mac=[0-9A-Fa-f:]*/)) {
		$0 = substr(tail, 1, RSTART - 1) "mac=" mac
		tail = substr(tail, RSTART + RLENGTH)
		addressed = 1
	}
	gsub(/mac=[0-9A-Fa-f:]*,/, "", tail)
	gsub(/,?mac=[0-9A-Fa-f:]*/, "", tail)
	$0 = $0 tail
	if (bridge != "" && !bridged && /["\047]/) {
		if (!sub(/bridge=[^,"\047 ]*/, "bridge=" bridge))
			sub(/["\047]/, "&bridge=" bridge ",")
		bridged = 1
	}
}

/^# [Mm]ade/ { next }

# What a line sets; a list may go on in further lines.
match($0, /^[ \t]*[a-z][._0-9a-z]*[ \t]*[+]?=/) {
	key = substr($0, 1, RLENGTH)
	gsub(/[ \t+=]/, "", key)
}

/^[ \t]*#/ { print; next }
key == "name" { print "name = \"" name "\""; key = ""; next }
key == "uuid" || key == "vm" { key = ""; next }
key == "kernel" && kernel != "" { print "kernel = \"" kernel "\""; key = ""; next }
key == "ramdisk" && ramdisk != "" { print "ramdisk = \"" ramdisk "\""; key = ""; next }
key == "memory" && memory != "" { print "memory = " memory; key = ""; next }
key == "vcpus" && vcpus != "" { print "vcpus = " vcpus; key = ""; next }
key == "vnclisten" { if (!put("/vnc-" other "\"", "/vnc-" name "\"")) put("/vnc-" other "'", "/vnc-" name "'") }
key == "extra" || key == "cmdline" { sub(" ?" fixed, address == "" ? "" : " " address); host() }
key == "disk" {
	put(other_seed, seed)
	if (!copied)
		copied = put(shown, disk)
}
key == "vif" { cards() }
{ print }

# Prints the options of one program, xen or linux, on a line. See boot-options.
#
# usage: awk -v program=xen|linux -f boot-options.awk PRESETS SETTINGS    (POSIX awk)

# Returns the value of a key: the one set by name, else the preset's. "": the option is not
# given.
function setting(name,    value) {
	value = settings[name]
	if (value == "")
		value = preset[settings["preset"], name]
	return value == "default" ? "" : value
}

function add(word) {
	words = words (words == "" ? "" : " ") word
}

# add_option(KEY, OPTION): OPTION=VALUE, if the key has a value.
function add_option(name, option,    value) {
	value = setting(name)
	if (value != "")
		add(option "=" value)
}

# Xen has no defaults for the line of com2. The first port of console= is the one that
# console_port describes.
function add_serial_lines(    part, n, i, speed, port, lines) {
	speed = setting("console_speed")
	port = setting("console_port")
	lines = setting("console") == "" ? "com1" : setting("console")
	n = split(lines, part, ",")
	for (i = 1; i <= n; i++) {
		if (part[i] !~ /^com[12]/ || done[substr(part[i], 1, 4)]++)
			continue
		if (speed != "" || port != "" || part[i] ~ /^com2/)
			add(substr(part[i], 1, 4) "=" (speed == "" ? "115200" : speed) ",8n1" (port == "" ? "" : "," port))
		port = ""
	}
}

# dom0's memory is fixed: dom0_mem is also the maximum, unless it sets one.
function add_memory(    memory) {
	memory = setting("dom0_mem")
	if (memory != "")
		add("dom0_mem=" memory (memory ~ /max:/ ? "" : ",max:" memory))
}

function xen_options() {
	add_memory()
	add_option("dom0_max_vcpus", "dom0_max_vcpus")
	add_option("ucode", "ucode")
	add_option("dom0_vcpus_pin", "dom0_vcpus_pin")
	add_option("max_cstate", "max_cstate")
	add_option("cpufreq", "cpufreq")
	add_option("msi", "msi")
	add_option("iommu", "iommu")
	add_option("smt", "smt")
	add_option("spec_ctrl", "spec-ctrl")
	add_option("xsm", "xsm")
	add_option("sched", "sched")
	add_option("sched_gran", "sched-gran")
	add_serial_lines()
	add_option("console", "console")
	add_option("vga", "vga")
	add_option("nmi_watchdog", "watchdog")
	add_option("noreboot", "noreboot")
	if (setting("verbose") == "yes")
		add("loglvl=all guest_loglvl=all")
	# The watchdog of dom0 takes over once domd answers.
	if (settings["watchdog"] !~ /^(no)?$/)
		add("dom0-watchdog=600")
	if (settings["xen_options"] != "")
		add(settings["xen_options"])
}

function linux_options() {
	# dom0 asks Xen for each interrupt, but the devices are its own.
	if (setting("msi") == "no")
		add("pci=nomsi")
	add_option("pcie_aspm", "pcie_aspm")
	if (setting("nomodeset") == "yes")
		add("nomodeset")
	if (setting("verbose") == "yes")
		add("loglevel=8")
	if (settings["linux_options"] != "")
		add(settings["linux_options"])
}

/^[ \t]*(#|$)/ {
	next
}

{
	eq = index($0, "=")
}

FILENAME == ARGV[1] {
	if (eq)
		preset[$1, substr($2, 1, index($2, "=") - 1)] = substr($2, index($2, "=") + 1)
	next
}

{
	settings[substr($0, 1, eq - 1)] = substr($0, eq + 1)
}

END {
	if (program == "xen")
		xen_options()
	else
		linux_options()
	print words
}

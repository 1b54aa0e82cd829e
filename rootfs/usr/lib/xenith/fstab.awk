# Reports invalid lines of an fstab as FILE:LINE: message on standard error, with exit
# status 1. A message that begins with "warning: " is about a part that is ignored.
# Prints the valid lines, except those with noauto: device, directory, type, options and
# `nofail` or `-`, separated by tabs.

function complain(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text | "cat 1>&2"
}

function wrong(text) {
	complain(text)
	failed = 1
}

# Returns the text with octal escapes (\040) decoded.
function decoded(text,    out, i) {
	while (match(text, /\\[0-3][0-7][0-7]/)) {
		i = RSTART
		out = out substr(text, 1, i - 1) \
			sprintf("%c", substr(text, i + 1, 1) * 64 + substr(text, i + 2, 1) * 8 + substr(text, i + 3, 1))
		text = substr(text, i + 4)
	}
	return out text
}

# Returns mount's options. Sets noauto and nofail, and refused to an option that would
# be wrong to ignore.
function options_of(text,    words, n, i, kept) {
	noauto = refused = ""
	nofail = "-"
	n = split(text, words, ",")
	for (i = 1; i <= n; i++) {
		if (words[i] == "noauto")
			noauto = 1
		else if (words[i] == "nofail")
			nofail = "nofail"
		else if (words[i] ~ /^x-systemd\.(makefs|growfs)$/)
			complain("warning: " words[i] " has no effect here: make or grow the file system by hand")
		else if (words[i] ~ /^X-mount\./ && words[i] !~ /^X-mount\.mkdir(=|$)/)
			refused = words[i]
		# systemd's other options set timeouts and an order, for which this host has its
		# own rules; root owns all mounts; comments are for other programs.
		else if (words[i] != "" && words[i] !~ /^([xX]-.*|comment=.*|_netdev|auto|users?|nouser|owner|group)$/)
			kept = kept (kept == "" ? "" : ",") words[i]
	}
	return kept == "" ? "defaults" : kept
}

/^[ \t]*(#|$)/ { next }

# A quoted name may contain blanks.
match($0, /^[ \t]*(LABEL|UUID)="[^"]*"/) {
	name = substr($0, RSTART, RLENGTH)
	rest = substr($0, RSTART + RLENGTH)
	gsub(/^[ \t]+|"/, "", name)
	while (match(name, /[ \t]/))
		name = substr(name, 1, RSTART - 1) "\\040" substr(name, RSTART + 1)
	$0 = name rest
}

NF < 3 || NF > 6 {
	wrong("a device, a directory, a type and options are expected (a blank in a name is written \\040)")
	next
}

{
	device = decoded($1)
	directory = decoded($2)
	options = options_of(NF > 3 ? $4 : "")
}

device directory ~ /[\001-\037]/ {
	wrong("a name has a control character")
	next
}

device ~ /^(LABEL|UUID)="/ {
	wrong($1 " has no closing quote")
	next
}

$3 == "swap" {
	wrong("swap is not used: dom0 has its memory and no more (dom0_mem)")
	next
}

directory !~ /^\// || directory ~ /(^|\/)\.\.?(\/|$)/ {
	wrong(directory " is not an absolute path")
	next
}

# A mount would hide the system's own files.
directory ~ /^\/(bin|boot|config|dev|etc|init|lib|lib64|proc|root|run|sbin|sys|usr)?(\/|$)/ || directory ~ /^\/var(\/log(\/.*)?)?\/?$/ {
	wrong(directory " belongs to the system: mount below /data, /mnt or /srv")
	next
}

$3 !~ /^(auto|ext[234]|iso9660|nfs4?|squashfs|vfat)$/ {
	wrong($3 " is none of ext2, ext3, ext4, vfat, iso9660, squashfs, nfs, nfs4 and auto")
	next
}

$3 ~ /^nfs/ && device !~ /.:\// {
	wrong(device " is not SERVER:/PATH")
	next
}

$3 !~ /^nfs/ && device !~ /^(\/|LABEL=.|UUID=.)/ {
	wrong(device " is neither a path nor LABEL= or UUID=")
	next
}

refused != "" {
	wrong("unsupported option " refused ": without it, something else would be mounted")
	next
}

noauto == "" { printf "%s\t%s\t%s\t%s\t%s\n", device, directory, $3, options, nofail }

END {
	close("cat 1>&2")
	exit failed
}

# Names the lines of an fstab that cannot be used, as FILE:LINE: message on standard
# error; the exit status is then 1. The good ones are printed: device, directory,
# type, options, each without blanks and separated by one.

function wrong(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text | "cat 1>&2"
	failed = 1
}

{ sub(/\r$/, "") }

/^[ \t]*(#|$)/ { next }

NF < 3 || NF > 6 {
	wrong("a device, a directory, a type and options are expected")
	next
}

$2 !~ /^\// || $2 ~ /(^|\/)\.\.?(\/|$)/ {
	wrong($2 " is not an absolute path")
	next
}

# What the system itself has there would be out of sight.
$2 ~ /^\/(bin|boot|config|dev|etc|init|lib|lib64|proc|root|run|sbin|sys|usr)?(\/|$)/ || $2 ~ /^\/var\/?$/ {
	wrong($2 " belongs to the system: mount below /data, /mnt or /srv")
	next
}

$3 !~ /^(auto|ext[234]|iso9660|nfs4?|squashfs|vfat)$/ {
	wrong($3 " is none of ext2, ext3, ext4, vfat, iso9660, squashfs, nfs, nfs4 and auto")
	next
}

$3 ~ /^nfs/ && $1 !~ /.:\// {
	wrong($1 " is not SERVER:/PATH")
	next
}

$3 !~ /^nfs/ && $1 !~ /^(\/|LABEL=.|UUID=.)/ {
	wrong($1 " is neither a path nor LABEL= or UUID=")
	next
}

{ print $1, $2, $3, (NF > 3 ? $4 : "defaults") }

END {
	close("cat 1>&2")
	exit failed
}

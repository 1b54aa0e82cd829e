# Checks a manifest, of a slot or of an update, and prints version=, order=, and for an
# update image_size= and image_sha256=. The first fault is printed as `line N: reason`, and
# the status is 1. See docs/update.md.
#
# usage: awk [-v update=1] -f manifest.awk MANIFEST

function refuse(why) {
	printf "line %d: %s\n", NR, why
	failed = 1
	exit 1
}

function is_size(s) {
	return s ~ /^[1-9][0-9]*$/ && length(s) < 11
}

function is_sha256(s) {
	return length(s) == 64 && s ~ /^[0-9a-f]+$/
}

BEGIN {
	count = split("xen.gz vmlinuz initrd grub.cfg", files, " ")
	last = 3 + count + (update ? 1 : 0)
}

# One spelling only: fields with one blank between, no control characters.
/[^!-~ ]/ || /^ / || / $/ || /  / {
	refuse("invalid blank or character")
}

NR == 1 {
	if ($0 != "xenith-manifest 1")
		refuse("expected \"xenith-manifest 1\"; not a manifest, or one of a later format")
	next
}

NR == 2 {
	if ($1 != "version" || NF != 2 || $2 !~ /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/ || length($2) > 64)
		refuse("expected \"version VERSION\"")
	version = $2
	next
}

NR == 3 {
	# Eighteen digits: the shell compares them.
	if ($1 != "order" || NF != 2 || $2 !~ /^[1-9][0-9]*$/ || length($2) > 18)
		refuse("expected \"order NUMBER\"")
	order = $2
	next
}

NR <= 3 + count {
	if ($1 != "file" || NF != 4 || $2 != files[NR - 3] || !is_size($3) || !is_sha256($4))
		refuse("expected \"file " files[NR - 3] " SIZE SHA256\"")
	next
}

NR == last {
	if ($1 != "image" || NF != 3 || !is_size($2) || !is_sha256($3))
		refuse("expected \"image SIZE SHA256\"")
	size = $2
	digest = $3
	next
}

{
	refuse("unexpected line after the last one")
}

END {
	if (failed)
		exit 1
	if (NR < last) {
		NR++
		refuse("is missing")
	}
	print "version=" version
	print "order=" order
	if (update) {
		print "image_size=" size
		print "image_sha256=" digest
	}
}

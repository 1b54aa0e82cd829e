# Reads the header of one member of a ustar archive, a byte per line as a decimal number,
# and prints the member's name and size, or `end` for a block of zeros. Every other header
# is refused with a reason: an update holds plain files with short names only.
#
# usage: hexdump -v -e '1/1 "%u\n"' HEADER | awk -f ustar.awk

function refuse(why) {
	print why
	exit 1
}

# The text from byte AT, of at most LENGTH bytes, up to the first zero.
function text(at, length_,    i, s) {
	s = ""
	for (i = at; i < at + length_ && byte[i]; i++)
		s = s sprintf("%c", byte[i])
	return s
}

# The octal number in a field, which ends with a blank or a zero; -1: it is none.
function octal(at, length_,    i, value) {
	value = 0
	for (i = at; i < at + length_ && byte[i] != 0 && byte[i] != 32; i++) {
		if (byte[i] < 48 || byte[i] > 55)
			return -1
		value = value * 8 + byte[i] - 48
	}
	return i > at ? value : -1
}

{
	byte[NR - 1] = $1
	# The checksum is computed with blanks in its own field.
	sum += NR > 148 && NR <= 156 ? 32 : $1
	all += $1
}

END {
	if (NR < 512)
		refuse("it ends in the middle of a header")
	if (!all) {
		print "end"
		exit
	}
	if (text(257, 5) != "ustar" || octal(148, 8) != sum)
		refuse("it is no ustar archive, or its header is damaged")
	if (byte[156] != 48 && byte[156] != 0 || byte[157] || byte[345])
		refuse("its member is not a plain file")
	name = text(0, 100)
	if (name !~ /^[a-z.]+$/)
		refuse("the name of its member is none of an update's")
	size = octal(124, 12)
	if (size < 0)
		refuse("the size of its member is no number")
	printf "%s %.0f\n", name, size
}

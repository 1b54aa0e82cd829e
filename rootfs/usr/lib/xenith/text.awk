# What editors make of a text file is taken off: the mark at its beginning and carriage
# returns. Stands before a script that reads a file of the configuration; with -v copy=1
# it prints what is left, and needs none. A file in UTF-16, which PowerShell writes, is
# named as FILE:0: message on standard error, and not read; the exit status is then 1.
#
# usage: LC_ALL=C awk -f text.awk -f SCRIPT FILE...      (POSIX awk)

FNR == 1 {
	sub(/^\357\273\277/, "")
	unread = /^(\377\376|\376\377)/
	if (unread) {
		printf "%s:0: is UTF-16; save it as UTF-8\n", FILENAME | "cat 1>&2"
		failed = 1
	}
}

unread { next }

{ sub(/\r$/, "") }

copy { print }

END {
	if (copy) {
		close("cat 1>&2")
		exit failed
	}
}

# Strips byte order marks and carriage returns. Precedes a script that reads a
# configuration file; with -v copy=1 it prints the rest and needs no script. A UTF-16
# file, which PowerShell writes, is reported as FILE:0: message on standard error and
# skipped, with exit status 1.
#
# usage: LC_ALL=C awk -f text.awk -f SCRIPT FILE...      (POSIX awk)

FNR == 1 {
	sub(/^\357\273\277/, "")
	unread = /^(\377\376|\376\377)/
	if (unread) {
		printf "%s:0: the file is UTF-16; save it as UTF-8\n", FILENAME | "cat 1>&2"
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

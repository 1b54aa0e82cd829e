#!/bin/sh
# Writes the boot menu from the table `menu` and the configuration's options.
#
# usage: boot-menu.sh grub|pxelinux BOOT MEDIUM CONFIG RELEASE
#   BOOT    directory of the files to boot, as the boot loader names it. Empty:
#           the directory on the network that the boot loader was loaded from
#           (GRUB: its parent)
#   MEDIUM  identifier of this build, which dom0 finds on its command line
#   CONFIG  directory with xen.options, linux.options and perhaps menu.timeout
#           (seconds), of one line each
#   RELEASE file with a line RELEASE=NAME
set -eu

format=$1
boot=$2
medium=$3
config=$4
release=$(sed -n 's/^RELEASE=//p' "$5")
here=${0%/*}

# first_line FILE: its first line, if any.
first_line() {
	[ ! -e "$1" ] || sed -n 1p "$1"
}

# words TEXT...: joins all words with single spaces.
words() {
	set -f
	# shellcheck disable=SC2048,SC2086 # splitting is the purpose
	set -- $*
	set +f
	printf '%s' "$*"
}

# base NAME FIELD
base() {
	grep "^base|$1|" "$here/menu" | cut -d '|' -f "$2"
}

# entries FUNCTION: calls it with id, title, Xen's and Linux's options.
entries() {
	grep '^entry|' "$here/menu" | while IFS='|' read -r _ id title base xen linux; do
		"$1" "$id" "Xenith $release${title:+, $title}" \
			"$(words "$(base "$base" 3)" "$user_xen" "$xen")" \
			"$(words "xenith.medium=$medium" "$(base "$base" 4)" "$user_linux" "$linux")"
	done
}

user_xen=$(first_line "$config/xen.options")
user_linux=$(first_line "$config/linux.options")
timeout=$(first_line "$config/menu.timeout")
case ${timeout:=2} in
*[!0-9]*)
	echo "boot-menu.sh: the menu's timeout is a number of seconds, not '$timeout'" >&2
	exit 1
	;;
esac

# quoted TEXT: quotes it as one word for GRUB.
quoted() {
	printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

grub_entry() {
	printf "\nmenuentry '%s' --id %s {\n\txenith %s \\\\\n\t\t%s\n}\n" \
		"$2" "$1" "$(quoted "$3")" "$(quoted "$4")"
}

grub() {
	if [ -n "$boot" ]; then
		echo "set boot=$boot"
	else
		# shellcheck disable=SC2016 # GRUB's variable
		echo 'regexp --set=1:boot '"'^(.*)/grub\$'"' "$prefix"'
	fi
	printf 'set default=0\nset timeout=%s\n\n' "$timeout"
	cat "$here/grub.cfg"
	entries grub_entry
}

# mboot.c32 takes Xen and its modules on one line, split by ---.
pxelinux_entry() {
	printf '\nLABEL %s\n    MENU LABEL %s\n    KERNEL mboot.c32\n' "$1" "$2"
	printf '    APPEND %sxen.gz %s --- %svmlinuz %s --- %sinitrd\n' "$boot" "$3" "$boot" "$4" "$boot"
}

pxelinux() {
	cat <<-END
		SERIAL 0 115200
		UI menu.c32
		MENU TITLE Xenith $release
		TIMEOUT $((timeout * 10))
		DEFAULT default
	END
	entries pxelinux_entry
}

case $format in
grub | pxelinux) "$format" ;;
*)
	echo "boot-menu.sh: no menu for $format" >&2
	exit 2
	;;
esac

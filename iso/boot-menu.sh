#!/bin/sh
# Writes the boot menu from the table `menu` and the configuration's options.
#
# usage: boot-menu.sh grub|pxelinux BOOT MEDIUM CONFIG RELEASE
#        boot-menu.sh slot CONFIG    an installed version's part: how it is started
#        boot-menu.sh disk MENU      the menu of an installed disk, whatever its versions,
#                                    with the file MENU (install/grub.cfg)
#   BOOT    directory of the files to boot, as the boot loader names it. Empty:
#           the directory on the network that the boot loader was loaded from
#           (GRUB: its parent)
#   MEDIUM  identifier of this build, which dom0 finds on its command line
#   CONFIG  directory with xen.options and linux.options, of one line each
#   RELEASE file with a line RELEASE=NAME
set -eu

format=$1
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

# marker ID: the word that tells dom0 which entry was chosen. The default one has none.
marker() {
	[ "$1" = default ] || printf 'xenith.entry=%s' "$1"
}

# entries KIND FUNCTION: calls it with id, title, Xen's and Linux's options of each entry of a
# live medium (KIND entry), or of each in the submenu (KIND preset).
entries() {
	grep "^$1|" "$here/menu" | grep -v '^entry|otherconfig|' | while IFS='|' read -r _ id title base xen linux; do
		"$2" "$id" "Xenith $release${title:+, $title}" \
			"$(words "$(base "$base" 3)" "$user_xen" "$xen")" \
			"$(words "xenith.medium=$medium" "$(base "$base" 4)" "$user_linux" "$linux" "$(marker "$id")")"
	done
}

# medium_settings BOOT MEDIUM CONFIG RELEASE
medium_settings() {
	boot=$1
	medium=$2
	user_xen=$(first_line "$3/xen.options")
	user_linux=$(first_line "$3/linux.options")
	release=$(sed -n 's/^RELEASE=//p' "$4")
}

# installed_entries KIND: the lines of kind `entry` or `preset` that an installed disk has
# beside the default.
installed_entries() {
	grep "^$1|" "$here/menu" | grep -v -e '^entry|default|' -e '^entry|install|'
}

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
	printf 'set default=0\n\n'
	cat "$here/terminal.cfg" "$here/load.cfg" "$here/pause.cfg"
	entries entry grub_entry
	# From the network, the firmware itself goes on with the disk.
	if [ -n "$boot" ]; then
		sed "s|@MEDIUM@|$medium|" "$here/disk.cfg"
		printf "menuentry 'Boot Xenith from a disk' --id disk {\n\tboot_disk\n}\n"
	fi
	# A submenu sees only exported variables.
	printf "\nexport boot gfxpayload\nsubmenu 'Xenith %s, presets' --id presets {\n" "$release"
	entries preset grub_entry | sed 's/^./\t&/'
	printf '}\n\npause\n'
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
		TIMEOUT 5
		DEFAULT default
	END
	entries entry pxelinux_entry
	printf '\nMENU BEGIN presets\n    MENU TITLE Xenith %s, presets\n' "$release"
	entries preset pxelinux_entry
	printf '\nMENU END\n'
}

# slot CONFIG: GRUB sources the result with $boot, $entry and the options $xen and $linux.
# An entry that this version does not know is the default one.
slot() {
	cat "$here/load.cfg"
	printf '\nif [ -z "$xen" ]; then\n\tset xen=%s\nfi\n' "$(quoted "$(first_line "$1/xen.options")")"
	word=if
	{
		installed_entries entry
		installed_entries preset
	} | while IFS='|' read -r _ id _ base xen linux; do
		printf '%s [ "$entry" = %s ]; then\n' "$word" "$id"
		slot_entry "$base" "$xen" "$linux $(marker "$id")"
		word=elif
	done
	echo 'else'
	slot_entry both '' ''
	echo 'fi'
}

# slot_entry BASE XEN LINUX
slot_entry() {
	printf '\txenith "%s" \\\n\t\t"%s"\n' "$(words "$(base "$1" 3)" '$xen' "$2")" \
		"$(words "$(base "$1" 4)" '$linux' "$3")"
}

# disk_entries KIND
disk_entries() {
	installed_entries "$1" | while IFS='|' read -r _ id title _; do
		printf 'menuentry "Xenith $version, %s" --id %s {\n\tstart_committed %s\n}\n' "$title" "$id" "$id"
	done
}

# disk MENU
disk() {
	cat "$here/terminal.cfg" "$here/pause.cfg" "$1"
	disk_entries entry
	# A submenu sees only exported variables.
	echo 'export gfxpayload esp disk slot other options config version'
	echo 'submenu "Xenith $version, presets" --id presets {'
	disk_entries preset | sed 's/^./\t&/'
	printf '}\n\nask_or_pause\n'
}

case $format in
grub | pxelinux)
	shift
	medium_settings "$@"
	"$format"
	;;
slot | disk) "$@" ;;
*)
	echo "boot-menu.sh: no menu for $format" >&2
	exit 2
	;;
esac

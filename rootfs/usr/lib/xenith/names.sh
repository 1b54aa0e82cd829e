# shellcheck shell=sh
# Finds misnamed files in a configuration tree.

# unused FILE WHY: warns that FILE is ignored.
unused() {
	printf '%s:0: warning: is not used: %s\n' "$1" "$2" >&2
}

# name_unused DIR: warns of files in a tree that have no effect.
name_unused() {
	for file in "$1"/*; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		name=${file##*/}
		case $name in
		*[A-Z]*) small=$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]') ;;
		*) small=$name ;;
		esac
		case $small in
		host.conf | authorized_keys | fstab | iscsi-secrets | domains | images | network | ssh | update-keys)
			# vfat ignores case.
			[ -e "$1/$small" ] || unused "$file" "its name is $small, in small letters"
			;;
		host.conf.txt | authorized_keys.txt | fstab.txt | iscsi-secrets.txt)
			unused "$file" "its name is ${small%.txt}, without .txt"
			;;
		*.cfg | *.cfg.txt) unused "$file" "domains are files domains/NAME.cfg" ;;
		id_*.pub) unused "$file" "keys of those who may log in are lines of authorized_keys" ;;
		ssh_host_*_key) unused_key "$file" ;;
		dropbear_*_host_key) unused "$file" "its place is ssh/$small" ;;
		esac
	done
	for file in "$1"/domains/*; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		case $file in *.cfg) ;; *) unused "$file" "its name does not end in .cfg" ;; esac
	done
	for file in "$1"/network/*; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		case ${file##*/} in
		*.conf | firewall.rules) ;;
		*.network | *.netdev | *.link) unused "$file" "networks are files NAME.conf, one for each link" ;;
		*) unused "$file" "networks are files NAME.conf" ;;
		esac
	done
	for file in "$1"/update-keys/*; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		case ${file##*/} in
		*.pub | revoked) ;;
		*.key) unused "$file" "it seems to be a private key, which belongs on no host" ;;
		*) unused "$file" "keys for updates are files NAME.pub" ;;
		esac
	done
	for file in "$1"/ssh/*; do
		case ${file##*/} in ssh_host_*_key) unused_key "$file" ;; esac
	done
}

unused_key() {
	unused "$1" "the host's own key is ssh/dropbear_ed25519_host_key (dropbearconvert openssh dropbear FROM TO makes it of this one)"
}

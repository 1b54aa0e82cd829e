# shellcheck shell=sh
# Tries which patches of a recipe apply to a new version of its source.

# shellcheck source=lib/series.sh
. "$TREE/lib/series.sh"

# try_patch FILE NAME: applies it to the tree in the current directory, or says why not.
# One that does not apply changes nothing there.
try_patch() {
	tried=$((tried + 1))
	if said=$(patch -p1 --forward --batch --dry-run --no-backup-if-mismatch -i "$1" 2>&1); then
		case $said in *' with fuzz '*) say "    $2: applies with fuzz: refresh it" ;; esac
		patch -p1 --forward --batch --no-backup-if-mismatch -i "$1" >/dev/null 2>&1
		return
	fi
	failed=$((failed + 1))
	case $said in
	*'previously applied'*) say "    $2: is in the new version, it seems: if it is, remove it" ;;
	*) say "    $2: does not apply: $(printf '%s\n' "$said" | grep -m 1 -E "FAILED|can't find|No such file|malformed" || printf '%s\n' "$said" | tail -n 1)" ;;
	esac
}

# try_series DEBIAN-DIR RULES-FILE: Debian's patches, as far as a rule takes them.
try_series() {
	series_taken "$1" "$2" 2>&1 >/dev/null | sed "s#^$TREE/#    #" >&2
	rules=$(series_rules "$2" 2>/dev/null) || return 0
	while read -r name _ || [ -n "$name" ]; do
		case $name in '' | '#'*) continue ;; esac
		[ -e "$1/patches/$name" ] || continue
		case $(series_rule "$rules" "$name") in
		*' take '*) try_patch "$1/patches/$name" "debian/$name" ;;
		esac
	done <"$1/patches/series"
}

# try_patches RECIPE-DIR TARBALL PATCH-ARCHIVE WORK: says which of its patches do not apply
# to the tarball; the archive, with Debian's patches, may be missing. WORK is made.
try_patches() (
	series=$1/series
	[ -e "$3" ] || series=
	[ -e "$series" ] || [ -n "$(find "$1/patches" -name '*.patch' 2>/dev/null)" ] || exit 0
	mkdir -p "$4/source" "$4/debian"
	say "bump: trying the patches of ${1##*/}"
	if ! tar -xf "$2" --strip-components=1 --no-same-owner -C "$4/source" 2>/dev/null; then
		say "    not tried: ${2##*/} cannot be unpacked"
		exit 0
	fi
	tried=0
	failed=0
	[ ! -e "$series" ] || tar -xf "$3" --strip-components=1 --no-same-owner -C "$4/debian"
	# The recipe's functions are not run here; see whether the default unpacks what it patches.
	own=
	if [ -e "$1/build" ] && grep -q '^unpack()' "$1/build"; then
		own=yes
	fi
	cd "$4/source" || exit
	[ ! -e "$series" ] || try_series "$4/debian" "$series"
	for patch in "$1"/patches/*.patch; do
		[ ! -e "$patch" ] || try_patch "$patch" "${patch##*/}"
	done
	if [ $failed = 0 ]; then
		say "    $tried patches apply"
	elif [ -n "$own" ]; then
		say "    ${1##*/} has an unpack of its own, which was not run: only a build tells for sure"
	fi
	rm -rf "$4"
)

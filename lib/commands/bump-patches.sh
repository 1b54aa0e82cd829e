# shellcheck shell=sh
# Tries a recipe's patches on a new version of its source.

# shellcheck source=lib/engine/series.sh
. "$TREE/lib/engine/series.sh"

# try_patch FILE NAME: applies a patch to the tree in the current directory, or says why
# it does not apply; then the tree is unchanged.
try_patch() {
	tried=$((tried + 1))
	if said=$(patch -p1 --forward --batch --dry-run --no-backup-if-mismatch -i "$1" 2>&1); then
		case $said in *' with fuzz '*) say "    $2: applies with fuzz; refresh it" ;; esac
		patch -p1 --forward --batch --no-backup-if-mismatch -i "$1" >/dev/null 2>&1
		return
	fi
	failed=$((failed + 1))
	case $said in
	*'previously applied'*) say "    $2: seems to be in the new version; if so, remove it" ;;
	*) say "    $2: does not apply: $(printf '%s\n' "$said" | grep -m 1 -E "FAILED|can't find|No such file|malformed" || printf '%s\n' "$said" | tail -n 1)" ;;
	esac
}

# try_series DEBIAN-DIR RULES-FILE: tries those of Debian's patches that a rule takes.
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

# try_patches RECIPE-DIR TARBALL PATCH-ARCHIVE WORK: reports the patches that do not apply
# to the tarball. The archive of Debian's patches may be missing. WORK is created.
try_patches() (
	series=$1/series
	[ -e "$3" ] || series=
	[ -e "$series" ] || [ -n "$(find "$1/patches" -name '*.patch' 2>/dev/null)" ] || exit 0
	mkdir -p "$4/source" "$4/archive"
	say "bump: trying the patches of ${1##*/}"
	if ! tar -xf "$2" --strip-components=1 --no-same-owner -C "$4/source" 2>/dev/null; then
		say "    cannot try them: tar cannot unpack ${2##*/}"
		exit 0
	fi
	tried=0
	failed=0
	[ ! -e "$series" ] || series_unpack "$3" "$4/archive"
	# A recipe's own unpack is not run here, so its patches may have another target.
	own=
	if [ -e "$1/build" ] && grep -q '^unpack()' "$1/build"; then
		own=yes
	fi
	cd "$4/source" || exit
	[ ! -e "$series" ] || try_series "$4/archive/debian" "$series"
	for patch in "$1"/patches/*.patch; do
		[ ! -e "$patch" ] || try_patch "$patch" "${patch##*/}"
	done
	if [ $failed = 0 ]; then
		say "    $tried patches apply"
	elif [ -n "$own" ]; then
		say "    ${1##*/} has its own unpack function, which was not run; only a build is conclusive"
	fi
	rm -rf "$4"
)

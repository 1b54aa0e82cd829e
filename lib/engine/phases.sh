#!/bin/sh
# The phases of one package's build. They run inside the airlock (lib/engine/airlock.sh): an
# empty environment, no network, and the work directory at a fixed path. Everything that
# can change a package's output is in this file or named by the recipe. This file is part
# of every cache key, so unrelated code does not belong here.
#
# usage: phases.sh ROOT NAME VERSION SOURCE_DATE_EPOCH
set -eu

ROOT=$1
NAME=$2
VERSION=$3
SOURCE_DATE_EPOCH=$4

RECIPE=$ROOT/recipe
SRC=$ROOT/src
DEST=$ROOT/dest
SYSROOT=$ROOT/sysroot
TOOLS=$ROOT/tools
FILES=$RECIPE/files
INPUTS=$ROOT/inputs
SOURCES=$ROOT/sources
TARGET=x86_64-linux-musl
BUILD_TRIPLE=x86_64-pc-linux-gnu

PATH=$TOOLS/usr/bin:$TOOLS/usr/sbin:$ROOT/hostbin
HOME=$ROOT/home
TMPDIR=$ROOT/tmp
TZ=UTC
LC_ALL=C
SHELL=/bin/sh
CONFIG_SHELL=/bin/sh
export PATH HOME TMPDIR TZ LC_ALL SHELL CONFIG_SHELL SOURCE_DATE_EPOCH
export NAME VERSION SRC DEST SYSROOT TOOLS FILES INPUTS SOURCES TARGET BUILD_TRIPLE
umask 022

# shellcheck source=lib/engine/series.sh
. "$ROOT/series.sh"

CC=$TARGET-gcc
AR=$TARGET-ar
RANLIB=$TARGET-ranlib
STRIP=$TARGET-strip
LD=$TARGET-ld
NM=$TARGET-nm
OBJCOPY=$TARGET-objcopy
CPPFLAGS=
CFLAGS="-O2 -pipe -fstack-protector-strong -fstack-clash-protection -fcf-protection=none -ffile-prefix-map=$ROOT=."
LDFLAGS="-Wl,-z,relro,-z,now -Wl,--as-needed -Wl,-O1 -Wl,--hash-style=gnu"
PKG_CONFIG_LIBDIR=$SYSROOT/usr/lib/pkgconfig:$SYSROOT/usr/share/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$SYSROOT
export CC AR RANLIB STRIP LD NM OBJCOPY CPPFLAGS CFLAGS LDFLAGS
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

# A recipe's build file may set these.
CONFIGURE_ARGS=
MAKE_ARGS=
NOSTRIP=

default_unpack() {
	first=$(cut -f 3 "$ROOT/sources.list" | sed -n 1p)
	[ -n "$first" ] || return 0
	tar -xf "$SOURCES/$first" --strip-components=1 --no-same-owner -C "$SRC"
}

# apply_patch FILE NAME ADVISORIES: applies FILE, and records NAME, its SHA-256 and the
# advisories that it fixes (one per line) for the bill of materials.
apply_patch() {
	echo "patch: $2"
	command patch -p1 --no-backup-if-mismatch -i "$1"
	ids=$(printf '%s\n' "$3" | paste -sd , -)
	digest=$(sha256sum <"$1")
	printf '%s %s %s\n' "$2" "${digest%% *}" "${ids:--}" >>"$ROOT/patches"
}

# Applies the patches of Debian that the recipe takes, in the order of Debian's series,
# and then the recipe's own.
default_patch() {
	if [ -e "$RECIPE/series" ]; then
		for archive in "$SOURCES"/*.debian.tar.* "$SOURCES"/*.diff.gz; do
			[ -e "$archive" ] || continue
			series_unpack "$archive" "$ROOT"
			series_taken "$ROOT/debian" "$RECIPE/series" >"$ROOT/series"
			while read -r taken; do
				apply_patch "$ROOT/debian/patches/$taken" "debian/$taken" \
					"$(series_mends "$ROOT/debian" "$RECIPE/series" "$taken")"
			done <"$ROOT/series"
		done
	fi
	for own in "$RECIPE"/patches/*.patch; do
		[ ! -e "$own" ] || apply_patch "$own" "${own##*/}" "$(patch_cves "$own")"
	done
}

default_configure() {
	[ -e configure ] || return 0
	# shellcheck disable=SC2086 # the arguments are words
	./configure --build=$BUILD_TRIPLE --host=$TARGET --prefix=/usr \
		--sysconfdir=/etc --localstatedir=/var --disable-nls $CONFIGURE_ARGS
}

default_compile() {
	if [ ! -e Makefile ] && [ ! -e makefile ] && [ ! -e GNUmakefile ]; then
		return 0
	fi
	# shellcheck disable=SC2086
	make $MAKE_ARGS
}

default_check() {
	:
}

default_install() {
	if [ ! -e Makefile ] && [ ! -e makefile ] && [ ! -e GNUmakefile ]; then
		return 0
	fi
	# shellcheck disable=SC2086
	make DESTDIR="$DEST" $MAKE_ARGS install
}

# Prints the files below $DEST that start with the ELF magic number.
elf_files() {
	find "$DEST" -type f -size +64c | while IFS= read -r f; do
		case $(head -c 4 "$f" | tr -d '\0') in
		*ELF) printf '%s\n' "$f" ;;
		esac
	done
}

default_normalise() {
	rm -rf "$DEST/usr/share/man" "$DEST/usr/share/info" "$DEST/usr/share/doc" \
		"$DEST/usr/share/locale" "$DEST/usr/man" "$DEST/usr/info"
	find "$DEST" -name '*.la' -type f -delete
	if [ -z "$NOSTRIP" ]; then
		elf_files | while IFS= read -r f; do
			chmod u+w "$f"
			case $f in
			*.o | *.ko) $STRIP --strip-debug "$f" ;;
			*) $STRIP --strip-unneeded "$f" ;;
			esac
		done
		find "$DEST" -type f -name '*.a' -exec "$STRIP" --strip-debug --enable-deterministic-archives {} +
	fi
	find "$DEST" -type d -exec chmod 755 {} +
	find "$DEST" -type f -perm /111 -exec chmod 755 {} +
	find "$DEST" -type f ! -perm /111 -exec chmod 644 {} +
}

# audit_paths: fails if a file contains the path of the build directory. Firmware packages
# run only this part of the audit, because they hold code that is not x86-64.
audit_paths() {
	if leaks=$(grep -rlF "$ROOT" "$DEST"); then
		printf 'audit: the path of the build directory, %s, is in these files:\n%s\n' "$ROOT" "$leaks"
		return 1
	fi
}

default_audit() {
	bad=0
	audit_paths || bad=1
	# e_machine is at offset 18 of an ELF file; 62 is x86-64.
	foreign=$(elf_files | while IFS= read -r f; do
		[ "$(od -An -tu2 -j18 -N2 "$f" | tr -d ' ')" = 62 ] || printf '%s\n' "$f"
	done)
	if [ -n "$foreign" ]; then
		printf 'audit: not for x86-64:\n%s\n' "$foreign"
		bad=1
	fi
	suid=$(find "$DEST" -perm /7000)
	if [ -n "$suid" ]; then
		printf 'audit: setuid, setgid or sticky:\n%s\n' "$suid"
		bad=1
	fi
	return $bad
}

unpack() { default_unpack; }
patch() { default_patch; }
configure() { default_configure; }
compile() { default_compile; }
check() { default_check; }
install() { default_install; }
normalise() { default_normalise; }
audit() { default_audit; }

# default: runs the current phase's default, for a recipe that overrides the phase.
default() {
	"default_$PHASE"
}

mkdir -p "$SRC" "$DEST" "$HOME" "$TMPDIR"
: >"$ROOT/patches"

# GCC takes its system headers and libraries from here.
if [ -d "$TOOLS/usr/$TARGET" ]; then
	ln -sfn "$SYSROOT" "$TOOLS/usr/$TARGET/sysroot"
fi

cd "$SRC"
if [ -e "$RECIPE/build" ]; then
	# shellcheck disable=SC1091
	. "$RECIPE/build"
fi

# copy_licences: copies the texts that the recipe's `license-files` lists ("PATH [NAME]"
# per line) unchanged from the source into the package.
copy_licences() {
	[ -e "$RECIPE/license-files" ] || return 0
	sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$RECIPE/license-files" | while read -r path as; do
		mkdir -p "$DEST/usr/share/licenses/$NAME"
		cp "$SRC/$path" "$DEST/usr/share/licenses/$NAME/${as:-${path##*/}}"
	done
}

# copy_patch_list: stores the list of applied patches in the package, and so in the image.
copy_patch_list() {
	[ -s "$ROOT/patches" ] || return 0
	mkdir -p "$DEST/usr/share/xenith/patches"
	cp "$ROOT/patches" "$DEST/usr/share/xenith/patches/$NAME"
}

for PHASE in unpack patch configure compile check install normalise audit; do
	cd "$SRC"
	echo "==> $PHASE"
	date +"$PHASE %s" >>"$ROOT/status"
	"$PHASE"
	if [ "$PHASE" = install ]; then
		copy_licences
		copy_patch_list
	fi
done

# Timestamps are set last, because a recipe may override normalise.
find "$DEST" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

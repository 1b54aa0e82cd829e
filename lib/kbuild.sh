# shellcheck shell=sh
# What the two Linux recipes share; a recipe lists this file in `inputs` and
# sources it. See docs/kernel.md.

# What no configuration of ours reads is two thirds of the tree: other processors, and
# the sources (not the Kconfig files) of sound, graphics, cameras, radio and wireless
# cards. Unpacking them costs more than configuring the kernel.
kernel_unpack() {
	tar -xf "$SOURCES"/linux_*.orig.tar.* --strip-components=1 --no-same-owner -C "$SRC" \
		--exclude='*/arch/[a-wyz]*/*.[chS]' --exclude='*/arch/[a-wyz]*/*.dts*' --exclude='*/arch/xtensa/*.[chS]' \
		--exclude='*/Documentation/*/*' \
		--exclude='*/drivers/gpu/drm/*/*.[ch]' --exclude='*/drivers/gpu/drm/*.h' \
		--exclude='*/drivers/iio/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
		--exclude='*/drivers/net/wireless/*.[ch]' --exclude='*/drivers/staging/*.[ch]' \
		--exclude='*/sound/*.[ch]' \
		--exclude='*/tools/perf' --exclude='*/tools/testing'
}

# kmake ARGUMENT...: the kernel's make. It chooses its own compiler flags, so
# those of the engine stay out; who built it where and when is the same always.
# Warnings about the kernel are for its authors: to look for them, and to know the
# macro that each token came from, takes GCC an eighth of its time. The kernel
# forbids vector registers, so there is nothing to look for vectors for.
kmake() {
	env -u CC -u AR -u RANLIB -u STRIP -u LD -u NM -u OBJCOPY \
		-u CFLAGS -u CPPFLAGS -u LDFLAGS \
		-u PKG_CONFIG_LIBDIR -u PKG_CONFIG_SYSROOT_DIR \
		make ARCH=x86_64 CROSS_COMPILE="$TARGET-" HOSTCC=gcc \
		KBUILD_BUILD_TIMESTAMP="$(date -u -d "@$SOURCE_DATE_EPOCH")" \
		KCFLAGS="-Wno-all -Wno-extra -ftrack-macro-expansion=0 -fno-tree-vectorize" \
		KBUILD_BUILD_USER=xenith KBUILD_BUILD_HOST=xenith KBUILD_BUILD_VERSION=1 \
		"$@"
}

# kernel_configure FLAVOUR: allnoconfig with the fragments of common/ and
# FLAVOUR/ on it, and the proof that nothing asked for was lost.
kernel_configure() (
	cd "$INPUTS" || exit 1
	set -- kernel-configs/common/*.config "kernel-configs/$1"/*.config
	cat "$@" >"$SRC/fragments.config"
	cd "$SRC" || exit 1
	KCONFIG_ALLCONFIG=fragments.config kmake allnoconfig &&
		kmake olddefconfig || exit 1
	cd "$INPUTS" || exit 1
	sh lib/kconfig-check.sh "$@" -- "$SRC/.config"
)

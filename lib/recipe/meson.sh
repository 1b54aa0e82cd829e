# shellcheck shell=sh
# Functions for recipes of packages that use Meson. Such a recipe lists this file and
# lib/recipe/jobs.sh in `inputs`, depends on host:meson, and sources this file.

# shellcheck source=lib/recipe/jobs.sh
. "$INPUTS/lib/recipe/jobs.sh"

# Lines for Meson's section [properties]: results of checks that would run a program.
MESON_PROPERTIES=

# meson_words WORD...: prints a list of strings as Meson writes it.
meson_words() {
	printf '['
	printf "'%s'," "$@"
	printf ']\n'
}

# meson_cross: writes Meson's description of the target to $ROOT/cross.
meson_cross() {
	# shellcheck disable=SC2086 # flags are words
	cat >"$ROOT/cross" <<-END
		[binaries]
		c = '$CC'
		ar = '$AR'
		nm = '$NM'
		ranlib = '$RANLIB'
		strip = '$STRIP'
		objcopy = '$OBJCOPY'
		pkg-config = 'pkg-config'
		[built-in options]
		c_args = $(meson_words $CFLAGS)
		c_link_args = $(meson_words $LDFLAGS)
		[properties]
		# The processor is the same, but programs for the target do not run here.
		needs_exe_wrapper = true
		$MESON_PROPERTIES
		pkg_config_libdir = $(meson_words "$SYSROOT/usr/lib/pkgconfig" "$SYSROOT/usr/share/pkgconfig")
		sys_root = '$SYSROOT'
		[host_machine]
		system = 'linux'
		cpu_family = 'x86_64'
		cpu = 'x86_64'
		endian = 'little'
	END
}

# meson_setup OPTION...: configures $SRC in $ROOT/obj.
meson_setup() {
	meson_cross
	meson setup --cross-file "$ROOT/cross" --prefix=/usr --libdir=lib --buildtype=plain \
		--wrap-mode=nodownload --auto-features=disabled "$@" "$ROOT/obj"
}

configure() {
	# shellcheck disable=SC2086 # the arguments are words
	meson_setup $CONFIGURE_ARGS
}

compile() {
	# shellcheck disable=SC2086 # the arguments are words
	ninja -j "$(job_count)" -C "$ROOT/obj" $MAKE_ARGS
}

install() {
	DESTDIR=$DEST meson install -C "$ROOT/obj" --no-rebuild --quiet
}

# shellcheck shell=sh
# For recipes that take programs from a binary package of Debian, which is pinned like
# every source. A recipe lists this file in `inputs` and sources it.

# unpack_deb PACKAGE: unpacks its files into the source directory.
unpack_deb() {
	ar p "$SOURCES/$1"_*.deb data.tar.xz | tar -xJ
}

# install_program NAME: installs a program from the package's /usr/bin.
install_program() {
	mkdir -p "$DEST/usr/bin"
	cp "usr/bin/$1" "$DEST/usr/bin/"
	chmod 755 "$DEST/usr/bin/$1"
}

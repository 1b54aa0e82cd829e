# shellcheck shell=sh
# Programs that are taken from a package of Debian's, pinned as all sources are; a
# recipe lists this file in `inputs` and sources it.

# unpack_deb PACKAGE: what it holds, into the source directory.
unpack_deb() {
	ar p "$SOURCES/$1"_*.deb data.tar.xz | tar -xJ
}

# install_program NAME: from its /usr/bin into ours.
install_program() {
	mkdir -p "$DEST/usr/bin"
	cp "usr/bin/$1" "$DEST/usr/bin/"
	chmod 755 "$DEST/usr/bin/$1"
}

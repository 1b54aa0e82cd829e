#!/bin/sh
# Publishes the images, the netboot bundle and the bill of materials in $OUT, each by one
# rename, and prints their sizes and hashes.
#
# usage: publish.sh    (environment: TREE, XENITH_*), called by lib/engine/build.sh, which
# holds a lock on $OUT
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/debian.sh
. "$TREE/lib/engine/debian.sh"

iso=$(package_root iso)
netboot=$(package_root netboot)
disk=
case " $(setting GOALS) " in *' disk '*) disk=$(package_root disk) ;; esac
if [ "$(cat "$OUT/published" 2>/dev/null)" != "$iso $netboot $disk" ] ||
	[ ! -e "$OUT/xenith.iso" ] || [ ! -d "$OUT/netboot" ] ||
	{ [ -n "$disk" ] && [ ! -e "$OUT/xenith.img" ]; }; then
	# A killed publish leaves files behind, whose mode cp would keep.
	rm -f "$OUT/published" "$OUT/.xenith.iso" "$OUT/.xenith.img"
	cp --reflink=auto "$iso/xenith.iso" "$OUT/.xenith.iso"
	mv "$OUT/.xenith.iso" "$OUT/xenith.iso"
	rm -rf "$OUT/.netboot"
	cp -R --reflink=auto "$netboot/netboot" "$OUT/.netboot"
	rm -rf "$OUT/netboot"
	mv "$OUT/.netboot" "$OUT/netboot"
	if [ -n "$disk" ]; then
		cp --reflink=auto --sparse=always "$disk/xenith.img" "$OUT/.xenith.img"
		mv "$OUT/.xenith.img" "$OUT/xenith.img"
	fi
	printf '%s\n' "$iso $netboot $disk" >"$OUT/published"
fi

python3 -B "$TREE/lib/sbom/main.py" "$TREE" --without "${XENITH_WITHOUT:-}" \
	${XENITH_XEN:+--pin "$TREE/hypervisor/pins/$XENITH_XEN"} --packages "$OUT/packages" --out "$OUT" >"$OUT/.xenith.spdx.json"
mv "$OUT/.xenith.spdx.json" "$OUT/xenith.spdx.json"

sh "$TREE/lib/engine/outputs.sh" check || true

printf '\n%-34s %12s  %s\n' artefact bytes SHA-256
(
	cd "$OUT"
	find xenith.iso ${disk:+xenith.img} xenith.spdx.json netboot -type f | LC_ALL=C sort | while read -r file; do
		printf '%-34s %12d  %s\n' "$file" "$(stat -c %s "$file")" "$(sha256 "$file")"
	done
)

open=$(say_open_advisories)
if [ -n "$open" ]; then
	printf '\nOPEN SECURITY ADVISORIES of this image (see docs/security.md for the reasons):\n%s\n' "$open"
	for pin in "$TREE"/hypervisor/pins/*/; do
		[ -n "${XENITH_XEN:-}" ] || say "    XENITH_XEN=$(basename "$pin") builds another, untested Xen"
	done
fi

#!/bin/sh
# Prints the image of a slot (slot.img) from its files: byte for byte the one of the build.
# The image is a head, which holds the tables of the file system and the small files, then
# the large files, each filled up to whole clusters. So a boot medium carries only the head:
# it has the large files for its own boot (docs/install.md).
#
# usage: slot-image.sh DIRECTORY HEAD MANIFEST
#   DIRECTORY  holds xen.gz, vmlinuz and initrd; what follows in a file is not read, because
#              the initrd of a medium has more archives behind those of the slot
#   HEAD       the head
#   MANIFEST   of the update: names, sizes, and the size of the image
set -eu

directory=$1
head=$2
manifest=$3
CLUSTER=4096

# size_of NAME: by the manifest.
size_of() {
	sed -n "s/^file $1 \([0-9]*\) .*/\1/p" "$manifest"
}

# zeros COUNT
zeros() {
	[ "$1" -le 0 ] || head -c "$1" /dev/zero
}

total=$(sed -n 's/^image \([0-9]*\) .*/\1/p' "$manifest")
cat "$head"
left=$((total - $(stat -L -c %s "$head")))
for name in xen.gz vmlinuz initrd; do
	size=$(size_of "$name")
	rest=$(((CLUSTER - size % CLUSTER) % CLUSTER))
	head -c "$size" "$directory/$name"
	zeros $rest
	left=$((left - size - rest))
done
zeros $left

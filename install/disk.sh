#!/bin/sh
# Assembles the image of a disk that Xenith is installed on: a GPT with the partitions of
# the layout that have a size, and their content.
#
# usage: disk.sh LAYOUT PARTS OUTPUT    PARTS holds boot.img, and NAME.img for partitions
# environment: SFDISK, a command that may have arguments
set -eu

layout=$1
parts=$2
output=$3
here=${0%/*}

sh "$here/partitions.sh" "$layout" | grep -v ' - ' >"$output.table"

# guid WORD: one that depends on the content of the disk only. By its version, 8, the first
# boot knows that it is to be replaced (install/slot/identity.c).
content=$(cat "$parts"/*.img | sha256sum)
guid() {
	printf '%s %s' "${content%% *}" "$1" | sha256sum |
		sed 's/^\(.\{8\}\)\(.\{4\}\).\(...\).\(...\)\(.\{12\}\).*/\1-\2-8\3-A\4-\5/'
}

# The second GPT needs 33 sectors.
end=$(awk 'END { print $3 + $4 }' "$output.table")
rm -f "$output"
truncate -s $(((end + 2048) * 512)) "$output"
{
	printf 'label: gpt\nlabel-id: %s\nunit: sectors\nsector-size: 512\n' "$(guid disk)"
	while read -r number _ start size label type; do
		printf '%s : start=%s, size=%s, type=%s, uuid=%s, name="%s"\n' \
			"$number" "$start" "$size" "$type" "$(guid "$number")" "$label"
	done <"$output.table"
} >"$output.script"
$SFDISK --quiet --no-reread --no-tell-kernel "$output" <"$output.script"

# Only the code: the protective MBR's entries begin at byte 440.
dd if="$parts/boot.img" of="$output" bs=440 count=1 conv=notrunc status=none
while read -r _ name start size _; do
	image=$parts/$name.img
	[ -e "$image" ] || continue
	[ "$(stat -c %s "$image")" -le $((size * 512)) ] || {
		echo "disk.sh: $image is larger than the partition $name of $layout" >&2
		exit 1
	}
	dd if="$image" of="$output" bs=1M seek=$((start / 2048)) conv=notrunc,sparse status=none
done <"$output.table"
rm "$output.table" "$output.script"

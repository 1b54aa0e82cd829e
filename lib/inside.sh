#!/bin/sh
# The inner side of the airlock, in its namespaces: puts the work directory in the place
# of /tmp, makes everything else read-only, and runs the command.
#
# usage: inside.sh WORK COMMAND...
set -eu

work=$1
shift
mount --make-rprivate /
{ echo xenith >/proc/sys/kernel/hostname; } 2>/dev/null || :
mount --bind "$work/tmp" /tmp

# read_only POINT: a mount of a user namespace keeps the flags that it came with.
read_only() {
	mount -o remount,bind,ro "$1" 2>/dev/null
}

while read -r _ _ _ _ point _; do
	# Blanks and the like are octal there.
	point=$(printf '%b' "$point")
	case $point in
	/tmp | /tmp/* | /dev/pts | /dev/mqueue | /dev/hugepages) ;;
	*) read_only "$point" || : ;;
	esac
done </proc/self/mountinfo
if [ -w / ]; then
	echo "airlock: / could not be made read-only, and whatever the build does to it would be done to this machine" >&2
	exit 1
fi
# Shared memory of its own.
[ ! -d /dev/shm ] || mount -t tmpfs -o mode=1777 shm /dev/shm 2>/dev/null || :
# The directory of the caller is one of the old mounts, perhaps below /tmp.
cd /
exec "$@"

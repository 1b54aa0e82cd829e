#!/bin/sh
# The part of the airlock that runs in its namespaces: mounts the work directory's tmp
# over /tmp, makes all other mounts read-only, and runs the command.
#
# usage: inside.sh WORK COMMAND...
set -eu

work=$1
shift
mount --make-rprivate /
{ echo xenith >/proc/sys/kernel/hostname; } 2>/dev/null || :
mount --bind "$work/tmp" /tmp

# read_only POINT: remounts it read-only. This can fail in a user namespace, where the
# flags of inherited mounts are locked.
read_only() {
	mount -o remount,bind,ro "$1" 2>/dev/null
}

while read -r _ _ _ _ point _; do
	# mountinfo has blanks in paths as octal escapes.
	point=$(printf '%b' "$point")
	case $point in
	/tmp | /tmp/* | /dev/pts | /dev/mqueue | /dev/hugepages) ;;
	*) read_only "$point" || : ;;
	esac
done </proc/self/mountinfo
if [ -w / ]; then
	echo "airlock: cannot make / read-only, so the build could change files of this machine" >&2
	exit 1
fi
# The build gets shared memory of its own.
[ ! -d /dev/shm ] || mount -t tmpfs -o mode=1777 shm /dev/shm 2>/dev/null || :
# The caller's directory is on an old mount, perhaps below the /tmp that is now hidden.
cd /
exec "$@"

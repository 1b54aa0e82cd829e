# shellcheck shell=sh
# One lock at a time, held on an open file, so that the kernel gives it back
# however the script ends. The file is never removed: a lock on a file that
# somebody else has just unlinked is a lock on nothing.

# lock NAME: waits until nobody else holds it.
lock() {
	mkdir -p "$HOTPLUG_RUN/xen-hotplug"
	exec 9>"$HOTPLUG_RUN/xen-hotplug/$1"
	flock -x 9
}

unlock() {
	exec 9>&-
}

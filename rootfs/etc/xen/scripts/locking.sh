# shellcheck shell=sh
# Two locks, each held on an open file, so that the kernel gives it back however the
# script ends. The files are never removed: a lock on a file that somebody else has just
# unlinked is a lock on nothing.
#
# `block` is for who has which device: every disk of every guest waits for it, and libxl
# for none of them longer than 40 s. So nobody waits for a server while it is held: that is
# what a target's own lock is for, which is taken first, and not while `block` is held.

# lock NAME: waits until nobody else holds it.
lock() {
	mkdir -p "$HOTPLUG_RUN/xen-hotplug"
	exec 9>"$HOTPLUG_RUN/xen-hotplug/$1"
	flock -x 9
}

unlock() {
	exec 9>&-
}

# target_lock NAME: opens the lock of a target (a device, a server's name); any characters.
target_lock() {
	mkdir -p "$HOTPLUG_RUN/xen-hotplug/targets"
	exec 8>"$HOTPLUG_RUN/xen-hotplug/targets/$(printf '%s' "$1" | tr / -)"
}

# lock_target NAME: waits until nobody else holds it. The end of the script gives it back.
lock_target() {
	target_lock "$1"
	flock -x 8
}

# try_lock_target NAME: false where somebody else holds it.
try_lock_target() {
	target_lock "$1"
	flock -n -x 8
}

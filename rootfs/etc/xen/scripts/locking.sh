# shellcheck shell=sh
# Two locks, each held on an open file, so that the kernel releases it however the
# script ends. The files are never removed: a lock on an unlinked file protects nothing.
#
# `block` guards device assignment: every disk of every guest waits for it, and libxl
# waits 40 s at most. So no script may wait for a server while it holds `block`; a
# target's own lock serves for that, and is taken first.

# lock NAME: waits for the lock and takes it.
lock() {
	mkdir -p "$HOTPLUG_RUN/xen-hotplug"
	exec 9>"$HOTPLUG_RUN/xen-hotplug/$1"
	flock -x 9
}

unlock() {
	exec 9>&-
}

# target_lock NAME: opens a target's lock (a device, a server's name); any characters.
target_lock() {
	mkdir -p "$HOTPLUG_RUN/xen-hotplug/targets"
	exec 8>"$HOTPLUG_RUN/xen-hotplug/targets/$(printf '%s' "$1" | tr / -)"
}

# lock_target NAME: waits for the lock; the script's exit releases it.
lock_target() {
	target_lock "$1"
	flock -x 8
}

# try_lock_target NAME: false if the lock is held.
try_lock_target() {
	target_lock "$1"
	flock -n -x 8
}

#!/bin/sh
# Builds one package and publishes it to the cache. Called by the Makefile that
# lib/engine/build.sh writes, once the package's dependencies are built.
#
# usage: package.sh NAME    (environment: TREE, XENITH_*, AIRLOCK)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/plan.sh
. "$TREE/lib/engine/plan.sh"
# shellcheck source=lib/engine/airlock.sh
. "$TREE/lib/engine/airlock.sh"

name=$1
line=$(grep "^$name " "$PLAN/order")
# shellcheck disable=SC2086 # the fields of the line
set -- $line
dir=$TREE/$2
tdeps=$3
hdeps=$4
read -r version <"$dir/version"
log=$OUT/logs/$name.log
began=$(date +%s)

resolve "$name" "$tdeps" "$hdeps" || die "cannot build $name: a dependency is not built"
if [ -e "$PLAN/$name.path" ]; then
	printf '%s cached 0\n' "$name" >>"$RUN/run/done"
	exit 0
fi

# Another build may be building the same package: wait for it.
mkdir -p "$CACHE/work"
exec 8>"$CACHE/work/$name-$key.lock"
flock 8
resolve "$name" "$tdeps" "$hdeps"
if [ -e "$PLAN/$name.path" ]; then
	printf '%s cached 0\n' "$name" >>"$RUN/run/done"
	exit 0
fi

rm -rf "$CACHE/work/$name.failed"
claim "$CACHE/work/$name" 7
work=$claimed
mkdir -p "$work/tmp" "$OUT/logs" "$RUN/run"
root=$(airlock_root "$name" "$work" "$AIRLOCK")
inside=/tmp/xenith/$name
if [ "$AIRLOCK" = plain ]; then
	plain_place "$root"
	# Another user cannot remove it.
	trap 'rm -rf "$root"' EXIT
	trap 'exit 130' INT TERM HUP
else
	mkdir -p "$root"
fi
printf '%s\n' "$root" >"$RUN/run/$name.root"

# fail: prints the failed phase and the end of the log, keeps the work directory, exits.
fail() {
	phase=$(tail -n 1 "$root/status" 2>/dev/null || echo prepare)
	rm -f "$RUN/run/$name.root"
	{
		printf '\n%s %s: failed in phase %s; the end of the log %s:\n' \
			"$name" "$version" "${phase% *}" "$log"
		tail -n 20 "$log" | sed 's/^/    /'
		printf 'the work directory is kept in %s\n' "$CACHE/work/$name.failed"
	} >&2
	# A plain airlock's directory is shared by all users: make room for the next one.
	if [ "$AIRLOCK" = plain ]; then
		mkdir -p "$work/tmp/xenith"
		mv "$root" "$work/tmp/xenith/" || :
	fi
	mv "$work" "$CACHE/work/$name.failed" 2>/dev/null || :
	rm -f "$work.claim"
	exit 1
}

# manifest DIRECTORY: type, mode, digest or link of every path, in byte order.
manifest() (
	cd "$1"
	{
		find . -mindepth 1 -type d -printf '%P\td %m\n'
		find . -type l -printf '%P\tl %l\n'
		find . -type f -printf '%P\tm %m\n'
		find . -type f -print0 | xargs -0 -r sha256sum | awk '{ print substr($0, 69) "\tf " substr($0, 1, 64) }'
	} | LC_ALL=C sort
)

sh "$TREE/lib/engine/prepare.sh" "$dir" "$tdeps" "$hdeps" "$root" >"$log" 2>&1 </dev/null || fail
airlock "$AIRLOCK" "$work" sh "$inside/phases.sh" "$inside" "$name" "$version" "$(setting SOURCE_DATE_EPOCH)" \
	>>"$log" 2>&1 </dev/null || fail

# Publish: the package is complete before one rename makes it visible.
seconds=$(($(date +%s) - began))
mkdir "$work/pkg"
mv "$root/dest" "$work/pkg/root"
manifest "$work/pkg/root" >"$work/pkg/manifest"
sha256 "$work/pkg/manifest" >"$work/pkg/output"
mv "$root/status" "$work/pkg/phases"
mv "$root/patches" "$work/pkg/patches"
printf '%s\n' "$seconds" >"$work/pkg/seconds"
cp "$log" "$work/pkg/log"
mkdir -p "$CACHE/pkg"
mv -T "$work/pkg" "$CACHE/pkg/$name-$key" 2>/dev/null || [ -e "$CACHE/pkg/$name-$key/output" ] || {
	echo "cannot publish to $CACHE/pkg/$name-$key" >>"$log"
	fail
}
printf '%s\n' "$CACHE/pkg/$name-$key" >"$PLAN/$name.path"
rm -f "$RUN/run/$name.root"
printf '%s built %s\n' "$name" "$seconds" >>"$RUN/run/done"
rm -rf "$root"
release "$work"

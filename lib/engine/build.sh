#!/bin/sh
# Builds the packages that are missing in the cache: plans, fetches sources, and lets
# GNU make run lib/engine/package.sh in parallel under its job server. With --publish it
# publishes the images as well.
#
# usage: lib/engine/build.sh [--fetch|--publish] GOAL...    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# fetch.sh's scratch directory.
scratch=
claim "$OUT/build" 7
RUN=$claimed
XENITH_RUN=$RUN
export XENITH_RUN
trap 'release "$RUN"; [ -z "$scratch" ] || release "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
# shellcheck source=lib/engine/plan.sh
. "$TREE/lib/engine/plan.sh"
# shellcheck source=lib/engine/fetch.sh
. "$TREE/lib/engine/fetch.sh"
# shellcheck source=lib/engine/host.sh
. "$TREE/lib/engine/host.sh"
# shellcheck source=lib/engine/airlock.sh
. "$TREE/lib/engine/airlock.sh"

only_fetch=
publish=
case ${1:-} in
--fetch)
	only_fetch=yes
	shift
	;;
--publish)
	publish=yes
	shift
	;;
esac
# The user's; a build reads copies.
tree=$TREE
domains=${XENITH_DOMAINS:-}
mkdir -p "$OUT/logs" "$RUN/run" "$CACHE/work"

# publish_paths: writes $OUT/packages, the cache path of each package of this build and
# of earlier ones, as far as the recipes of the tree still lead to them; and
# $OUT/packages.options, what this build had of one's own.
publish_paths() {
	earlier=$(awk '
		FILENAME == ARGV[1] { planned[$1] = 1; next }
		FILENAME == ARGV[2] { known[$1] = 1; next }
		$1 in known && !($1 in planned) { print $1 }' "$PLAN/order" "$PLAN/recipes" "$OUT/packages" 2>/dev/null) || earlier=
	# A broken recipe outside this build makes the graph fail: then earlier packages are dropped.
	awk -v goals="$(printf %s "$earlier" | tr '\n' ' ')" -f "$TREE/lib/engine/graph.awk" "$PLAN/recipes" \
		>"$PLAN/earlier" 2>/dev/null || : >"$PLAN/earlier"
	while read -r name _ tdeps hdeps; do
		[ -e "$PLAN/$name.path" ] || resolve "$name" "$tdeps" "$hdeps" || true
	done <"$PLAN/earlier"
	{
		cut -d ' ' -f 1 "$PLAN/order"
		printf '%s\n' "$earlier"
	} | while read -r name; do
		[ -e "$PLAN/$name.path" ] || continue
		read -r path <"$PLAN/$name.path"
		printf '%s %s\n' "$name" "$path"
	done >"$RUN/packages"
	printf '%s\n' "${XENITH_XEN:+XENITH_XEN=$XENITH_XEN }${domains:+--domains $domains }${XENITH_WITHOUT:+--without $XENITH_WITHOUT}" >"$OUT/packages.options"
	mv "$RUN/packages" "$OUT/packages"
}

# finish: publishes the list of packages and, if asked for, the images of just these
# packages: another build in this tree waits, so that neither publishes the other's.
finish() {
	exec 4>"$OUT/.publish.lock"
	flock 4
	publish_paths
	[ -z "$publish" ] || TREE=$tree XENITH_DOMAINS=$domains sh "$tree/lib/engine/publish.sh"
}

# tree_parts: the paths of the tree that every build reads.
tree_parts() {
	# shellcheck disable=SC2086 # words
	printf '%s\n' lib config $RECIPE_TOPS
}

# copy_tree INTO: copies the paths of the tree that are on its standard input.
copy_tree() {
	mkdir "$1"
	sort -u | while read -r path; do
		if [ "$path" = domains ] || [ ! -e "$TREE/$path" ]; then
			continue
		fi
		mkdir -p "$1/$(dirname "$path")"
		cp -RP --preserve=mode -T "$TREE/$path" "$1/$path"
	done
}

# An alternative Xen: its files replace the recipe's in a copy of the tree.
if [ -n "${XENITH_XEN:-}" ]; then
	pin=$TREE/hypervisor/pins/$XENITH_XEN
	[ -d "$pin" ] || die "XENITH_XEN=$XENITH_XEN: unknown pin; hypervisor/pins has: $(ls "$TREE/hypervisor/pins")"
	{
		tree_parts
		recipe_dirs | while read -r dir; do
			lines "$dir/inputs"
		done
	} | copy_tree "$RUN/pinned"
	cp "$pin"/* "$RUN/pinned/hypervisor/xen/"
	TREE=$RUN/pinned
	export TREE
fi

make_plan "$@"

if [ -n "$only_fetch" ]; then
	fetch_all "$PLAN/order"
	# For lib/commands/sources.sh: all of these are there, with the right hash.
	mv "$RUN/sources" "$OUT/fetched"
	say "all sources are in $SOURCES"
	exit 0
fi

todo >"$PLAN/todo"
if [ ! -s "$PLAN/todo" ]; then
	finish
	exit 0
fi

# need_for_todo: checks the host packages of the recipes that are to be built.
need_for_todo() {
	set -- "$TREE/lib/hostpkgs/build"
	while read -r name dir _; do
		[ ! -e "$TREE/$dir/hostpkgs" ] || set -- "$@" "$TREE/$dir/hostpkgs"
	done <"$PLAN/todo"
	need_packages "$@"
}

! grep -qE '^(gcc|linux) ' "$PLAN/todo" || need_room
# Before the final keys are computed, which include the versions of these packages.
need_for_todo

# From here on the build reads a copy: an edit during the build must not get into a
# package whose key was computed from the old text.
snapshot=$RUN/tree
{
	tree_parts
	cut -f 3 "$PLAN/inputs"
} | copy_tree "$snapshot"
# The user's configuration may consist of symbolic links; their targets are copied.
[ ! -e "$DOMAINS" ] || cp -RL --preserve=mode --reflink=auto -T "$DOMAINS" "$snapshot/domains" ||
	die "cannot read all of $DOMAINS: see the line above"
remove_backups "$snapshot"
TREE=$snapshot DOMAINS=$snapshot/domains
XENITH_OUT=$OUT XENITH_DOMAINS=$DOMAINS
export XENITH_OUT XENITH_DOMAINS
make_plan "$@"
todo >"$PLAN/todo"

fetch_all "$PLAN/todo"

# Remove the work directories of builds that were killed.
sweep_all "$CACHE/work"

# Jobs: one per core, but no more than the available memory, or the limits of the container,
# allow at 1 GiB each.
jobs=${XENITH_JOBS:-$(awk -v cores="$(cores)" -v memory="$(memory_mib)" '/^MemAvailable/ {
	n = $2 / 1024; if (n > memory) n = memory
	n = int(n / 1024); if (n > cores) n = cores; if (n < 1) n = 1; print n }' /proc/meminfo)}

# The Makefile. Targets are sorted by the length of the path that they begin, so that
# the critical path starts first.
{
	awk '
		FNR == NR { todo[$1] = 1; next }
		$1 in todo {
			names[++count] = $1
			deps[$1] = $3 "," $4
		}
		END {
			while ((getline line < times) > 0) {
				split(line, field)
				usual[field[1]] = field[2]
			}
			# From last to first: the dependents of a recipe come after it.
			for (i = count; i >= 1; i--) {
				name = names[i]
				way[name] += usual[name]
				line = name ":"
				n = split(deps[name], dep, ",")
				for (d = 1; d <= n; d++)
					if (dep[d] in todo) {
						line = line " " dep[d]
						if (way[dep[d]] < way[name])
							way[dep[d]] = way[name]
					}
				print line "\n\t+@sh \"$(TREE)/lib/engine/package.sh\" $@\n"
			}
			for (i = 2; i <= count; i++)
				for (j = i; j > 1 && way[names[j]] > way[names[j - 1]]; j--) {
					name = names[j]
					names[j] = names[j - 1]
					names[j - 1] = name
				}
			for (i = 1; i <= count; i++)
				all = all " " names[i]
			print ".PHONY: all" all "\nall:" all
		}' times="$TREE/recipes/times" "$PLAN/todo" "$PLAN/order"
} >"$PLAN/Makefile"

AIRLOCK=$(airlock_kind)
export AIRLOCK
# make's default fifo in the host's /tmp is not visible inside the airlock.
style=
if make --help 2>/dev/null | grep -q jobserver-style; then
	style=--jobserver-style=pipe
fi

: >"$RUN/run/done"
date +%s >"$RUN/run/began"
sh "$TREE/lib/engine/progress.sh" $$ &
monitor=$!
rc=0
# -k: a failed recipe stops only its dependents.
# shellcheck disable=SC2086 # style may be empty
env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -k -s --no-print-directory $style -j"$jobs" -f "$PLAN/Makefile" "TREE=$TREE" all || rc=$?
touch "$RUN/run/stop"
wait "$monitor" 2>/dev/null || true
rm -f "$RUN/run/stop"
if [ "$rc" = 0 ]; then
	printf '\n%-24s %8s\n' recipe time >&2
	sort "$RUN/run/done" | while read -r name how seconds; do
		printf '%-24s %8s  %s\n' "$name" "$(clock "$seconds")" "${how#built}"
	done >&2
	printf '%-24s %8s\n' 'all, side by side' "$(clock $(($(date +%s) - $(cat "$RUN/run/began"))))" >&2
	# The lower bound of the build's time, with any number of cores.
	awk -f "$TREE/lib/engine/critical.awk" "$RUN/run/done" "$PLAN/order" >"$RUN/critical"
	printf '%-24s %8s  ' 'critical path' "$(clock "$(awk '{ sum += $2 } END { print sum + 0 }' "$RUN/critical")")" >&2
	awk '{ printf "%s%s", (NR > 1 ? " > " : ""), $1 } END { print "" }' "$RUN/critical" >&2
	finish
fi
exit "$rc"

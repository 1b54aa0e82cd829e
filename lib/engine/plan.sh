# shellcheck shell=sh
# Plans a build. The key of a package is a SHA-256 over everything that can change its
# output: the parts of the engine that a build runs in, the host tools that it may use,
# the recipe and its input files, the date of the release, the versions of the host
# packages that it needs, and the *output* hashes of its dependencies, so that a change
# without effect stops there. Not in the key: the number of jobs, the locations of
# sources, verbosity, paths of the host.
#
# $PLAN/recipes    every recipe's name, directory and dependencies, one per line
# $PLAN/order      the goals and their dependencies, as lib/engine/graph.awk prints them
# $PLAN/NAME.key   the part of the key that does not depend on other packages
# $PLAN/NAME.path  the package in the cache, once it is built

PLAN=$RUN/plan

# list_recipes: "NAME DIRECTORY DEPENDENCY..." of every recipe. Dependencies on the layer
# that is left out ($XENITH_WITHOUT) are dropped.
list_recipes() {
	recipe_dirs | while read -r dir; do
		words=
		if [ -e "$dir/depends" ]; then
			while read -r line || [ -n "$line" ]; do
				words="$words ${line%%#*}"
			done <"$dir/depends"
		fi
		printf '%s %s%s\n' "${dir##*/}" "${dir#"$TREE"/}" "$words"
	done | awk -v without="${XENITH_WITHOUT:-}" '{
		for (i = 3; i <= NF; i++)
			if (without != "" && $i == "host:" without)
				$i = ""
		print
	}'
}

# list_data FILE TAG: "TAG DIR WORD" of every line of that file in every recipe.
list_data() {
	recipe_dirs | while read -r dir; do
		[ ! -e "$dir/$1" ] || printf '%s\0' "$dir/$1"
	done | xargs -0 -r awk -v tag="$2" -v top="$TREE/" '
		/^[[:space:]]*(#|$)/ { next }
		{
			d = substr(FILENAME, length(top) + 1)
			sub(/\/[^\/]*$/, "", d)
			print tag "\t" d "\t" $1
		}'
}

# list_sources: "source DIR DIGEST NAME" of every pinned file.
list_sources() {
	recipe_dirs | source_lines | awk -F '\t' -v OFS='\t' -v top="$TREE/" '
		{ print "source", substr($1, length(top) + 1), $2, $3 }'
}

# find_files TOP -P|-L EXPRESSION...: find, without the backup files and caches of editors
# and tools, which are in no key and no build.
find_files() {
	top=$1
	follow=$2
	shift 2
	find "$follow" "$top" \( -name '*~' -o -name '.*.sw?' -o -name __pycache__ \) -prune -o "$@"
}

# remove_backups TOP: removes the files that find_files skips, from a copy.
remove_backups() {
	find "$1" \( -name '*~' -o -name '.*.sw?' -o -name __pycache__ \) -prune -exec rm -rf {} +
}

# list_files AS PATH -P|-L: "file PATH WORDS" of every file below PATH, which is listed as
# AS; -L follows links.
list_files() {
	find_files "$2" "$3" -type l -printf "file\t$1%P\tlink %l\n"
	find_files "$2" "$3" -type f -printf "file\t$1%P\tmode %m\n"
	find_files "$2" "$3" -type f -print0 |
		LC_ALL=C sort -z | xargs -0 -r sha256sum |
		awk -v top="$2" -v as="$1" '{
			p = substr($0, 67)
			print "file\t" as substr(p, length(top) + (substr(p, length(top) + 1, 1) == "/" ? 2 : 1)) "\t" substr($0, 1, 64)
		}'
}

# make_plan GOAL...: writes $PLAN/recipes, order, NAME.key and NAME.path.
make_plan() {
	mkdir -p "$PLAN"
	rm -f "$PLAN"/*.path "$PLAN"/*.key
	list_recipes >"$PLAN/recipes"
	awk -v goals="$*" -f "$TREE/lib/engine/graph.awk" "$PLAN/recipes" >"$PLAN/order" || exit 1
	{
		(cd "$TREE/lib/engine" && cat prepare.sh airlock.sh inside.sh phases.sh series.sh host-tools)
		setting SOURCE_DATE_EPOCH
	} | sha256sum | cut -c1-64 >"$PLAN/engine.key"

	list_data inputs input >"$PLAN/inputs"
	list_data hostpkgs host >"$PLAN/hostpkgs"
	{
		awk '{ print "recipe\t" $1 "\t" $2 }' "$PLAN/recipes"
		cat "$PLAN/inputs" "$PLAN/hostpkgs"
		list_data version recipe-version
		list_sources
		cut -f3 "$PLAN/hostpkgs" | sort -u |
			xargs -r dpkg-query -W -f 'version\t${Package}\t${Version}\n' 2>/dev/null || true
		{
			for top in $RECIPE_TOPS; do
				[ ! -d "$TREE/$top" ] || list_files "$top/" "$TREE/$top" -L
			done
			cut -f3 "$PLAN/inputs" | sort -u | while read -r path; do
				from=$TREE/$path
				[ "$path" != domains ] || from=$DOMAINS
				[ -e "$from" ] || die "cannot read $path, which a recipe's inputs name: no such file or directory"
				if [ "$path" = domains ]; then
					list_files "$path/" "$from" -L
				elif [ -d "$from" ]; then
					list_files "$path/" "$from" -P
				else
					list_files "$path" "$from" -P
				fi
			done
		} | LC_ALL=C sort
	} | awk -v plan="$PLAN" -f "$TREE/lib/engine/keys.awk"

	while read -r name dir tdeps hdeps; do
		resolve "$name" "$tdeps" "$hdeps" || true
	done <"$PLAN/order"
}

# resolve NAME TARGET-DEPS HOST-DEPS: sets $key, and writes $PLAN/NAME.path if the
# package is in the cache. Fails if a dependency is not built yet.
resolve() {
	text=$2
	IFS=,
	for dep in $2 / $3; do
		case $dep in
		- | /) output=$dep ;;
		*)
			[ -e "$PLAN/$dep.path" ] || {
				unset IFS
				return 1
			}
			read -r path <"$PLAN/$dep.path"
			read -r output <"$path/output"
			;;
		esac
		text="$text
$dep $output"
	done
	unset IFS
	key=$({
		cat "$PLAN/engine.key" "$PLAN/$1.key"
		printf '%s\n' "$text"
	} | sha256sum)
	key=${key%"${key#????????????????????????????????}"}
	if [ -e "$CACHE/pkg/$1-$key/output" ]; then
		printf '%s\n' "$CACHE/pkg/$1-$key" >"$PLAN/$1.path"
	fi
}

# todo: the packages of the plan that are not in the cache, or whose key is not known yet.
todo() {
	while read -r name rest; do
		[ -e "$PLAN/$name.path" ] || printf '%s %s\n' "$name" "$rest"
	done <"$PLAN/order"
}

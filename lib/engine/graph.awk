# Reads the dependencies of every recipe and prints the goals and their dependencies in
# build order, one line per recipe:
#
#   NAME DIRECTORY TARGET-DEPS HOST-DEPS
#
# TARGET-DEPS are closed transitively (a library brings what it links with). Both lists
# are separated by commas; "-" is an empty list.
#
# Input: lines "NAME DIRECTORY WORD..." ; variable goals: names, blank-separated.

{
	if ($1 in dir) {
		printf "xenith: two recipes have the name %s: %s and %s\n", $1, dir[$1], $2 > "/dev/stderr"
		failed = 1
		exit 1
	}
	dir[$1] = $2
	for (i = 3; i <= NF; i++)
		deps[$1] = deps[$1] " " $i
}

function bare(word) {
	sub(/^host:/, "", word)
	return word
}

# Adds the names of list b that list a (comma-separated) lacks.
function join_lists(a, b,   n, parts, i) {
	n = split(b, parts, ",")
	for (i = 1; i <= n; i++)
		if (parts[i] != "" && index("," a ",", "," parts[i] ",") == 0)
			a = a (a == "" ? "" : ",") parts[i]
	return a
}

function visit(name, from, path,   n, words, i, dep) {
	if (state[name] == "done")
		return
	if (!(name in dir)) {
		printf "xenith: %s depends on %s: no recipe has this name\n", from, name > "/dev/stderr"
		failed = 1
		exit 1
	}
	if (state[name] == "open") {
		sub(".* " name " ", name " ", path)
		gsub(" ", " -> ", path)
		printf "xenith: dependency cycle: %s -> %s\n", path, name > "/dev/stderr"
		failed = 1
		exit 1
	}
	state[name] = "open"
	n = split(deps[name], words, " ")
	for (i = 1; i <= n; i++) {
		dep = bare(words[i])
		visit(dep, name, path " " name)
		if (words[i] ~ /^host:/)
			host[name] = join_lists(host[name], dep)
		else
			target[name] = join_lists(join_lists(target[name], dep), target[dep])
	}
	state[name] = "done"
	print name, dir[name], target[name] == "" ? "-" : target[name], host[name] == "" ? "-" : host[name]
}

END {
	if (failed)
		exit 1
	n = split(goals, goal, " ")
	for (g = 1; g <= n; g++)
		visit(goal[g], "the command line", "")
}

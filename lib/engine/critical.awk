# Prints the critical path of a build: the chain of dependent packages that took
# longest. One line per package that was built, in the order of the chain:
#
#   NAME SECONDS
#
# Input: $RUN/run/done (NAME built|cached SECONDS), then $PLAN/order (NAME DIRECTORY
# TARGET-DEPS HOST-DEPS, dependencies first).

FILENAME == ARGV[1] { took[$1] = $3; next }

$1 in took {
	n = split($3 "," $4, dep, ",")
	for (i = 1; i <= n; i++)
		if (dep[i] in end && end[dep[i]] > end[$1]) {
			end[$1] = end[dep[i]]
			before[$1] = dep[i]
		}
	end[$1] += took[$1]
	if (end[$1] > end[last])
		last = $1
}

END {
	for (name = last; name != ""; name = before[name])
		if (took[name] > 0)
			path = name " " took[name] "\n" path
	printf "%s", path
}

# Writes PLAN/NAME.key for every recipe: the part of its cache key that does not depend
# on other packages. Input lines, tab-separated, by their first field:
#
#   recipe NAME DIR         a recipe (first of all)
#   input  DIR PATH         a path that the recipe in DIR reads
#   recipe-version DIR VERSION
#   source DIR DIGEST NAME  a source of the recipe, without its locations
#   host   DIR PACKAGE      a host package that the recipe needs
#   version PACKAGE VERSION the installed version of a host package
#   file   PATH WORDS       type, mode, digest or link of a file in the tree,
#                           in byte order of PATH
#
# variable: plan, the directory to write to.

BEGIN { FS = "\t" }

$1 == "recipe"  { name[++count] = $2; dir[count] = $3 }
$1 == "input"   { inputs[$2] = inputs[$2] "\t" $3 }
# `version` may be a link, whose text does not change with the version.
$1 == "recipe-version" { text[$2] = text[$2] "version " $3 "\n" }
$1 == "source"  { text[$2] = text[$2] "source " $3 " " $4 "\n" }
$1 == "host"    { packages[$2] = packages[$2] "\t" $3 }
$1 == "version" { version[$2] = $3 }
$1 == "file"    { path[++files] = $2; words[files] = $3 }

# Whether a path is the given file or below the given directory.
function within(file, top) {
	return file == top || index(file, top "/") == 1
}

END {
	for (r = 1; r <= count; r++) {
		out = plan "/" name[r] ".key"
		d = dir[r]
		printf "%s", text[d] > out
		n = split(inputs[d], tops, "\t")
		for (f = 1; f <= files; f++) {
			if (within(path[f], d) && path[f] != d "/sources" && path[f] != d "/hostpkgs")
				print "file " substr(path[f], length(d) + 2) " " words[f] > out
			for (i = 2; i <= n; i++)
				if (within(path[f], tops[i]))
					print "input " path[f] " " words[f] > out
		}
		n = split(packages[d], list, "\t")
		for (i = 2; i <= n; i++)
			print "host " list[i] " " version[list[i]] > out
		close(out)
	}
}

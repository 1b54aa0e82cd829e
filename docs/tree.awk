# Draws docs/tree.svg from the table of docs/architecture.md: a column for each stage, a
# box for each path.
#
# usage: awk -f docs/tree.awk docs/architecture.md >docs/tree.svg

function escape(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	return text
}

# text(X, Y, CLASS, WORDS)
function text(x, y, class, words) {
	printf "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, escape(words)
}

BEGIN {
	FS = " *\\| *"
	WIDTH = 196
	GAP = 30
	BOX = 48
	TOP = 54
}

/^\| `[^`]*` \| [a-z]+ \|/ {
	path = $2
	gsub(/`/, "", path)
	words = $4
	gsub(/`/, "", words)
	if (!($3 in column)) {
		column[$3] = columns++
		stage[columns - 1] = $3
	}
	c = column[$3]
	paths[c, n[c] + 0] = path
	what[c, n[c]++] = words
	if (n[c] > most) most = n[c]
}

# Only the first table is the tree's.
/^\[tree.svg\]/ { exit }

END {
	width = columns * (WIDTH + GAP) - GAP + 20
	height = TOP + most * (BOX + 10) + 10
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, height, width, height
	print "<title>The tree of Xenith by stage</title>"
	print "<style>text{font-family:sans-serif;fill:#222}.s{font-size:17px;font-weight:bold}.p{font-size:14px;font-weight:bold;font-family:monospace}.w{font-size:12px;fill:#555}</style>"
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height
	for (c = 0; c < columns; c++) {
		x = 10 + c * (WIDTH + GAP)
		text(x, 32, "s", stage[c])
		if (c)
			printf "<path d=\"M%d 26h%d\" stroke=\"#888\" stroke-width=\"2\"/><path d=\"M%d 20l9 6l-9 6z\" fill=\"#888\"/>\n", x - GAP + 4, GAP - 14, x - 12
		for (i = 0; i < n[c]; i++) {
			y = TOP + i * (BOX + 10)
			printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\" fill=\"#eef3f8\" stroke=\"#7a93ac\"/>\n", x, y, WIDTH, BOX
			text(x + 9, y + 20, "p", paths[c, i])
			text(x + 9, y + 38, "w", what[c, i])
		}
	}
	print "</svg>"
}

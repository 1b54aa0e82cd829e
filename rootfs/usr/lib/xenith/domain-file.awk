# Parses one domain file with xl.cfg(5)'s grammar (libxlu's lexer and parser,
# followed rule by rule) and prints what it found, one fact per line:
#     LINE <tab> KEY <tab> VALUE         (a list: one line per element)
# The first error is named on standard error as FILE:LINE: message, and the exit
# status is 1. xl itself has the last word; this one also runs where no xl is.
#
# usage: awk -v file=NAME-TO-SHOW -f domain-file.awk FILE      (POSIX awk)

function fail(at, message) {
	if (!failed)
		printf "%s:%d: %s\n", file, at, message | "cat 1>&2"
	failed = 1
}

# Sets token, word (its text) and at (its line). Tokens are ident, number,
# string, newline, end, += and the signs , [ ] = ;
function advance(    c, rest) {
	while (substr(text, position, 1) ~ /^[ \t]$/)
		position++
	at = line
	if (position > size) {
		token = "end"
		word = "the end of the file"
		return
	}
	c = substr(text, position, 1)
	rest = substr(text, position)
	if (c == "#") {
		match(rest, /^[^\n]*/)
		position += RLENGTH
		advance()
		return
	}
	if (c == "\n") {
		token = "newline"
		word = "the end of the line"
		position++
		line++
		return
	}
	if (index(",[]=;", c)) {
		token = word = c
		position++
		return
	}
	if (substr(rest, 1, 2) == "+=") {
		token = word = "+="
		position += 2
		return
	}
	if (match(rest, /^[a-z][._0-9a-z]*/)) {
		token = "ident"
		word = substr(rest, 1, RLENGTH)
		position += RLENGTH
		return
	}
	if (match(rest, /^[0-9][0-9a-fx]*/)) {
		token = "number"
		word = substr(rest, 1, RLENGTH)
		position += RLENGTH
		return
	}
	if (c == "\"" || c == "'") {
		if (c == "\"" ? match(rest, /^"([^"\\\n]|\\[^\n])*"/) : match(rest, /^'([^'\\\n]|\\[^\n])*'/)) {
			token = "string"
			word = substr(rest, 2, RLENGTH - 2)
			gsub(/\\/, "", word)
			position += RLENGTH
			return
		}
		fail(line, "the string has no closing " c)
	} else if (c ~ /^[A-Z_]$/)
		fail(line, "names are written in small letters")
	else
		fail(line, "unexpected \"" c "\"")
	token = "end"
}

function fact(at, key, value) {
	gsub(/\t/, " ", value)
	facts[++count] = at "\t" key "\t" value
}

function skip_newlines() {
	while (token == "newline")
		advance()
}

# value: STRING | NUMBER | '[' values ']'
function value(key,    opened) {
	if (token == "string" || token == "number") {
		fact(at, key, word)
		advance()
		return
	}
	if (token != "[") {
		fail(at, key ": expected a string, a number or a list, found " word)
		return
	}
	opened = at
	advance()
	skip_newlines()
	while (token != "]" && token != "end" && !failed) {
		value(key)
		skip_newlines()
		if (token == ",") {
			advance()
			skip_newlines()
		} else if (token != "]" && token != "end")
			fail(at, key ": expected , or ] in the list, found " word)
	}
	if (token == "end")
		fail(opened, key ": the list that begins in line " opened " has no closing ]")
	if (!failed)
		advance()
}

function assignment(    key) {
	key = word
	if (token != "ident") {
		fail(at, "expected NAME = VALUE, found " word)
		return
	}
	advance()
	if (token != "=" && token != "+=") {
		fail(at, "expected = after " key ", found " word)
		return
	}
	advance()
	value(key)
	if (!failed && token != "newline" && token != ";" && token != "end")
		fail(at, key ": expected the end of the line, found " word)
}

{
	sub(/\r$/, "")
	text = text $0 "\n"
}

END {
	size = length(text)
	position = line = 1
	advance()
	while (token != "end" && !failed) {
		if (token != "newline" && token != ";")
			assignment()
		if (!failed)
			advance()
	}
	if (!failed)
		for (i = 1; i <= count; i++)
			print facts[i]
	close("cat 1>&2")
	exit failed
}

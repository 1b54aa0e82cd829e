#!/bin/sh
# Configures BusyBox from a fragment: every symbol starts as "no", the fragment
# says what is wanted, and each line of it is looked for in the result. A symbol
# that was renamed, or whose dependency is missing, stops the build by name.
#
# usage: configure.sh FRAGMENT    in BusyBox's source directory
set -eu

fragment=$1

# BusyBox's allnoconfig writes every symbol out, also those that nothing can see
# yet. So putting the fragment's lines in their places leaves nothing for
# oldconfig to ask, and no default of upstream's gets in.
make allnoconfig >/dev/null
awk '
	function symbol(line) {
		sub(/^# /, "", line)
		sub(/[= ].*/, "", line)
		return line
	}
	!/^(# )?CONFIG_/ { if (FILENAME == ".config") print; next }
	FILENAME != ".config" { wanted[symbol($0)] = $0; next }
	symbol($0) in wanted { print wanted[symbol($0)]; next }
	{ print }
' "$fragment" .config >.config.merged
mv .config.merged .config
make oldconfig </dev/null >/dev/null

missing=$(grep -E '^(CONFIG_[A-Za-z0-9_]+=|# CONFIG_[A-Za-z0-9_]+ is not set$)' "$fragment" |
	while IFS= read -r line; do
		grep -qxF -e "$line" .config || printf '  %s\n' "$line"
	done)
if [ -n "$missing" ]; then
	printf 'asked for in %s, but not so in .config:\n%s\n' \
		"${fragment##*/}" "$missing"
	exit 1
fi

#!/bin/sh
# Configures BusyBox from a fragment: every symbol starts as "no", the lines of the
# fragment replace that, and each line is looked up in the result. A symbol that was
# renamed, or whose dependency is missing, is reported and stops the build.
#
# usage: configure.sh FRAGMENT    in BusyBox's source directory
set -eu

fragment=$1

# BusyBox's allnoconfig writes every symbol, even those that are not visible yet. The
# fragment's lines replace them in place, so oldconfig has nothing to ask, and no default
# of upstream is used.
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
	printf 'requested in %s, but missing from .config:\n%s\n' \
		"${fragment##*/}" "$missing"
	exit 1
fi

# Prints the IPv6 addresses of each line as the kernel writes them.
#
# usage: awk -f network/values.awk -f network/spell.awk

{
	for (i = 1; i <= NF; i++)
		printf "%s%s", canonical_address($i), i < NF ? " " : "\n"
}

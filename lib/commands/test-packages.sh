# shellcheck shell=sh
# The packages that only tests use.

# make_test_packages OPTION LIST...: builds the packages in these lists, or with --fetch
# fetches their sources. Sets $left_out to those whose sources cannot be had, each after a
# blank: all other tests run without them. Fails if one cannot be built.
make_test_packages() {
	option=$1
	shift
	left_out=
	for name in $(for list; do lines "$list"; done); do
		# shellcheck disable=SC2086 # the option may be empty
		sh "$TREE/lib/engine/build.sh" $option "$name" </dev/null || {
			if [ -z "$option" ] && sh "$TREE/lib/engine/build.sh" --fetch "$name" </dev/null >/dev/null 2>&1; then
				die "cannot build $name, which tests need: see above"
			fi
			left_out="$left_out $name"
			say "cannot get $name; the tests that need it are skipped"
		}
	done
}

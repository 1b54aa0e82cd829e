# shellcheck shell=sh
# The packages that only tests use.

# make_test_packages OPTION LIST...: builds the packages in these lists, or with --fetch
# fetches their sources. A missing one is an error, because its tests would be skipped; those
# that XENITH_TEST_WITHOUT names are left out.
make_test_packages() {
	option=$1
	shift
	names=$(for list; do lines "$list"; done | while read -r name; do
		case " ${XENITH_TEST_WITHOUT:-} " in
		*" $name "*) ;;
		*) printf '%s ' "$name" ;;
		esac
	done)
	[ -n "$names" ] || return 0
	# shellcheck disable=SC2086 # the names are words; the option may be empty
	sh "$TREE/lib/engine/build.sh" $option $names ||
		die "cannot get a package that tests use: see above; to go on without its tests, name it: XENITH_TEST_WITHOUT=\"NAME...\""
}

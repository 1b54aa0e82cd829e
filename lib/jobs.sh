# shellcheck shell=sh
# For builds that take no part in make's job server; a recipe lists this file in
# `inputs` and sources it.

# job_count: how many jobs the engine allows at once.
job_count() {
	count=$(printf '%s\n' "${MAKEFLAGS:-}" | sed -n 's/.*-j *\([0-9][0-9]*\).*/\1/p')
	printf '%s\n' "${count:-1}"
}

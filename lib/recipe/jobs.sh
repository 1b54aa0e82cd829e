# shellcheck shell=sh
# For build systems that do not support make's job server. A recipe lists this file in
# `inputs` and sources it.

# job_count: prints how many jobs the engine allows at once.
job_count() {
	count=$(printf '%s\n' "${MAKEFLAGS:-}" | sed -n 's/.*-j *\([0-9][0-9]*\).*/\1/p')
	printf '%s\n' "${count:-1}"
}

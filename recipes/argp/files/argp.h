/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of GNU's argp interface that programs without children, hooks and
 * translations use. Names and values are those of the GNU C library's manual,
 * so a program written for it compiles unchanged. */
#ifndef ARGP_H
#define ARGP_H

#include <errno.h>
#include <stdio.h>

#ifndef __error_t_defined
#define __error_t_defined 1
typedef int error_t;
#endif

struct argp_state;

/* An option, a heading (only .doc), or the end of the table (all zero). */
struct argp_option {
	const char *name;
	int key;
	const char *arg;
	int flags;
	const char *doc;
	int group;
};

#define OPTION_ARG_OPTIONAL 0x1
#define OPTION_HIDDEN 0x2

typedef error_t (*argp_parser_t)(int key, char *arg, struct argp_state *state);

struct argp {
	const struct argp_option *options;
	argp_parser_t parser;
	const char *args_doc;
	const char *doc;
};

/* A parser returns this for a key that it does not handle. */
#define ARGP_ERR_UNKNOWN E2BIG

/* Keys that do not stand for an option. */
#define ARGP_KEY_ARG 0
#define ARGP_KEY_END 0x1000001
#define ARGP_KEY_NO_ARGS 0x1000002
#define ARGP_KEY_INIT 0x1000003
#define ARGP_KEY_SUCCESS 0x1000004
#define ARGP_KEY_ERROR 0x1000005

struct argp_state {
	const struct argp *root_argp;
	int argc;
	char **argv;
	int next;
	unsigned flags;
	unsigned arg_num;
	void *input;
	char *name;
};

/* Flags of argp_parse(). */
#define ARGP_NO_HELP 0x10
#define ARGP_IN_ORDER 0x08

extern const char *argp_program_version;
extern const char *argp_program_bug_address;

error_t argp_parse(const struct argp *argp, int argc, char **argv,
		   unsigned flags, int *arg_index, void *input);

/* Each prints to stderr and ends the program with status EX_USAGE (64). */
void argp_usage(const struct argp_state *state);
void argp_error(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

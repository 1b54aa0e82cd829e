/* SPDX-License-Identifier: GPL-2.0-or-later */
/* argp on top of getopt_long(): a program describes its options in a table, and
 * --help is generated from it. xenalyze needs argp, and musl has none. */
#include "argp.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EX_USAGE 64

/* getopt_long() returns KEY_BASE + index for the option at that index of the
 * table: keys may be any int and so cannot be returned themselves. */
enum { KEY_HELP = 0xff00, KEY_USAGE, KEY_VERSION, KEY_BASE = 0x10000 };

/* The column at which an option's text starts, and the last column of a line. */
enum { DOC_COLUMN = 30, LINE_WIDTH = 79 };

const char *argp_program_version;
const char *argp_program_bug_address;

static bool is_end(const struct argp_option *o)
{
	return !o->name && !o->key && !o->doc && !o->group;
}

static bool is_short(const struct argp_option *o)
{
	return o->key > ' ' && o->key < 0x7f;
}

static size_t count_options(const struct argp *argp)
{
	size_t n = 0;

	if (argp->options)
		while (!is_end(&argp->options[n]))
			n++;
	return n;
}

static const char *program_name(const struct argp_state *state)
{
	const char *slash = strrchr(state->argv[0], '/');

	return slash ? slash + 1 : state->argv[0];
}

static void print_usage_line(const struct argp_state *state, FILE *to)
{
	const char *args = state->root_argp->args_doc;

	fprintf(to, "Usage: %s [OPTION...]%s%s\n", program_name(state),
		args ? " " : "", args ? args : "");
}

/* Prints text word by word, with further lines indented to DOC_COLUMN. */
static void print_wrapped(FILE *to, int column, const char *text)
{
	while (*text) {
		int length = (int)strcspn(text, " \n");

		if (length && column > DOC_COLUMN &&
		    column + 1 + length > LINE_WIDTH) {
			fprintf(to, "\n%*s", DOC_COLUMN, "");
			column = DOC_COLUMN;
		} else if (length && column > DOC_COLUMN) {
			fputc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", length, text);
		column += length;
		text += length;
		text += strspn(text, " \n");
	}
	fputc('\n', to);
}

static void print_option(const struct argp_option *o, FILE *to)
{
	const char *left = o->flags & OPTION_ARG_OPTIONAL ? "[=" : "=";
	const char *right = o->flags & OPTION_ARG_OPTIONAL ? "]" : "";
	int column;

	if (o->flags & OPTION_HIDDEN)
		return;
	if (!o->name && !o->key) {
		fprintf(to, "\n %s\n", o->doc);
		return;
	}
	if (is_short(o))
		column = fprintf(to, "  -%c%s", o->key, o->name ? ", " : "");
	else
		column = fprintf(to, "      ");
	if (o->name)
		column += fprintf(to, "--%s", o->name);
	if (o->arg)
		column += fprintf(to, "%s%s%s", left, o->arg, right);
	if (!o->doc) {
		fputc('\n', to);
		return;
	}
	if (column >= DOC_COLUMN - 1) {
		fputc('\n', to);
		column = 0;
	}
	fprintf(to, "%*s", DOC_COLUMN - column, "");
	print_wrapped(to, DOC_COLUMN, o->doc);
}

/* Groups are printed in the order 0, 1, 2 and so on, then the negative ones.
 * The table need not be sorted by group, so each call searches for the next. */
static bool next_group(const struct argp *argp, size_t n, bool first, int *group)
{
	bool found = false;
	unsigned best = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned g = (unsigned)argp->options[i].group;

		if (!first && g <= (unsigned)*group)
			continue;
		if (!found || g < best)
			best = g;
		found = true;
	}
	if (found)
		*group = (int)best;
	return found;
}

static void print_help(const struct argp_state *state)
{
	const struct argp *argp = state->root_argp;
	size_t n = count_options(argp);
	const char *doc = argp->doc ? argp->doc : "";
	size_t before = strcspn(doc, "\v");
	bool first = true;
	int group = 0;

	print_usage_line(state, stdout);
	if (before)
		printf("%.*s\n", (int)before, doc);
	while (next_group(argp, n, first, &group)) {
		putchar('\n');
		for (size_t i = 0; i < n; i++)
			if (argp->options[i].group == group)
				print_option(&argp->options[i], stdout);
		first = false;
	}
	printf("\n%*s--help%*sPrint this list\n%*s--usage%*sPrint how to call this\n",
	       6, "", DOC_COLUMN - 12, "", 6, "", DOC_COLUMN - 13, "");
	if (argp_program_version)
		printf("%*s--version%*sPrint the version\n", 6, "",
		       DOC_COLUMN - 15, "");
	if (doc[before] == '\v')
		printf("\n%s\n", doc + before + 1);
	if (argp_program_bug_address)
		printf("\nReport bugs to %s.\n", argp_program_bug_address);
}

static _Noreturn void refuse(const struct argp_state *state)
{
	const char *name = program_name(state);

	print_usage_line(state, stderr);
	fprintf(stderr, "Try '%s --help'.\n", name);
	exit(EX_USAGE);
}

void argp_usage(const struct argp_state *state)
{
	refuse(state);
}

void argp_error(const struct argp_state *state, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_name(state));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	refuse(state);
}

static error_t call(struct argp_state *state, int key, char *arg)
{
	argp_parser_t parser = state->root_argp->parser;

	return parser ? parser(key, arg, state) : ARGP_ERR_UNKNOWN;
}

static int argument_kind(const struct argp_option *o)
{
	if (!o->arg)
		return no_argument;
	return o->flags & OPTION_ARG_OPTIONAL ? optional_argument
					      : required_argument;
}

static struct option *make_long_options(const struct argp *argp, size_t n)
{
	struct option *list = calloc(n + 4, sizeof *list);
	size_t used = 0;

	if (!list)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct argp_option *o = &argp->options[i];

		if (!o->name)
			continue;
		list[used++] = (struct option){ o->name, argument_kind(o), NULL,
						KEY_BASE + (int)i };
	}
	list[used++] = (struct option){ "help", no_argument, NULL, KEY_HELP };
	list[used++] = (struct option){ "usage", no_argument, NULL, KEY_USAGE };
	if (argp_program_version)
		list[used++] = (struct option){ "version", no_argument, NULL,
						KEY_VERSION };
	return list;
}

/* With "-", getopt_long() returns arguments in their order, as option 1; argp
 * promises this order. */
static char *make_short_options(const struct argp *argp, size_t n)
{
	char *list = malloc(3 * n + 2);
	char *p = list;

	if (!list)
		return NULL;
	*p++ = '-';
	for (size_t i = 0; i < n; i++) {
		const struct argp_option *o = &argp->options[i];

		if (!is_short(o))
			continue;
		*p++ = (char)o->key;
		if (o->arg)
			*p++ = ':';
		if (o->arg && o->flags & OPTION_ARG_OPTIONAL)
			*p++ = ':';
	}
	*p = '\0';
	return list;
}

static error_t give_argument(struct argp_state *state, char *arg)
{
	error_t rc;

	state->next = optind;
	rc = call(state, ARGP_KEY_ARG, arg);
	if (rc == ARGP_ERR_UNKNOWN)
		argp_error(state, "%s: too many arguments", arg);
	state->arg_num++;
	return rc;
}

static error_t give_option(struct argp_state *state, int c)
{
	error_t rc;
	int key = c < KEY_BASE ? c : state->root_argp->options[c - KEY_BASE].key;

	state->next = optind;
	rc = call(state, key, optarg);
	if (rc == ARGP_ERR_UNKNOWN)
		argp_error(state, "an option of the table is not handled");
	return rc;
}

static error_t walk(struct argp_state *state, const char *shorts,
		    const struct option *longs)
{
	error_t rc = 0;
	int c;

	optind = 1;
	while (!rc && (c = getopt_long(state->argc, state->argv, shorts, longs,
				       NULL)) != -1) {
		switch (c) {
		case 1:
			rc = give_argument(state, optarg);
			break;
		case '?':
			refuse(state);
		case KEY_HELP:
			print_help(state);
			exit(EXIT_SUCCESS);
		case KEY_USAGE:
			print_usage_line(state, stdout);
			exit(EXIT_SUCCESS);
		case KEY_VERSION:
			puts(argp_program_version);
			exit(EXIT_SUCCESS);
		default:
			rc = give_option(state, c);
		}
	}
	/* The arguments after "--". */
	while (!rc && optind < state->argc) {
		char *arg = state->argv[optind++];

		rc = give_argument(state, arg);
	}
	return rc;
}

error_t argp_parse(const struct argp *argp, int argc, char **argv,
		   unsigned flags, int *arg_index, void *input)
{
	struct argp_state state = {
		.root_argp = argp, .argc = argc, .argv = argv, .next = 1,
		.flags = flags, .input = input, .name = argv[0],
	};
	size_t n = count_options(argp);
	struct option *longs = make_long_options(argp, n);
	char *shorts = make_short_options(argp, n);
	error_t rc = ENOMEM;

	if (!longs || !shorts)
		goto out;
	/* A parser need not handle the keys of these calls. */
	call(&state, ARGP_KEY_INIT, NULL);
	rc = walk(&state, shorts, longs);
	if (!rc && !state.arg_num)
		call(&state, ARGP_KEY_NO_ARGS, NULL);
	if (!rc) {
		rc = call(&state, ARGP_KEY_END, NULL);
		if (rc == ARGP_ERR_UNKNOWN)
			rc = 0;
	}
	call(&state, rc ? ARGP_KEY_ERROR : ARGP_KEY_SUCCESS, NULL);
	if (arg_index)
		*arg_index = optind;
out:
	free(longs);
	free(shorts);
	return rc;
}

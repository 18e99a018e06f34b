// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: help, from the table.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define LEFT	26	/* width of the column of names */
#define RIGHT	79	/* where lines end */

/* Words, broken into lines that begin at @indent; @at is where the first one goes on. */
static void print_words(size_t at, size_t indent, const char *text)
{
	bool first = true;
	size_t len;

	for (; *text; text += len + (text[len] == ' ')) {
		len = strcspn(text, " ");
		if (!first && at + 1 + len > RIGHT) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)len, text);
		at += len;
		first = false;
	}
	putchar('\n');
}

static void print_item(const char *left, const char *help)
{
	printf("  %-*s ", LEFT, left);
	print_words(strlen(left) > LEFT ? strlen(left) + 3 : LEFT + 3, LEFT + 3, help);
}

static void print_letter(const struct cmd_opt *opt)
{
	char left[8];

	snprintf(left, sizeof(left), "-%c", opt->letter);
	print_item(left, opt->help);
}

static void print_opt(const struct cmd_opt *opt)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", opt->letter ? '-' : ' ',
		 opt->letter ? opt->letter : ' ', opt->letter ? "," : " ", opt->name,
		 opt->arg ? " " : "", opt->arg ? opt->arg : "");
	print_item(left, opt->help);
}

static void print_globals(const struct cmd_verb *verb)
{
	const struct cmd_opt *opt;

	for (opt = cmd_globals; opt->name; opt++) {
		if (verb && verb->no_unit &&
		    (!strcmp(opt->name, "unit") || !strcmp(opt->name, "owner")))
			continue;
		if (verb && !verb->cols && !strcmp(opt->name, "columns"))
			continue;
		if (cmd_has_option(verb, opt->name))
			print_letter(opt);
		else
			print_opt(opt);
	}
}

static void print_exit_codes(void)
{
	printf("\nExit status: 0 done, 1 refused, 2 wrong usage, 3 no such object, 4 no\n"
	       "permission, 5 done in part, 6 no module, 124 timed out.\n");
}

void help_top(void)
{
	const struct cmd_object *object;

	printf("Usage: nyxctl [OPTION]... OBJECT VERB [ARGUMENT]... [OPTION]...\n"
	       "Look at and control the Nyx software IOMMU.\n\nObjects:\n");
	for (object = cmd_objects; object->name; object++)
		print_item(object->name, object->help);
	printf("\nOptions:\n");
	print_globals(NULL);
	printf("\nNumbers are decimal, like 64M, 1.5G (powers of 1024) or 64MB (of 1000), or\n"
	       "hexadecimal, like 0x4000000. Times are written like 2s, 500ms or 1h, without a\n"
	       "unit in seconds; devices like 0000:03:00.0 or 3:0.0. See also\n"
	       "'nyxctl OBJECT --help', 'nyxctl OBJECT VERB --help' and nyxctl(1).\n");
	print_exit_codes();
}

static void print_synopsis(const struct cmd_object *object, const struct cmd_verb *verb)
{
	const struct cmd_arg *arg;

	printf("nyxctl %s%s%s", object->name, *verb->name ? " " : "", verb->name);
	for (arg = verb->args; arg->name; arg++) {
		if (arg->kind == WORD_COMMAND)
			printf(arg->optional ? " [-- %s...]" : " -- %s...", arg->name);
		else
			printf(arg->optional ? " [%s]" : " %s", arg->name);
	}
	if (verb->opts[0].name)
		printf(" [OPTION]...");
	putchar('\n');
}

void help_object(const struct cmd_object *object)
{
	const struct cmd_verb *verb;

	printf("Usage: nyxctl %s VERB [ARGUMENT]... [OPTION]...\n%s: %s.\n\nVerbs:\n",
	       object->name, object->name, object->help);
	for (verb = object->verbs; verb->name; verb++)
		print_item(verb->name, verb->help);
	printf("\nSee also 'nyxctl %s VERB --help' and nyxctl-%s(1).\n", object->name,
	       object->name);
}

void help_verb(const struct cmd_object *object, const struct cmd_verb *verb)
{
	const struct out_col *col;
	const struct cmd_arg *arg;
	const struct cmd_opt *opt;
	char text[1024];
	size_t len = 0;

	printf("Usage: ");
	print_synopsis(object, verb);
	snprintf(text, sizeof(text), "%s.", verb->help);
	print_words(0, 0, text);
	if (verb->args[0].name)
		printf("\nArguments:\n");
	for (arg = verb->args; arg->name; arg++)
		print_item(arg->name, arg->help);
	if (verb->opts[0].name)
		printf("\nOptions:\n");
	for (opt = verb->opts; opt->name; opt++)
		print_opt(opt);
	printf("\nOptions of every command:\n");
	print_globals(verb);
	if (verb->cols) {
		for (col = verb->cols; col->key && len < sizeof(text); col++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? " " : "", col->key);
		printf("\nColumns:\n  ");
		print_words(2, 2, text);
	}
	if (verb->example)
		printf("\nExample:\n  nyxctl %s\n", verb->example);
}

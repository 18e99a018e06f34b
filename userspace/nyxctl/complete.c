// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: completion, from the table.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * "nyxctl __complete WORD..." prints what the last word may become, one a line;
 * "nyxctl __describe WORD..." explains it, too, behind a tab. The words are those after
 * "nyxctl"; the last one is what was typed so far. Shells hand over "--option=value" as
 * one word or, bash, as three. ":file" and ":command" ask the shell to complete those
 * itself.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "parse.h"
#include "vfio_host.h"

/* The words typed so far. */
struct typed {
	const struct cmd_object *object;
	const struct cmd_verb *verb;
	const char *args[CMD_MAX_ARGS];
	unsigned int nr_args;
	const char *opts[CMD_MAX_OPTS];	/* arguments of the verb's options */
	const struct cmd_opt *pending;	/* the option whose argument comes next */
	const char *unit;
	const char *owner;
	const char *node;
	bool command;			/* behind "--" */
	const char *word;		/* to be completed, */
	const char *prefix;		/* behind this, of @prefix_len */
	size_t prefix_len;
	bool describe;
};

static void offer(const struct typed *typed, const char *candidate, const char *help)
{
	if (strncmp(candidate, typed->word, strlen(typed->word)))
		return;
	printf("%.*s%s", (int)typed->prefix_len, typed->prefix, candidate);
	if (typed->describe && help)
		printf("\t%s", help);
	putchar('\n');
}

static const struct cmd_opt *find_opt(const struct cmd_opt *opts, const char *word)
{
	size_t len;

	for (; opts->name; opts++) {
		if (!strncmp(word, "--", 2)) {
			len = strcspn(word + 2, "=");
			if (strlen(opts->name) == len && !strncmp(word + 2, opts->name, len))
				return opts;
		} else if (opts->letter && word[1] == opts->letter) {
			return opts;
		}
	}
	return NULL;
}

static const struct cmd_opt *any_opt(const struct typed *typed, const char *word)
{
	const struct cmd_opt *opt = typed->verb ? find_opt(typed->verb->opts, word) : NULL;

	return opt ? opt : find_opt(cmd_globals, word);
}

static void take_option(struct typed *typed, const struct cmd_opt *opt, const char *arg)
{
	const struct cmd_opt *opts = typed->verb ? typed->verb->opts : NULL;

	if (opts && opt >= opts && opt < opts + CMD_MAX_OPTS)
		typed->opts[opt - opts] = arg;
	else if (!strcmp(opt->name, "unit"))
		typed->unit = arg;
	else if (!strcmp(opt->name, "node"))
		typed->node = arg;
	else if (!strcmp(opt->name, "owner"))
		typed->owner = arg;
}

/* A word before the last. */
static void take(struct typed *typed, const char *word)
{
	const struct cmd_opt *opt;
	const char *arg;

	if (typed->pending && !strcmp(word, "=")) {
		return;
	} else if (typed->pending) {
		take_option(typed, typed->pending, word);
		typed->pending = NULL;
	} else if (!strcmp(word, "--")) {
		typed->command = true;
	} else if (word[0] == '-' && word[1]) {
		opt = any_opt(typed, word);
		arg = !strncmp(word, "--", 2) ? strchr(word, '=') : word[2] ? word + 1 : NULL;
		if (opt && opt->arg && arg)
			take_option(typed, opt, arg + 1);
		else if (opt && opt->arg)
			typed->pending = opt;
	} else if (!typed->object) {
		typed->object = cmd_find_object(word);
		typed->verb = typed->object ? cmd_only_verb(typed->object) : NULL;
	} else if (!typed->verb) {
		typed->verb = cmd_find_verb(typed->object, word);
	} else if (typed->nr_args < CMD_MAX_ARGS) {
		typed->args[typed->nr_args++] = word;
	}
}

/* The user whose units are meant: the caller, unless --owner names another one. */
static uint32_t owner_of(const struct typed *typed)
{
	const struct passwd *pw;

	if (!typed->owner)
		return geteuid();
	if (parse_is_id(typed->owner))
		return (uint32_t)strtoul(typed->owner, NULL, 10);
	pw = getpwnam(typed->owner);
	return pw ? pw->pw_uid : geteuid();
}

static int offer_unit(const struct nyx_unit_info *info, void *arg)
{
	char name[NYX_NAME_LEN + 1] = "";

	if (info->owner_uid != owner_of(arg))
		return 0;
	memcpy(name, info->name, NYX_NAME_LEN);
	if (!*name)
		snprintf(name, sizeof(name), "%u", info->unit_id);
	offer(arg, name, NULL);
	return 0;
}

static int offer_domain(const struct nyx_domain_info *info, void *arg)
{
	char name[NYX_NAME_LEN + 1] = "";

	memcpy(name, info->name, NYX_NAME_LEN);
	if (!*name)
		snprintf(name, sizeof(name), "%u", info->domain_id);
	offer(arg, name, NULL);
	return 0;
}

static int offer_device(const struct nyx_device_info *info, void *arg)
{
	char text[NYX_SBDF_TEXT_LEN];

	nyx_sbdf_format((nyx_device_t){ info->sbdf }, text, sizeof(text));
	offer(arg, text, NULL);
	return 0;
}

/* Offers the objects that exist; after any error, none. */
static void offer_live(struct typed *typed, enum word_kind kind)
{
	struct nyx_unit_open_opts opts = {
		.size = sizeof(opts), .flags = NYX_OPEN_F_OWNER, .owner_uid = owner_of(typed),
	};
	struct nyx_unit *unit = NULL;
	struct nyx_ctx *ctx;

	if (nyx_ctx_open(typed->node, &ctx))
		return;
	if (kind == WORD_UNIT) {
		nyx_unit_foreach(ctx, offer_unit, typed);
	} else if (typed->unit) {
		if (parse_is_id(typed->unit))
			opts.id = (uint32_t)strtoul(typed->unit, NULL, 10);
		else
			opts.name = typed->unit;
		nyx_unit_open_with(ctx, &opts, &unit);
	}
	/* A device stands for its domain. */
	if (unit && kind == WORD_DOMAIN)
		nyx_domain_foreach(unit, offer_domain, typed);
	if (unit && (kind == WORD_DOMAIN || kind == WORD_DEVICE))
		nyx_device_foreach(unit, offer_device, typed);
	nyx_unit_unref(unit);
	nyx_ctx_unref(ctx);
}

static void offer_host_device(const char *name, void *arg)
{
	offer(arg, name, NULL);
}

static void offer_host_devices(struct typed *typed)
{
	const struct cmd_opt *opts = typed->verb->opts, *opt = cmd_find_opt(opts, "root");
	const char *root = opt ? typed->opts[opt - opts] : NULL;

	vfio_host_foreach(root ? root : "/", offer_host_device, typed);
}

/* Offer @item to complete the last item of a list such as "id,name,de". */
static void offer_item(const struct typed *typed, const char *item)
{
	const char *comma = strrchr(typed->word, ',');
	int before = comma ? (int)(comma + 1 - typed->word) : 0;
	char text[256];

	snprintf(text, sizeof(text), "%.*s%s", before, typed->word, item);
	offer(typed, text, NULL);
}

static void offer_objects(const struct typed *typed)
{
	const struct cmd_object *object;

	for (object = cmd_objects; object->name; object++)
		offer(typed, object->name, object->help);
}

static void offer_verbs(const struct typed *typed, const struct cmd_object *object)
{
	const struct cmd_verb *verb;

	if (!object || cmd_only_verb(object))
		return;
	for (verb = object->verbs; verb->name; verb++)
		offer(typed, verb->name, verb->help);
}

static void offer_words(struct typed *typed, enum word_kind kind, const char *const *choices)
{
	for (; choices && *choices; choices++) {
		if (kind == WORD_CHOICES)
			offer_item(typed, *choices);
		else
			offer(typed, *choices, NULL);
	}
	switch (kind) {
	case WORD_FILE:
		puts(":file");
		break;
	case WORD_COMMAND:
		puts(":command");
		break;
	case WORD_OBJECT:
		offer_objects(typed);
		break;
	case WORD_VERB:
		offer_verbs(typed, cmd_find_object(typed->args[0]));
		break;
	case WORD_UNIT:
	case WORD_DOMAIN:
	case WORD_DEVICE:
		offer_live(typed, kind);
		break;
	case WORD_HOST_DEVICE:
		offer_host_devices(typed);
		break;
	default:
		break;
	}
}

static bool is_among(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word))
		words++;
	return *words;
}

/*
 * Offer words that depend on another option. If that is missing, offer the words of all
 * its choices, each once; if its choice is wrong, offer none.
 */
static void offer_dependent(const struct typed *typed, const struct cmd_opt *opt)
{
	const struct cmd_opt *by = cmd_find_opt(typed->verb->opts, opt->by);
	const char *chosen = typed->opts[by - typed->verb->opts], *const *word;
	unsigned int i, j;

	for (i = 0; by->choices[i]; i++) {
		if (chosen && strcmp(chosen, by->choices[i]))
			continue;
		for (word = opt->by_choices[i]; *word; word++) {
			for (j = chosen ? i : 0; j < i; j++) {
				if (is_among(*word, opt->by_choices[j]))
					break;
			}
			if (j == i)
				offer_item(typed, *word);
		}
	}
}

/* @but: a verb whose options are not offered again, or NULL */
static void offer_options(const struct typed *typed, const struct cmd_opt *opt,
			  const struct cmd_verb *but)
{
	char text[48];

	for (; opt->name; opt++) {
		if (cmd_has_option(but, opt->name))
			continue;
		snprintf(text, sizeof(text), "--%s", opt->name);
		offer(typed, text, opt->help);
	}
}

static void offer_columns(const struct typed *typed)
{
	const struct out_col *col;

	for (col = typed->verb ? typed->verb->cols : NULL; col && col->key; col++)
		offer_item(typed, col->key);
}

static void offer_arg(struct typed *typed)
{
	const struct cmd_arg *arg = typed->verb->args;
	unsigned int i;

	for (i = 0; i < typed->nr_args && arg->name; i++)
		arg++;
	if (arg->name && arg->kind == WORD_COMMAND)
		offer(typed, "--", NULL);
	else if (arg->name)
		offer_words(typed, arg->kind, arg->choices);
}

/* The argument of an option. */
static void offer_value(struct typed *typed, const struct cmd_opt *opt)
{
	if (!strcmp(opt->name, "columns"))
		offer_columns(typed);
	else if (opt->by)
		offer_dependent(typed, opt);
	else
		offer_words(typed, opt->kind, opt->choices);
}

/* "--option=value" as one word: complete the value. */
static bool split_word(struct typed *typed)
{
	const char *equals = strchr(typed->word, '=');

	if (!equals || typed->word[0] != '-' || typed->word[1] != '-')
		return false;
	typed->pending = any_opt(typed, typed->word);
	typed->prefix = typed->word;
	typed->prefix_len = (size_t)(equals + 1 - typed->word);
	typed->word = equals + 1;
	return true;
}

int complete(int nr_words, char **words, bool describe)
{
	struct typed typed = { .unit = getenv("NYX_UNIT"), .prefix = "", .describe = describe };
	int i;

	for (i = 0; i + 1 < nr_words; i++)
		take(&typed, words[i]);
	typed.word = nr_words ? words[nr_words - 1] : "";
	if (typed.pending && !strcmp(typed.word, "="))
		typed.word = "";

	if (typed.command) {
		offer_words(&typed, WORD_COMMAND, NULL);
	} else if (typed.pending) {
		offer_value(&typed, typed.pending);
	} else if (split_word(&typed)) {
		if (typed.pending && typed.pending->arg)
			offer_value(&typed, typed.pending);
	} else if (typed.word[0] == '-') {
		if (typed.verb)
			offer_options(&typed, typed.verb->opts, NULL);
		offer_options(&typed, cmd_globals, typed.verb);
	} else if (!typed.object) {
		offer_objects(&typed);
	} else if (!typed.verb) {
		offer_verbs(&typed, typed.object);
	} else {
		offer_arg(&typed);
	}
	return EXIT_OK;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: the table of commands, and what a command is given.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The table drives everything that must agree: parsing (cli.c), help (help.c)
 * and completion (complete.c). A command is "OBJECT VERB"; all commands of an
 * object are in cmd_OBJECT.c. Policies and limits, which several objects have, are in
 * files of their own.
 */
#ifndef NYXCTL_CMD_H
#define NYXCTL_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nyx/nyx.h>

#include "out.h"

/* nyxctl(1) documents these. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,	/* the kernel, or the IOMMU, refused */
	EXIT_USAGE = 2,
	EXIT_ABSENT = 3,	/* no such object */
	EXIT_DENIED = 4,	/* no permission */
	EXIT_PARTIAL = 5,	/* part of the work was done */
	EXIT_NO_MODULE = 6,	/* the node leads to no module */
	EXIT_TIMEOUT = 124,	/* as timeout(1) */
};

/* The words that shells offer in the place of an argument. */
enum word_kind {
	WORD_ANY,
	WORD_FILE,
	WORD_UNIT,
	WORD_DOMAIN,
	WORD_DEVICE,
	WORD_HOST_DEVICE,	/* a PCI device of this machine */
	WORD_CHOICE,		/* one of choices */
	WORD_CHOICES,		/* some of choices, separated by commas */
	WORD_TIME,
	WORD_COMMAND,		/* a program and its arguments: everything after "--" */
	WORD_OBJECT,		/* a word of the table itself, */
	WORD_VERB,		/* and one of the object before it */
};

/**
 * struct cmd_arg - a positional argument
 * @name: shown in capitals
 * @kind: what it is
 * @optional: may be left out; all after it too
 * @choices: WORD_CHOICE: the words, closed by NULL
 * @help: one line
 */
struct cmd_arg {
	const char *name;
	enum word_kind kind;
	bool optional;
	const char *const *choices;
	const char *help;
};

/**
 * struct cmd_opt - an option
 * @name: long name, without dashes
 * @letter: one-letter form, or 0
 * @arg: name of its argument, or NULL if it has none
 * @kind: what the argument is
 * @choices: WORD_CHOICE, WORD_CHOICES: the words, closed by NULL
 * @help: one line
 * @by: WORD_CHOICES: the option that decides on the words, instead of @choices
 * @by_choices: with @by: the words, for each choice of that option
 */
struct cmd_opt {
	const char *name;
	char letter;
	const char *arg;
	enum word_kind kind;
	const char *const *choices;
	const char *help;
	const char *by;
	const char *const *const *by_choices;
};

#define CMD_MAX_ARGS	6
#define CMD_MAX_OPTS	16

struct cli;

/**
 * struct cmd_verb - a command
 * @name: the verb; empty: the object has only this command, which needs none
 * @help: one line
 * @args: positional arguments, closed by one without a name
 * @opts: options, closed by one without a name
 * @cols: columns of its listing, for --columns and help, or NULL
 * @no_unit: has no use for --unit
 * @run: does it; returns an enum exit_code
 * @example: one command line for help, without "nyxctl"
 */
struct cmd_verb {
	const char *name;
	const char *help;
	struct cmd_arg args[CMD_MAX_ARGS + 1];
	struct cmd_opt opts[CMD_MAX_OPTS + 1];
	const struct out_col *cols;
	bool no_unit;
	int (*run)(struct cli *cli);
	const char *example;
};

/**
 * struct cmd_object - what commands are about
 * @name: the object
 * @help: one line
 * @verbs: its commands, closed by one without a name
 */
struct cmd_object {
	const char *name;
	const char *help;
	const struct cmd_verb *verbs;
};

/**
 * struct cli - a call of nyxctl
 * @object: what it is about
 * @verb: what is to be done
 * @args: positional arguments; NULL: not given
 * @opts: the argument of each option of @verb, "" for one without; NULL: not
 *        given
 * @command: the words after "--", or NULL
 * @node: --node
 * @unit_name: --unit, or from the environment, or NULL
 * @owner: --owner, or NULL
 * @out: how to print
 * @quiet: --quiet
 * @ctx: the way to the module, once it is open
 * @unit: the unit, once it is open
 */
struct cli {
	const struct cmd_object *object;
	const struct cmd_verb *verb;
	const char *args[CMD_MAX_ARGS];
	const char *opts[CMD_MAX_OPTS];
	char **command;
	const char *node;
	const char *unit_name;
	const char *owner;
	struct out_style out;
	bool quiet;
	struct nyx_ctx *ctx;
	struct nyx_unit *unit;
};

/* Arguments that many commands share. */
#define DEVICE_ARG { "DEVICE", WORD_DEVICE, false, NULL, "the device, like 0000:03:00.0" }
#define DOMAIN_ARG \
	{ "DOMAIN", WORD_DOMAIN, false, NULL, "the domain, by name, id or one of its devices" }

/* table.c */
extern const struct cmd_object cmd_objects[];	/* closed by one without a name */
/*
 * Ends with an option without a name. A verb may have an option of the same name;
 * behind the verb, that name means the verb's option.
 */
extern const struct cmd_opt cmd_globals[];

/* True if @verb, which may be NULL, has an option of this name. */
bool cmd_has_option(const struct cmd_verb *verb, const char *name);
/* Each returns NULL if nothing has the name. @opts ends with an option without a name. */
const struct cmd_opt *cmd_find_opt(const struct cmd_opt *opts, const char *name);
const struct cmd_object *cmd_find_object(const char *name);
const struct cmd_verb *cmd_find_verb(const struct cmd_object *object, const char *name);
/* The command of an object that has no verbs, or NULL. */
const struct cmd_verb *cmd_only_verb(const struct cmd_object *object);

/* The verbs of each object, in its cmd_*.c. */
extern const struct cmd_verb cmd_module_verbs[];
extern const struct cmd_verb cmd_unit_verbs[];
extern const struct cmd_verb cmd_memory_verbs[];
extern const struct cmd_verb cmd_domain_verbs[];
extern const struct cmd_verb cmd_device_verbs[];
extern const struct cmd_verb cmd_map_verbs[];
extern const struct cmd_verb cmd_migrate_verbs[];
extern const struct cmd_verb cmd_iotlb_verbs[];
extern const struct cmd_verb cmd_dma_verbs[];
extern const struct cmd_verb cmd_irq_verbs[];
extern const struct cmd_verb cmd_mmio_verbs[];
extern const struct cmd_verb cmd_page_verbs[];
extern const struct cmd_verb cmd_target_verbs[];
extern const struct cmd_verb cmd_view_verbs[];
extern const struct cmd_verb cmd_fault_verbs[];
extern const struct cmd_verb cmd_event_verbs[];
extern const struct cmd_verb cmd_stat_verbs[];
extern const struct cmd_verb cmd_walk_verbs[];
extern const struct cmd_verb cmd_vfio_verbs[];
extern const struct cmd_verb cmd_version_verbs[];
extern const struct cmd_verb cmd_help_verbs[];

/* cli.c. Each returns an enum exit_code and has printed what was wrong. */
enum cli_next { CLI_RUN, CLI_DONE };
int cli_parse(struct cli *cli, int argc, char **argv, enum cli_next *next);
/* Sets the object and the verb; without @verb that of an object which has no others. */
int cli_find(const char *object, const char *verb, struct cli *cli);

/* The argument of an option of the verb ("" if it takes none); NULL: not given. */
const char *cli_opt(const struct cli *cli, const char *name);
int cli_open_ctx(struct cli *cli);
int cli_open_unit(struct cli *cli);
void cli_close(struct cli *cli);

/* help.c */
void help_top(void);
void help_object(const struct cmd_object *object);
void help_verb(const struct cmd_object *object, const struct cmd_verb *verb);

/*
 * complete.c: the hidden commands that completion scripts call. @describe: with a tab and
 * an explanation behind each word that has one.
 */
int complete(int nr_words, char **words, bool describe);

#endif /* NYXCTL_CMD_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: the command line, by the table.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * getopt_long(3) runs three times: up to the object, up to the verb, and over
 * the rest, where the options of the verb count too and may stand anywhere. Each
 * time the word before takes the place of the program's name.
 */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "suggest.h"

#define MAX_GLOBALS	16
#define MAX_OPTS	(MAX_GLOBALS + CMD_MAX_OPTS)
#define OPT_BASE	256	/* getopt_long() returns this plus an index into opts */

/* The options that the current run of getopt_long() accepts. */
struct options {
	const struct cmd_opt *opts[MAX_OPTS];
	struct option longs[MAX_OPTS + 1];
	char letters[2 * MAX_OPTS + 3];
	int nr;
};

/* Of two options with the same name the first one wins; the second keeps its letter. */
static void options_add(struct options *options, const struct cmd_opt *opt)
{
	struct option *l;
	char *letter;

	for (; opt->name; opt++) {
		assert(options->nr < MAX_OPTS);
		l = &options->longs[options->nr];
		l->name = opt->name;
		l->has_arg = opt->arg ? required_argument : no_argument;
		l->flag = NULL;
		l->val = OPT_BASE + options->nr;
		options->opts[options->nr++] = opt;
		if (opt->letter) {
			letter = options->letters + strlen(options->letters);
			*letter++ = opt->letter;
			if (opt->arg)
				*letter++ = ':';
			*letter = '\0';
		}
	}
}

static int option_by_letter(const struct options *options, int c)
{
	int i;

	for (i = 0; i < options->nr; i++) {
		if (options->opts[i]->letter == c)
			return i;
	}
	return -1;
}

/* getopt_long() takes "--js" for "--json"; nyxctl does not. */
static bool is_abbreviated(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, "--", 2) || strncmp(word + 2, name, len) ||
	       (word[2 + len] && word[2 + len] != '=');
}

/* "unit create" and a separator, for messages; as far as it is known. */
static const char *command(const struct cli *cli, const char *separator)
{
	static char texts[2][64];
	static unsigned int next;
	char *text = texts[next++ % 2];

	if (!cli->object)
		return "";
	snprintf(text, sizeof(texts[0]), "%s%s%s%s", cli->object->name,
		 cli->verb && *cli->verb->name ? " " : "", cli->verb ? cli->verb->name : "",
		 separator);
	return text;
}

static int unknown_option(const struct cli *cli, const char *word)
{
	struct suggest s = suggest_begin("");
	const struct cmd_opt *opt;
	char name[32];

	if (!strncmp(word, "--", 2)) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		s = suggest_begin(name);
	}
	for (opt = cli->verb ? cli->verb->opts : cmd_globals; opt->name; opt++)
		suggest_try(&s, opt->name);
	for (opt = cmd_globals; opt->name; opt++)
		suggest_try(&s, opt->name);
	if (s.best)
		return err_usage("%sunknown option '%s'%s", command(cli, ": "), word,
				 suggest_text(&s, "--"));
	return err_usage("%sunknown option '%s'; see 'nyxctl %s--help'", command(cli, ": "), word,
			 command(cli, " "));
}

static void set_global(struct cli *cli, const struct cmd_opt *opt, const char *arg,
		       enum cli_next *next)
{
	uint32_t format;

	if (!strcmp(opt->name, "unit")) {
		cli->unit_name = arg;
	} else if (!strcmp(opt->name, "owner")) {
		cli->owner = arg;
	} else if (!strcmp(opt->name, "output")) {
		if (!parse_choice("--output", arg, opt->choices, &format))
			cli->out.format = (enum out_format)format;
	} else if (!strcmp(opt->name, "json")) {
		cli->out.format = OUT_JSON;
	} else if (!strcmp(opt->name, "columns")) {
		cli->out.columns = arg;
	} else if (!strcmp(opt->name, "bytes")) {
		cli->out.bytes = true;
	} else if (!strcmp(opt->name, "quiet")) {
		cli->quiet = cli->out.quiet = true;
	} else if (!strcmp(opt->name, "verbose")) {
		cli->out.verbose = true;
	} else if (!strcmp(opt->name, "node")) {
		cli->node = arg;
	} else if (!strcmp(opt->name, "version")) {
		puts("nyxctl " NYXCTL_VERSION);
		*next = CLI_DONE;
	} else {
		if (cli->verb)
			help_verb(cli->object, cli->verb);
		else if (cli->object)
			help_object(cli->object);
		else
			help_top();
		*next = CLI_DONE;
	}
}

static int set_option(struct cli *cli, const struct options *options, int index,
		      const char *arg, enum cli_next *next)
{
	const struct cmd_opt *opt = options->opts[index];
	char what[40];
	uint32_t choice;
	uint64_t ms;

	snprintf(what, sizeof(what), "--%s", opt->name);
	if (opt->arg && opt->kind == WORD_CHOICE && parse_choice(what, arg, opt->choices, &choice))
		return EXIT_USAGE;
	if (opt->arg && opt->kind == WORD_TIME && parse_time(what, arg, &ms))
		return EXIT_USAGE;
	if (cli->verb && opt >= cli->verb->opts && opt < cli->verb->opts + CMD_MAX_OPTS)
		cli->opts[opt - cli->verb->opts] = arg ? arg : "";
	else
		set_global(cli, opt, arg, next);
	return EXIT_OK;
}

/*
 * Options in argv[1] and after; argv[0] is the word before. With @stop up to the
 * first word that is none. *used: the words that were taken, argv[0] too.
 */
static int parse_options(struct cli *cli, int argc, char **argv, bool stop, int *used,
			 enum cli_next *next)
{
	struct options options = { .letters = "" };
	const char *word;
	int c, index, rc;

	strcpy(options.letters, stop ? "+:" : ":");
	if (cli->verb)
		options_add(&options, cli->verb->opts);
	options_add(&options, cmd_globals);

	optind = 0;
	opterr = 0;
	for (;;) {
		c = getopt_long(argc, argv, options.letters, options.longs, NULL);
		if (c < 0)
			break;
		word = argv[optind - 1];
		if (c == '?') {
			char letter[3] = { '-', (char)optopt, '\0' };

			/* optopt: a letter; 0: a name; an index: a name with "=..." too much */
			return unknown_option(cli, optopt > 0 && optopt < OPT_BASE ? letter :
						   word);
		}
		if (c == ':')
			return err_usage("%soption '%s' needs an argument", command(cli, ": "),
					 word);
		index = c >= OPT_BASE ? c - OPT_BASE : option_by_letter(&options, c);
		if (c >= OPT_BASE && optarg == word)
			word = argv[optind - 2];
		if (c >= OPT_BASE && is_abbreviated(word, options.opts[index]->name))
			return unknown_option(cli, word);
		rc = set_option(cli, &options, index, optarg, next);
		if (rc || *next == CLI_DONE)
			return rc;
	}
	*used = optind;
	return EXIT_OK;
}

/* The name of an object or, with @object, of one of its verbs; NULL behind the last one. */
static const char *name_of(const struct cmd_object *object, size_t i)
{
	return object ? object->verbs[i].name : cmd_objects[i].name;
}

/* Names of objects or verbs, for messages. */
static void list_words(char *buf, size_t size, const struct cmd_object *object)
{
	size_t len = 0, i;

	*buf = '\0';
	for (i = 0; name_of(object, i) && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					name_of(object, i));
}

static int unknown_word(const struct cmd_object *object, const char *word)
{
	struct suggest s = suggest_begin(word);
	char words[256];
	size_t i;

	for (i = 0; name_of(object, i); i++)
		suggest_try(&s, name_of(object, i));
	list_words(words, sizeof(words), object);
	if (!object)
		return s.best ? err_usage("unknown object '%s'%s", word, suggest_text(&s, "")) :
				err_usage("unknown object '%s', not one of: %s", word, words);
	if (cmd_only_verb(object))
		return err_usage("%s has no verbs; see 'nyxctl %s --help'", object->name,
				 object->name);
	return s.best ? err_usage("%s: unknown verb '%s'%s", object->name, word,
				  suggest_text(&s, "")) :
			err_usage("%s: unknown verb '%s', not one of: %s", object->name, word, words);
}

int cli_find(const char *object, const char *verb, struct cli *cli)
{
	cli->object = cmd_find_object(object);
	if (!cli->object)
		return unknown_word(NULL, object);
	cli->verb = verb ? cmd_find_verb(cli->object, verb) : cmd_only_verb(cli->object);
	return verb && !cli->verb ? unknown_word(cli->object, verb) : EXIT_OK;
}

/* True if the user wrote 'create unit' for 'unit create'. */
static bool verb_first(int argc, char **argv)
{
	const struct cmd_object *object = argc > 1 ? cmd_find_object(argv[1]) : NULL;

	return object && !cmd_find_object(argv[0]) && cmd_find_verb(object, argv[0]);
}

static int find_command(struct cli *cli, int *argc, char ***argv, enum cli_next *next)
{
	char words[256];
	int used, rc;

	rc = parse_options(cli, *argc, *argv, true, &used, next);
	if (rc || *next == CLI_DONE)
		return rc;
	if (used >= *argc) {
		list_words(words, sizeof(words), cli->object);
		if (cli->object)
			return err_usage("%s: a verb is missing, one of: %s", cli->object->name,
					 words);
		return err_usage("a command is missing; see 'nyxctl --help'");
	}
	*argc -= used;
	*argv += used;
	if (!cli->object && verb_first(*argc, *argv))
		return err_usage("unknown object '%s'; the object comes first: 'nyxctl %s %s'",
				 (*argv)[0], (*argv)[1], (*argv)[0]);
	return cli->object ? cli_find(cli->object->name, **argv, cli) : cli_find(**argv, NULL, cli);
}

static bool takes_command(const struct cmd_verb *verb)
{
	const struct cmd_arg *arg;

	for (arg = verb->args; arg->name; arg++) {
		if (arg->kind == WORD_COMMAND)
			return true;
	}
	return false;
}

static int set_args(struct cli *cli, int nr, char **words)
{
	const struct cmd_arg *arg = cli->verb->args;
	uint32_t choice;
	int i;

	for (i = 0; arg->name && arg->kind != WORD_COMMAND; i++, arg++) {
		if (i >= nr && arg->optional)
			continue;
		if (i >= nr)
			return err_usage("%s%s is missing: %s", command(cli, ": "), arg->name,
					 arg->help);
		if (arg->kind == WORD_CHOICE && parse_choice(arg->name, words[i], arg->choices,
							     &choice))
			return EXIT_USAGE;
		cli->args[i] = words[i];
	}
	if (i < nr)
		return err_usage("%s'%s' is one argument too many; see 'nyxctl %s--help'",
				 command(cli, ": "), words[i], command(cli, " "));
	if (arg->name && !cli->command && !arg->optional)
		return err_usage("%s'-- %s' is missing: %s", command(cli, ": "), arg->name,
				 arg->help);
	return EXIT_OK;
}

static int unknown_column(const struct cli *cli, const char *name, size_t len)
{
	char word[48];
	struct suggest s;
	const struct out_col *col;

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	s = suggest_begin(word);
	for (col = cli->verb->cols; col->key; col++)
		suggest_try(&s, col->key);
	if (s.best)
		return err_usage("%sunknown column '%s'%s", command(cli, ": "), word,
				 suggest_text(&s, ""));
	return err_usage("%sunknown column '%s'; see 'nyxctl %s--help'", command(cli, ": "), word,
			 command(cli, " "));
}

static int check_columns(const struct cli *cli)
{
	const struct out_col *cols = cli->verb->cols, *col;
	const char *s = cli->out.columns;
	size_t len;

	if (!s)
		return EXIT_OK;
	if (!cols)
		return err_usage("%sthere are no columns", command(cli, ": "));
	do {
		len = strcspn(s, ",");
		for (col = cols; col->key; col++) {
			if (strlen(col->key) == len && !strncmp(col->key, s, len))
				break;
		}
		if (!col->key)
			return unknown_column(cli, s, len);
		s += len;
	} while (*s++ == ',');
	return EXIT_OK;
}

/* Look for --json before the command line is parsed, so that parse errors are JSON as well. */
static bool wants_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json") ||
		    !strcmp(argv[i], "-ojson") || !strcmp(argv[i], "--output=json"))
			return true;
		if ((!strcmp(argv[i], "-o") || !strcmp(argv[i], "--output")) && argv[i + 1] &&
		    !strcmp(argv[i + 1], "json"))
			return true;
	}
	return false;
}

int cli_parse(struct cli *cli, int argc, char **argv, enum cli_next *next)
{
	const char *env = getenv("NYX_UNIT");
	int used, rc, i;

	memset(cli, 0, sizeof(*cli));
	cli->unit_name = env && *env ? env : NULL;
	*next = CLI_RUN;
	err_init(wants_json(argc, argv));

	while (!cli->verb) {
		rc = find_command(cli, &argc, &argv, next);
		if (rc || *next == CLI_DONE)
			return rc;
	}
	for (i = 1; takes_command(cli->verb) && i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			if (argv[i + 1])
				cli->command = argv + i + 1;
			argc = i;
		}
	}
	rc = parse_options(cli, argc, argv, false, &used, next);
	if (rc || *next == CLI_DONE)
		return rc;
	rc = set_args(cli, argc - used, argv + used);
	return rc ? rc : check_columns(cli);
}

const char *cli_opt(const struct cli *cli, const char *name)
{
	const struct cmd_opt *opt;

	for (opt = cli->verb->opts; opt->name; opt++) {
		if (!strcmp(opt->name, name))
			return cli->opts[opt - cli->verb->opts];
	}
	assert(!"an option of the verb");
	return NULL;
}

#define MODULE_DIR	"/sys/module/nyx_iommu"

/* Only the default node is known to come and go with the module. */
static int no_node(const char *node, int err)
{
	if (strcmp(node, NYX_NODE_DEFAULT))
		return err_exit(EXIT_NO_MODULE, err, "cannot open %s: there is no such file; leave out --node for %s",
				node, NYX_NODE_DEFAULT);
	if (!access(MODULE_DIR, F_OK))
		return err_exit(EXIT_NO_MODULE, err, "cannot open %s: the module is loaded, but its node is missing; udev makes it, see nyx-iommu(4)",
				node);
	return err_exit(EXIT_NO_MODULE, err, "cannot open %s: the module is not loaded; load it with 'modprobe nyx-iommu', or with 'make load' in the source tree",
			node);
}

static int node_denied(const char *node, int err)
{
	const struct group *group = NULL;
	struct stat st;

	if (!stat(node, &st) && (st.st_mode & 0060) == 0060)
		group = getgrgid(st.st_gid);
	if (group && st.st_gid)
		return err_say(err, "cannot open %s: permission denied; join its group with 'usermod -aG %s USER' or run as root",
			       node, group->gr_name);
	return err_say(err, "cannot open %s: permission denied; run as root", node);
}

int cli_open_ctx(struct cli *cli)
{
	const char *node = cli->node ? cli->node : NYX_NODE_DEFAULT;
	int ret;

	if (cli->ctx)
		return EXIT_OK;
	ret = nyx_ctx_open(cli->node, &cli->ctx);
	switch (-ret) {
	case 0:
		return EXIT_OK;
	case ENOENT:
		return no_node(node, ret);
	case ENXIO:
	case ENODEV:
		return err_exit(EXIT_NO_MODULE, ret, "cannot open %s: no driver serves it; load the module with 'modprobe nyx-iommu'",
				node);
	case EACCES:
	case EPERM:
		return node_denied(node, ret);
	case ENOTTY:
	case EINVAL:
		return err_exit(EXIT_NO_MODULE, ret, "%s is not the device node of Nyx", node);
	case EMFILE:
	case ENOMEM:
		return err_explain(ret, "cannot open %s", node);
	default:
		return err_exit(EXIT_NO_MODULE, ret, "cannot open %s: %s", node, strerror(-ret));
	}
}

/* Messages and results name the unit by its name, even if the user gave its id. */
static void name_unit(struct cli *cli, uint32_t id)
{
	static char name[NYX_NAME_LEN + 1];
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	snprintf(name, sizeof(name), "%u", id);
	if (cli->unit && !nyx_unit_get(cli->unit, &info) && info.name[0])
		memcpy(name, info.name, NYX_NAME_LEN);
	cli->unit_name = name;
}

/* A unit of this name or id that the caller does not own; leaves its owner in @arg. */
static int match_others(const struct nyx_unit_info *info, void *arg)
{
	struct nyx_unit_open_opts *opts = arg;

	if (info->owner_uid == geteuid() ||
	    (opts->id ? info->unit_id != opts->id :
			strncmp((const char *)info->name, opts->name, NYX_NAME_LEN)))
		return 0;
	opts->owner_uid = info->owner_uid;
	return 1;
}

static int no_unit(struct cli *cli, struct nyx_unit_open_opts *opts, int err)
{
	err_keep(err);
	if (!cli->owner && (opts->id || opts->name) &&
	    nyx_unit_foreach(cli->ctx, match_others, opts) > 0)
		return err_say(-ENOENT, "you have no unit '%s', but user %u has; only root may open that, with --owner",
			       cli->unit_name, opts->owner_uid);
	return err_say(-ENOENT, "there is no unit '%s'; 'nyxctl unit list' shows all",
		       cli->unit_name);
}

int cli_open_unit(struct cli *cli)
{
	struct nyx_unit_open_opts opts = { .size = sizeof(opts) };
	const char *name = cli->unit_name;
	int rc, ret;

	if (cli->unit)
		return EXIT_OK;
	if (!name)
		return err_usage("no unit given; use --unit or set NYX_UNIT; 'nyxctl unit list' shows all");
	rc = cli_open_ctx(cli);
	if (rc)
		return rc;
	if (cli->owner) {
		opts.flags = NYX_OPEN_F_OWNER;
		rc = parse_user("--owner", cli->owner, &opts.owner_uid);
	}
	if (parse_is_id(name))
		rc = rc ? rc : parse_u32("unit id", name, &opts.id);
	else
		opts.name = name;
	if (rc)
		return rc;
	ret = nyx_unit_open_with(cli->ctx, &opts, &cli->unit);
	if (opts.id)
		name_unit(cli, opts.id);
	switch (-ret) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case EINVAL:
	case ENAMETOOLONG:
		return no_unit(cli, &opts, ret);
	default:
		return err_explain(ret, "cannot open unit '%s'", cli->unit_name);
	}
}

void cli_close(struct cli *cli)
{
	nyx_unit_unref(cli->unit);
	nyx_ctx_unref(cli->ctx);
}

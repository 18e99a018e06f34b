// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl help: the same as --help, as a word.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "cmd.h"

static int run_help(struct cli *cli)
{
	struct cli about = { 0 };
	int rc = EXIT_OK;

	if (!cli->args[0]) {
		help_top();
		return EXIT_OK;
	}
	rc = cli_find(cli->args[0], cli->args[1], &about);
	if (rc)
		return rc;
	if (about.verb)
		help_verb(about.object, about.verb);
	else
		help_object(about.object);
	return EXIT_OK;
}

const struct cmd_verb cmd_help_verbs[] = {
	{
		.name = "",
		.help = "Explain nyxctl, an object, or a command",
		.args = {
			{ "OBJECT", WORD_OBJECT, true, NULL, "what commands are about" },
			{ "VERB", WORD_VERB, true, NULL, "one of its commands" },
		},
		.no_unit = true,
		.run = run_help,
		.example = "help unit create",
	},
	{ 0 }
};

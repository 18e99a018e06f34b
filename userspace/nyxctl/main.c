// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: control the Nyx software IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyxctl knows the module only through libnyx.
 */
#include <string.h>

#include "cmd.h"
#include "err.h"

int main(int argc, char **argv)
{
	enum cli_next next;
	struct cli cli;
	int rc;

	if (argc > 1 && (!strcmp(argv[1], "__complete") || !strcmp(argv[1], "__describe")))
		return complete(argc - 2, argv + 2, argv[1][2] == 'd');

	rc = cli_parse(&cli, argc, argv, &next);
	if (!rc && next == CLI_RUN) {
		err_init(cli.out.format == OUT_JSON);
		rc = cli.verb->run(&cli);
		cli_close(&cli);
	}
	return out_close_stdout(rc);
}

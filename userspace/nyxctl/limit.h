/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: limits of domains and devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYXCTL_LIMIT_H
#define NYXCTL_LIMIT_H

#include "cmd.h"

extern const struct out_col limit_cols[];

#define LIMIT_OPTS \
	{ "bytes", 0, "NUMBER", WORD_ANY, NULL, "bytes of DMA per second; 0: no limit" }, \
	{ "ops", 0, "NUMBER", WORD_ANY, NULL, "DMA operations per second; 0: no limit" }, \
	{ "irqs", 0, "NUMBER", WORD_ANY, NULL, "interrupts per second; 0: no limit" }, \
	{ "burst", 0, "TIME", WORD_TIME, NULL, "allow at once what the rates allow in this time (default: 10ms)" }, \
	{ "none", 0, NULL, WORD_ANY, NULL, "remove all limits" }

/* Check the options, without a unit. */
int limit_check(struct cli *cli);

/* Show the limits or, with options, change them. The caller has opened the unit. */
int limit_run(struct cli *cli, uint32_t scope, uint32_t id);

#endif /* NYXCTL_LIMIT_H */

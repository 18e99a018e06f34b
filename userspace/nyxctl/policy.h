/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: fault policies of units and devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYXCTL_POLICY_H
#define NYXCTL_POLICY_H

#include "cmd.h"

extern const struct out_col policy_cols[];
extern const char *const policy_actions[];
extern const char *const policy_scopes[];
extern const char *const policy_yes_no[];

#define POLICY_OPTS \
	{ "threshold", 0, "NUMBER", WORD_ANY, NULL, "take the action at this fault score" }, \
	{ "window", 0, "TIME", WORD_TIME, NULL, "time over which faults are counted, like 10s" }, \
	{ "action", 0, "ACTION", WORD_CHOICE, policy_actions, \
	  "report (only count) or quarantine" }, \
	{ "observe", 0, NULL, WORD_ANY, NULL, "only report what the action would be (--action ends that)" }, \
	{ "scope", 0, "SCOPE", WORD_CHOICE, policy_scopes, \
	  "quarantine the device, or all of its domain" }, \
	{ "weight", 0, "LIST", WORD_ANY, NULL, \
	  "score of each class of faults, like address=1,interrupt=5" }, \
	{ "recover", 0, "ANSWER", WORD_CHOICE, policy_yes_no, \
	  "end the quarantine after the back-off: yes or no" }, \
	{ "backoff", 0, "TIME", WORD_TIME, NULL, "time of the first quarantine, doubled for each further one" }, \
	{ "backoff-max", 0, "TIME", WORD_TIME, NULL, "longest time in quarantine" }, \
	{ "probation", 0, "TIME", WORD_TIME, NULL, "time on probation before the device is active" }, \
	{ "max-tries", 0, "NUMBER", WORD_ANY, NULL, "ends of a quarantine before the device is disabled" }, \
	{ "records", 0, "NUMBER", WORD_ANY, NULL, "fault records per second, or 'all'" }

/* Check the options, without a unit. */
int policy_check(struct cli *cli);

/* Show the policy or, with options, change it. The caller has opened the unit. */
int policy_run(struct cli *cli, uint32_t scope, uint32_t sbdf);

#endif /* NYXCTL_POLICY_H */

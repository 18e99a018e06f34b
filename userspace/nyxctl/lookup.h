/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: objects of a unit, from what people call them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each function that returns an int returns an exit code and has printed what
 * was wrong.
 */
#ifndef NYXCTL_LOOKUP_H
#define NYXCTL_LOOKUP_H

#include "cmd.h"

/*
 * Opens the unit and finds a domain: digits are an id, a device's address stands for
 * the domain of the device, anything else is a name.
 */
int lookup_domain(struct cli *cli, const char *word, struct nyx_domain_info *info);

/* Opens the unit and reads the name of a device; it need not exist. */
int lookup_sbdf(struct cli *cli, const char *word, uint32_t *sbdf);

/* As lookup_sbdf(), but the device must exist. */
int lookup_device(struct cli *cli, const char *word, struct nyx_device_info *info);

/* Report that the device or the domain of a failed call does not exist. */
int lookup_no_device(struct cli *cli, uint32_t sbdf);
int lookup_no_domain(struct cli *cli, const char *word);

/*
 * Returns "3 (net)" or "3"; for a guest's domain "1281 (DID 5)". The results of the last
 * four calls are valid.
 */
const char *lookup_domain_text(const struct nyx_domain_info *info);
/* The columns of a domain: @col its id, @col + 1 the DID of a guest's. */
void lookup_put_domain(struct out *out, unsigned int col, const struct nyx_domain_info *info);
/* Returns "0000:03:00.0". The results of the last four calls are valid. */
const char *lookup_sbdf_text(uint32_t sbdf);

#endif /* NYXCTL_LOOKUP_H */

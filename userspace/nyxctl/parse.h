/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: words of the command line to values.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Numbers, sizes and times are those of ../common/number.h. Each function returns
 * EXIT_OK, or has printed what is wrong with @what and returns EXIT_USAGE.
 */
#ifndef NYXCTL_PARSE_H
#define NYXCTL_PARSE_H

#include <stdbool.h>
#include <stdint.h>

struct cli;

int parse_u64(const char *what, const char *word, uint64_t *value);
int parse_u32(const char *what, const char *word, uint32_t *value);
/* As parse_u64(), but a multiple of 4096. */
int parse_page(const char *what, const char *word, uint64_t *value);
/* As parse_page(), but not 0. */
int parse_length(const char *what, const char *word, uint64_t *value);
int parse_prot(const char *what, const char *word, uint32_t *prot);
int parse_sbdf(const char *word, uint32_t *sbdf);
/* To milliseconds. */
int parse_time(const char *what, const char *word, uint64_t *ms);
/* Page sizes, separated by commas, to a bit mask. */
int parse_page_sizes(const char *what, const char *word, uint64_t *mask);
/* Hexadecimal digits, two a byte. *bytes is to be freed. */
int parse_bytes(const char *what, const char *word, unsigned char **bytes, uint64_t *length);
/* The index of @word among @choices, closed by NULL. */
int parse_choice(const char *what, const char *word, const char *const *choices,
		 uint32_t *index);

/* A user of this machine, by name or id. */
int parse_user(const char *what, const char *word, uint32_t *uid);

/* True if @word is an id, decimal or hexadecimal, and not a name. */
bool parse_is_id(const char *word);

/* A name: it fits, is of letters, digits and @others, and does not look like an id. */
int parse_name(const char *what, const char *word, const char *others);

#endif /* NYXCTL_PARSE_H */

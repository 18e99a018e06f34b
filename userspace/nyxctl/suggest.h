/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: what a mistyped word probably means.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *   struct suggest s = suggest_begin(word);
 *   suggest_try(&s, candidate);	for each
 *   ... s.best is the closest, or NULL if none is close
 */
#ifndef NYXCTL_SUGGEST_H
#define NYXCTL_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *word;
	const char *best;
	size_t distance;	/* of @best; initially the smallest that is too large */
};

struct suggest suggest_begin(const char *word);
void suggest_try(struct suggest *s, const char *candidate);

/* "; did you mean 'X'?", with @prefix in front of X, or "". Valid until the next call. */
const char *suggest_text(const struct suggest *s, const char *prefix);

#endif /* NYXCTL_SUGGEST_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: what a mistyped word was meant to be.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "suggest.h"

#include <stdio.h>
#include <string.h>

#define MAX_WORD	32u	/* every name is shorter */

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, delete, replace, or swap with their neighbour. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t d[MAX_WORD + 1][MAX_WORD + 1], la = strlen(a), lb = strlen(b), i, j;

	for (i = 0; i <= la; i++)
		d[i][0] = i;
	for (j = 0; j <= lb; j++)
		d[0][j] = j;
	for (i = 1; i <= la; i++) {
		for (j = 1; j <= lb; j++) {
			d[i][j] = min(min(d[i - 1][j], d[i][j - 1]) + 1,
				      d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[la][lb];
}

struct suggest suggest_begin(const char *word)
{
	size_t len = strlen(word);

	/* Allow one typing error in a short word, two in a longer one. */
	return (struct suggest){ .word = word, .distance = len < 5 ? 2 : 3 };
}

void suggest_try(struct suggest *s, const char *candidate)
{
	size_t len = strlen(s->word), distance;

	if (!len || len > MAX_WORD || strlen(candidate) > MAX_WORD)
		return;
	distance = edit_distance(s->word, candidate);
	/* Count an unfinished word as one typing error. */
	if (len > 1 && !strncmp(s->word, candidate, len))
		distance = 1;
	if (distance < s->distance && distance < strlen(candidate)) {
		s->best = candidate;
		s->distance = distance;
	}
}

const char *suggest_text(const struct suggest *s, const char *prefix)
{
	static char text[MAX_WORD + 32];

	if (!s->best)
		return "";
	snprintf(text, sizeof(text), "; did you mean '%s%s'?", prefix, s->best);
	return text;
}

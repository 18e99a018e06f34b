// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers, sizes and times of command lines.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define MAX_FRACTION	18	/* digits; 10^18 fits in 64 bits */

static bool size_factor(const char *unit, uint64_t *factor)
{
	static const char letters[] = "kmgtpe";
	uint64_t base = 1024;
	const char *letter;

	*factor = 1;
	if (!*unit || !strcmp(unit, "B"))
		return true;
	letter = strchr(letters, tolower((unsigned char)*unit));
	if (!letter)
		return false;
	if (!strcasecmp(unit + 1, "B"))
		base = 1000;
	else if (unit[1] && strcasecmp(unit + 1, "iB"))
		return false;
	for (; letter >= letters; letter--)
		*factor *= base;
	return true;
}

static bool time_factor(const char *unit, uint64_t *factor)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 86400000 },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		*factor = units[i].ms;
		if (!strcmp(units[i].name, unit))
			return true;
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits only: strtoull() would take blanks, signs and a second "0x". */
static int hexadecimal(const char *s, uint64_t *value)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; hex_digit(*s) >= 0; s++) {
		if (v >> 60)
			return -EOVERFLOW;
		v = v << 4 | (uint64_t)hex_digit(*s);
	}
	if (*s)
		return -EINVAL;
	*value = v;
	return 0;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	uint64_t rest;

	while (b) {
		rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static int decimal(const char *s, bool (*find_factor)(const char *unit, uint64_t *factor),
		   uint64_t *value)
{
	uint64_t whole = 0, fraction = 0, scale = 1, factor, divisor;
	bool overflow = false;
	const char *point;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++) {
		overflow |= __builtin_mul_overflow(whole, 10, &whole);
		overflow |= __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole);
	}
	if (*s == '.') {
		point = s++;
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		for (; isdigit((unsigned char)*s); s++) {
			if (s - point > MAX_FRACTION)
				return -EINVAL;
			fraction = fraction * 10 + (uint64_t)(*s - '0');
			scale *= 10;
		}
	}
	if (!find_factor(s, &factor))
		return -EINVAL;
	/* fraction * factor / scale, without more than 64 bits on the way */
	divisor = common_divisor(factor, scale);
	if (fraction % (scale / divisor))
		return -EDOM;
	fraction = fraction / (scale / divisor) * (factor / divisor);
	overflow |= __builtin_mul_overflow(whole, factor, &whole);
	overflow |= __builtin_add_overflow(whole, fraction, &whole);
	if (overflow)
		return -EOVERFLOW;
	*value = whole;
	return 0;
}

int number_size(const char *word, uint64_t *bytes)
{
	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
		return hexadecimal(word + 2, bytes);
	return decimal(word, size_factor, bytes);
}

int number_time(const char *word, uint64_t *ms)
{
	return decimal(word, time_factor, ms);
}

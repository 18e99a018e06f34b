// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: words of the command line to values.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "number.h"

#define PAGE_MASK	UINT64_C(4095)

int parse_u64(const char *what, const char *word, uint64_t *value)
{
	switch (number_size(word, value)) {
	case 0:
		return EXIT_OK;
	case -EOVERFLOW:
		return err_usage("%s '%s' does not fit in 64 bits", what, word);
	case -EDOM:
		return err_usage("%s '%s' is not a whole number", what, word);
	default:
		return err_usage("%s '%s' is not a number; write it like 4096, 0x1000, 4K or 1.5G",
				 what, word);
	}
}

int parse_u32(const char *what, const char *word, uint32_t *value)
{
	uint64_t v;
	int rc;

	rc = parse_u64(what, word, &v);
	if (rc)
		return rc;
	if (v > UINT32_MAX)
		return err_usage("%s '%s' does not fit in 32 bits", what, word);
	*value = (uint32_t)v;
	return EXIT_OK;
}

int parse_user(const char *what, const char *word, uint32_t *uid)
{
	const struct passwd *pw;

	if (parse_is_id(word))
		return parse_u32(what, word, uid);
	pw = getpwnam(word);
	if (!pw)
		return err_usage("%s '%s' is not a user of this machine", what, word);
	*uid = pw->pw_uid;
	return EXIT_OK;
}

int parse_page(const char *what, const char *word, uint64_t *value)
{
	int rc;

	rc = parse_u64(what, word, value);
	if (rc)
		return rc;
	if (*value & PAGE_MASK)
		return err_usage("%s '%s' is not a multiple of 4096", what, word);
	return EXIT_OK;
}

int parse_length(const char *what, const char *word, uint64_t *value)
{
	int rc;

	rc = parse_page(what, word, value);
	if (rc)
		return rc;
	if (!*value)
		return err_usage("%s must not be 0", what);
	return EXIT_OK;
}

int parse_prot(const char *what, const char *word, uint32_t *prot)
{
	static const char *const names[] = { "r", "w", "rw", NULL };
	static const uint32_t prots[] = {
		NYX_PROT_READ, NYX_PROT_WRITE, NYX_PROT_READ | NYX_PROT_WRITE,
	};
	uint32_t i;
	int rc;

	rc = parse_choice(what, word, names, &i);
	if (!rc)
		*prot = prots[i];
	return rc;
}

int parse_sbdf(const char *word, uint32_t *sbdf)
{
	nyx_device_t device;

	if (nyx_sbdf_parse(word, &device))
		return err_usage("'%s' is not a device; write it like 0000:03:00.0", word);
	*sbdf = device.sbdf;
	return EXIT_OK;
}

int parse_time(const char *what, const char *word, uint64_t *ms)
{
	switch (number_time(word, ms)) {
	case 0:
		return EXIT_OK;
	case -EOVERFLOW:
		return err_usage("%s '%s' is too long", what, word);
	case -EDOM:
		return err_usage("%s '%s' is not a whole number of milliseconds", what, word);
	default:
		return err_usage("%s '%s' is not a time; write it like 2s, 500ms, 1.5m or 1h", what,
				 word);
	}
}

int parse_page_sizes(const char *what, const char *word, uint64_t *mask)
{
	char *copy = strdup(word), *rest = copy, *item;
	uint64_t size;

	*mask = 0;
	while (copy && (item = strsep(&rest, ","))) {
		if (number_size(item, &size) || size < 4096 || size & (size - 1)) {
			err_usage("%s '%s' is wrong: '%s' is not a page size; write it like 4K,2M",
				  what, word, item);
			free(copy);
			return EXIT_USAGE;
		}
		*mask |= size;
	}
	free(copy);
	if (!(*mask & 4096))
		return err_usage("%s '%s' must contain 4K", what, word);
	return EXIT_OK;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int parse_bytes(const char *what, const char *word, unsigned char **bytes, uint64_t *length)
{
	size_t nr = strlen(word), i;
	unsigned char *buf;

	for (i = 0; i < nr && digit(word[i]) >= 0; i++)
		;
	if (!nr || nr % 2 || i < nr)
		return err_usage("%s '%s' is not data; write two hexadecimal digits a byte, like 00ff",
				 what, word);
	buf = malloc(nr / 2);
	if (!buf)
		return err_explain(-ENOMEM, "cannot read %s", what);
	for (i = 0; i < nr / 2; i++)
		buf[i] = (unsigned char)(digit(word[2 * i]) << 4 | digit(word[2 * i + 1]));
	*bytes = buf;
	*length = nr / 2;
	return EXIT_OK;
}

int parse_choice(const char *what, const char *word, const char *const *choices,
		 uint32_t *index)
{
	char list[256] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; choices[i]; i++) {
		if (!strcmp(choices[i], word)) {
			*index = i;
			return EXIT_OK;
		}
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						i ? ", " : "", choices[i]);
	}
	return err_usage("%s '%s' is not one of: %s", what, word, list);
}

bool parse_is_id(const char *word)
{
	const char *digits = "0123456789";

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
		digits = "0123456789abcdefABCDEF";
		word += 2;
	}
	return *word && !word[strspn(word, digits)];
}

int parse_name(const char *what, const char *word, const char *others)
{
	const char *s;

	if (!*word)
		return err_usage("%s is empty", what);
	if (parse_is_id(word))
		return err_usage("%s '%s' would be taken for an id; use a name that is not a number",
				 what, word);
	if (strlen(word) >= NYX_NAME_LEN)
		return err_usage("%s '%s' is too long; use at most %d characters", what, word,
				 NYX_NAME_LEN - 1);
	for (s = word; *s; s++) {
		if (!isascii(*s) || (!isalnum((unsigned char)*s) && !strchr(others, *s)))
			return err_usage("%s '%s' is wrong; use letters, digits and '%s' only", what,
					 word, others);
	}
	return EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: objects of a unit, from what people call them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "parse.h"

#define NR_TEXTS	4

int lookup_no_domain(struct cli *cli, const char *word)
{
	return err_say(-ENOENT, "unit '%s' has no domain '%s'; 'nyxctl domain list' shows all",
		       cli->unit_name, word);
}

static int domain_failed(struct cli *cli, const char *word, int err)
{
	if (err == -ENOENT)
		return lookup_no_domain(cli, word);
	return err_explain(err, "cannot look up domain '%s'", word);
}

static int domain_by_id(struct cli *cli, uint32_t id, struct nyx_domain_info *info)
{
	char word[16];
	int ret;

	ret = id ? nyx_domain_get(cli->unit, (nyx_domain_t){ id }, info, sizeof(*info)) : -ENOENT;
	snprintf(word, sizeof(word), "%u", id);
	return ret ? domain_failed(cli, word, ret) : EXIT_OK;
}

static int domain_by_device(struct cli *cli, const char *word, struct nyx_domain_info *info)
{
	struct nyx_device_info device;
	int rc;

	rc = lookup_device(cli, word, &device);
	if (rc)
		return rc;
	if (!device.domain_id)
		return err_say(-ENOENT, "device %s has no domain; 'nyxctl device attach' gives it one",
			       lookup_sbdf_text(device.sbdf));
	return domain_by_id(cli, device.domain_id, info);
}

static int domain_by_name(struct cli *cli, const char *name, struct nyx_domain_info *info)
{
	static const char strict[] = "strict/";
	char text[sizeof(strict) + NYX_SBDF_TEXT_LEN];
	nyx_device_t device;
	int ret;

	/* "device assign" creates such domains, with the full name of the device in theirs. */
	if (!strncmp(name, strict, strlen(strict)) &&
	    !nyx_sbdf_parse(name + strlen(strict), &device)) {
		snprintf(text, sizeof(text), "%s%s", strict, lookup_sbdf_text(device.sbdf));
		name = text;
	}
	ret = nyx_domain_find(cli->unit, name, info, sizeof(*info));
	if (ret == -EINVAL || ret == -ENAMETOOLONG)
		ret = -ENOENT;
	return ret ? domain_failed(cli, name, ret) : EXIT_OK;
}

int lookup_domain(struct cli *cli, const char *word, struct nyx_domain_info *info)
{
	nyx_device_t device;
	uint32_t id;
	int rc;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	if (parse_is_id(word)) {
		rc = parse_u32("domain id", word, &id);
		return rc ? rc : domain_by_id(cli, id, info);
	}
	if (!nyx_sbdf_parse(word, &device))
		return domain_by_device(cli, word, info);
	return domain_by_name(cli, word, info);
}

int lookup_sbdf(struct cli *cli, const char *word, uint32_t *sbdf)
{
	int rc;

	rc = parse_sbdf(word, sbdf);
	return rc ? rc : cli_open_unit(cli);
}

int lookup_no_device(struct cli *cli, uint32_t sbdf)
{
	return err_say(-ENOENT,
		       "unit '%s' has no device %s; add it with 'nyxctl device add' or 'nyxctl device assign'",
		       cli->unit_name, lookup_sbdf_text(sbdf));
}

int lookup_device(struct cli *cli, const char *word, struct nyx_device_info *info)
{
	uint32_t sbdf;
	int rc, ret;

	rc = lookup_sbdf(cli, word, &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_get(cli->unit, (nyx_device_t){ sbdf }, info, sizeof(*info));
	if (ret == -ENOENT)
		return lookup_no_device(cli, sbdf);
	if (ret)
		return err_explain(ret, "cannot look up device %s", lookup_sbdf_text(sbdf));
	return EXIT_OK;
}

const char *lookup_domain_text(const struct nyx_domain_info *info)
{
	static char texts[NR_TEXTS][NYX_NAME_LEN + 16];
	static unsigned int next;
	char *text = texts[next++ % NR_TEXTS];

	if (info->name[0])
		snprintf(text, sizeof(texts[0]), "%u (%.*s)", info->domain_id, NYX_NAME_LEN,
			 (const char *)info->name);
	else if (info->kind == NYX_DOMAIN_GUEST)
		snprintf(text, sizeof(texts[0]), "%u (DID %u)", info->domain_id,
			 nyx_domain_did((nyx_domain_t){ info->domain_id }));
	else
		snprintf(text, sizeof(texts[0]), "%u", info->domain_id);
	return text;
}

void lookup_put_domain(struct out *out, unsigned int col, const struct nyx_domain_info *info)
{
	out_u64(out, col, info->domain_id);
	if (info->kind == NYX_DOMAIN_GUEST)
		out_u64(out, col + 1, nyx_domain_did((nyx_domain_t){ info->domain_id }));
}

const char *lookup_sbdf_text(uint32_t sbdf)
{
	static char texts[NR_TEXTS][NYX_SBDF_TEXT_LEN];
	static unsigned int next;
	char *text = texts[next++ % NR_TEXTS];

	nyx_sbdf_format((nyx_device_t){ sbdf }, text, sizeof(texts[0]));
	return text;
}

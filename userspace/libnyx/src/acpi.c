// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the headers of ACPI tables, and the bytes behind them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * ACPI Specification 6.5, 5.2.6: the header.
 */
#include "acpi.h"

#include <errno.h>
#include <string.h>

enum {
	AT_LENGTH	= 4,
	AT_CHECKSUM	= 9,
};

void nyx__acpi_put(struct acpi_writer *w, uint64_t value, unsigned int bytes)
{
	for (; bytes; bytes--, value >>= 8, w->len++) {
		if (w->len < w->room)
			w->bytes[w->len] = (uint8_t)value;
	}
}

void nyx__acpi_set(struct acpi_writer *w, size_t at, uint64_t value, unsigned int bytes)
{
	struct acpi_writer there = { .bytes = w->bytes, .room = w->room, .len = at };

	nyx__acpi_put(&there, value, bytes);
}

static const char *id_or_default(const char *id)
{
	return id ? id : "NYX";
}

static bool id_fits(const char *id, size_t max)
{
	size_t i, len;

	id = id_or_default(id);
	len = strnlen(id, max + 1);
	for (i = 0; i < len; i++) {
		if (id[i] < ' ' || id[i] > '~')
			return false;
	}
	return len <= max;
}

int nyx__acpi_ids_check(const struct nyx_acpi_ids *ids)
{
	return id_fits(ids->oem_id, 6) && id_fits(ids->oem_table_id, 8) &&
	       id_fits(ids->creator_id, 4) ? 0 : -EINVAL;
}

static void put_id(struct acpi_writer *w, const char *id, size_t bytes)
{
	id = id_or_default(id);
	for (; bytes; bytes--)
		nyx__acpi_put(w, *id ? (uint8_t)*id++ : ' ', 1);
}

static void put_header(struct acpi_writer *w, const char *signature, uint8_t revision,
		       const struct nyx_acpi_ids *ids)
{
	put_id(w, signature, 4);
	nyx__acpi_put(w, 0, 4);		/* length */
	nyx__acpi_put(w, revision, 1);
	nyx__acpi_put(w, 0, 1);		/* checksum */
	put_id(w, ids->oem_id, 6);
	put_id(w, ids->oem_table_id, 8);
	nyx__acpi_put(w, ids->oem_revision, 4);
	put_id(w, ids->creator_id, 4);
	nyx__acpi_put(w, ids->creator_revision, 4);
}

static void put_table(struct acpi_writer *w, const char *signature, uint8_t revision,
		      const struct nyx_acpi_ids *ids, acpi_body_fn body, const void *opts)
{
	put_header(w, signature, revision, ids);
	body(w, opts);
	nyx__acpi_set(w, AT_LENGTH, w->len, 4);
}

int nyx__acpi_build(const char *signature, uint8_t revision, const struct nyx_acpi_ids *ids,
		    acpi_body_fn body, const void *opts, void *table, size_t room,
		    size_t *length)
{
	struct acpi_writer w = { .bytes = NULL };
	uint8_t sum = 0;
	size_t i;

	put_table(&w, signature, revision, ids, body, opts);
	if (w.len > UINT32_MAX)
		return -EINVAL;
	*length = w.len;
	if (w.len > room)
		return -EMSGSIZE;
	w = (struct acpi_writer) { .bytes = table, .room = room };
	put_table(&w, signature, revision, ids, body, opts);
	for (i = 0; i < w.len; i++)
		sum += w.bytes[i];
	nyx__acpi_set(&w, AT_CHECKSUM, (uint8_t)-sum, 1);
	return 0;
}

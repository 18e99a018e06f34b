/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: what the builders of ACPI tables share.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A table is appended field by field. Bytes beyond the room are counted and not written:
 * so the first pass, without room, finds the length.
 */
#ifndef LIBNYX_ACPI_H
#define LIBNYX_ACPI_H

#include <nyx/acpi.h>

#include "private.h"

struct acpi_writer {
	uint8_t *bytes;
	size_t room;
	size_t len;
};

void nyx__acpi_put(struct acpi_writer *w, uint64_t value, unsigned int bytes);
/* Overwrites @bytes bytes at offset @at with @value. */
void nyx__acpi_set(struct acpi_writer *w, size_t at, uint64_t value, unsigned int bytes);
int nyx__acpi_ids_check(const struct nyx_acpi_ids *ids);

/* Appends everything of a table but its header. The caller has checked @opts. */
typedef void (*acpi_body_fn)(struct acpi_writer *w, const void *opts);

int nyx__acpi_build(const char *signature, uint8_t revision, const struct nyx_acpi_ids *ids,
		    acpi_body_fn body, const void *opts, void *table, size_t room,
		    size_t *length);

#endif /* LIBNYX_ACPI_H */

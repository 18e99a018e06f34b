/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: writes the byte code of ACPI.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Terms are appended one after the other. A function that opens a term with a length,
 * like a device, returns a mark; aml_end(mark) closes the term. Running out of
 * room is remembered, and everything afterwards does nothing: check aml::full at the
 * end.
 */
#ifndef NYX_VMM_AML_H
#define NYX_VMM_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes;
	size_t room;
	size_t len;
	bool full;
};

/* Names: segments of four characters, "_SB_", after an optional backslash. */
size_t aml_scope(struct aml *aml, const char *name);
size_t aml_device(struct aml *aml, const char *name);
size_t aml_package(struct aml *aml, uint8_t elements);
void aml_end(struct aml *aml, size_t mark);

/* Statements follow; a condition is a named integer that is not 0. */
size_t aml_method(struct aml *aml, const char *name, uint8_t arguments);
size_t aml_if(struct aml *aml, const char *name);
/* True if argument @argument is a buffer of these bytes; if @name has one of these bits */
size_t aml_if_argument(struct aml *aml, unsigned int argument, const void *bytes, uint8_t len);
size_t aml_if_bits(struct aml *aml, const char *name, uint32_t bits);
/* @name is the 32 bits at @offset of the buffer that is argument @argument. */
void aml_dword_field(struct aml *aml, unsigned int argument, uint8_t offset, const char *name);
void aml_and(struct aml *aml, const char *name, uint32_t bits);	/* name &= bits */
void aml_or(struct aml *aml, const char *name, uint32_t bits);
void aml_return_argument(struct aml *aml, unsigned int argument);
void aml_store_argument(struct aml *aml, const char *name);	/* first argument to @name */
void aml_return(struct aml *aml, const char *name);

void aml_name(struct aml *aml, const char *name);	/* its value follows */
void aml_integer(struct aml *aml, uint64_t value);
void aml_eisa_id(struct aml *aml, const char *id);	/* "PNP0A08" */

/* A template of resources; its mark is closed by aml_resources_end(). */
size_t aml_resources(struct aml *aml);
void aml_resources_end(struct aml *aml, size_t mark);
void aml_io(struct aml *aml, uint16_t base, uint8_t length);
void aml_irq(struct aml *aml, unsigned int irq);
void aml_memory32(struct aml *aml, uint32_t base, uint32_t length);
/* Windows of a bus */
enum aml_window { AML_WINDOW_MEMORY, AML_WINDOW_IO, AML_WINDOW_BUS };
void aml_window16(struct aml *aml, enum aml_window kind, uint16_t first, uint16_t last);
void aml_window32(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last);
void aml_window64(struct aml *aml, enum aml_window kind, uint64_t first, uint64_t last);

#endif /* NYX_VMM_AML_H */

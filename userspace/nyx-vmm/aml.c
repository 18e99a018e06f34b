// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: writes the byte code of ACPI.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * ACPI Specification 6.5, chapter 20 (encoding) and 6.4 (resource descriptors).
 */
#include "aml.h"

#include <string.h>

#include "vmm.h"

enum {
	OP_NAME		= 0x08,
	OP_BYTE		= 0x0a,
	OP_WORD		= 0x0b,
	OP_DWORD	= 0x0c,
	OP_QWORD	= 0x0e,
	OP_SCOPE	= 0x10,
	OP_BUFFER	= 0x11,
	OP_PACKAGE	= 0x12,
	OP_METHOD	= 0x14,
	OP_EXTENDED	= 0x5b,
	OP_ARGUMENT	= 0x68,		/* the first one */
	OP_STORE	= 0x70,
	OP_AND		= 0x7b,
	OP_OR		= 0x7d,
	OP_DEVICE	= 0x82,		/* behind OP_EXTENDED */
	OP_DWORD_FIELD	= 0x8a,
	OP_EQUAL	= 0x93,
	OP_IF		= 0xa0,
	OP_RETURN	= 0xa4,

	RES_IRQ		= 0x22,
	RES_IO		= 0x47,
	RES_END		= 0x79,
	RES_MEMORY32	= 0x86,
	RES_WINDOW32	= 0x87,
	RES_WINDOW16	= 0x88,
	RES_WINDOW64	= 0x8a,

	IO_DECODE16	= 1,
	MEMORY_WRITABLE	= 1,
	WINDOW_FIXED	= 0x0c,		/* both ends */
	WINDOW_IO_ALL	= 3,		/* ISA and other ranges */
};

static void put(struct aml *aml, uint64_t value, unsigned int len)
{
	if (aml->full || aml->room - aml->len < len) {
		aml->full = true;
		return;
	}
	le_put(aml->bytes + aml->len, value, len);
	aml->len += len;
}

static void put_name(struct aml *aml, const char *name)
{
	while (*name)
		put(aml, (uint8_t)*name++, 1);
}

/* Insert the length in front of the body, which moves. */
static void close_length(struct aml *aml, size_t mark)
{
	size_t body = aml->len - mark, extra, total;
	uint8_t head[4];

	if (aml->full)
		return;
	/*
	 * The length counts its own bytes: 6 bits fit in one byte, else 4 and 8 per further
	 * byte
	 */
	for (extra = 0; extra < 4; extra++) {
		total = body + 1 + extra;
		if (total < (extra ? (size_t)1 << (4 + 8 * extra) : 64))
			break;
	}
	if (extra == 4 || aml->room - aml->len < 1 + extra) {
		aml->full = true;
		return;
	}
	if (extra)
		head[0] = (uint8_t)(extra << 6 | (total & 0xf));
	else
		head[0] = (uint8_t)total;
	le_put(head + 1, total >> 4, (unsigned int)extra);
	memmove(aml->bytes + mark + 1 + extra, aml->bytes + mark, body);
	memcpy(aml->bytes + mark, head, 1 + extra);
	aml->len += 1 + extra;
}

size_t aml_scope(struct aml *aml, const char *name)
{
	size_t mark;

	put(aml, OP_SCOPE, 1);
	mark = aml->len;
	put_name(aml, name);
	return mark;
}

size_t aml_device(struct aml *aml, const char *name)
{
	size_t mark;

	put(aml, OP_EXTENDED, 1);
	put(aml, OP_DEVICE, 1);
	mark = aml->len;
	put_name(aml, name);
	return mark;
}

size_t aml_package(struct aml *aml, uint8_t elements)
{
	size_t mark;

	put(aml, OP_PACKAGE, 1);
	mark = aml->len;
	put(aml, elements, 1);
	return mark;
}

size_t aml_method(struct aml *aml, const char *name, uint8_t arguments)
{
	size_t mark;

	put(aml, OP_METHOD, 1);
	mark = aml->len;
	put_name(aml, name);
	put(aml, arguments, 1);
	return mark;
}

size_t aml_if(struct aml *aml, const char *name)
{
	size_t mark;

	put(aml, OP_IF, 1);
	mark = aml->len;
	put_name(aml, name);
	return mark;
}

size_t aml_if_argument(struct aml *aml, unsigned int argument, const void *bytes, uint8_t len)
{
	const uint8_t *byte = bytes;
	size_t mark, buffer;

	put(aml, OP_IF, 1);
	mark = aml->len;
	put(aml, OP_EQUAL, 1);
	put(aml, OP_ARGUMENT + argument, 1);
	put(aml, OP_BUFFER, 1);
	buffer = aml->len;
	put(aml, OP_BYTE, 1);
	put(aml, len, 1);
	while (len--)
		put(aml, *byte++, 1);
	close_length(aml, buffer);
	return mark;
}

size_t aml_if_bits(struct aml *aml, const char *name, uint32_t bits)
{
	size_t mark;

	put(aml, OP_IF, 1);
	mark = aml->len;
	put(aml, OP_AND, 1);
	put_name(aml, name);
	aml_integer(aml, bits);
	put(aml, 0, 1);			/* the result goes nowhere else */
	return mark;
}

void aml_dword_field(struct aml *aml, unsigned int argument, uint8_t offset, const char *name)
{
	put(aml, OP_DWORD_FIELD, 1);
	put(aml, OP_ARGUMENT + argument, 1);
	aml_integer(aml, offset);
	put_name(aml, name);
}

static void combine(struct aml *aml, uint8_t op, const char *name, uint32_t bits)
{
	put(aml, op, 1);
	put_name(aml, name);
	aml_integer(aml, bits);
	put_name(aml, name);
}

void aml_and(struct aml *aml, const char *name, uint32_t bits)
{
	combine(aml, OP_AND, name, bits);
}

void aml_or(struct aml *aml, const char *name, uint32_t bits)
{
	combine(aml, OP_OR, name, bits);
}

void aml_return_argument(struct aml *aml, unsigned int argument)
{
	put(aml, OP_RETURN, 1);
	put(aml, OP_ARGUMENT + argument, 1);
}

void aml_store_argument(struct aml *aml, const char *name)
{
	put(aml, OP_STORE, 1);
	put(aml, OP_ARGUMENT, 1);
	put_name(aml, name);
}

void aml_return(struct aml *aml, const char *name)
{
	put(aml, OP_RETURN, 1);
	put_name(aml, name);
}

void aml_end(struct aml *aml, size_t mark)
{
	close_length(aml, mark);
}

void aml_name(struct aml *aml, const char *name)
{
	put(aml, OP_NAME, 1);
	put_name(aml, name);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		put(aml, value, 1);	/* ZeroOp, OneOp */
	} else if (value <= UINT8_MAX) {
		put(aml, OP_BYTE, 1);
		put(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		put(aml, OP_WORD, 1);
		put(aml, value, 2);
	} else if (value <= UINT32_MAX) {
		put(aml, OP_DWORD, 1);
		put(aml, value, 4);
	} else {
		put(aml, OP_QWORD, 1);
		put(aml, value, 8);
	}
}

static uint32_t hex(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
		(uint32_t)(id[2] - '@') << 16 | hex(id[3]) << 12 | hex(id[4]) << 8 |
		hex(id[5]) << 4 | hex(id[6]);

	put(aml, OP_DWORD, 1);
	put(aml, __builtin_bswap32(value), 4);
}

/* ---- resources ---------------------------------------------------------------- */

size_t aml_resources(struct aml *aml)
{
	size_t mark;

	put(aml, OP_BUFFER, 1);
	mark = aml->len;
	put(aml, OP_WORD, 1);		/* size of the buffer, filled in at its end */
	put(aml, 0, 2);
	return mark;
}

void aml_resources_end(struct aml *aml, size_t mark)
{
	put(aml, RES_END, 1);
	put(aml, 0, 1);			/* "checksum is correct" */
	if (aml->full)
		return;
	le_put(aml->bytes + mark + 1, aml->len - mark - 3, 2);
	close_length(aml, mark);
}

void aml_io(struct aml *aml, uint16_t base, uint8_t length)
{
	put(aml, RES_IO, 1);
	put(aml, IO_DECODE16, 1);
	put(aml, base, 2);
	put(aml, base, 2);
	put(aml, 1, 1);
	put(aml, length, 1);
}

void aml_irq(struct aml *aml, unsigned int irq)
{
	put(aml, RES_IRQ, 1);
	put(aml, UINT64_C(1) << irq, 2);
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t length)
{
	put(aml, RES_MEMORY32, 1);
	put(aml, 9, 2);
	put(aml, MEMORY_WRITABLE, 1);
	put(aml, base, 4);
	put(aml, length, 4);
}

static void window(struct aml *aml, uint8_t res, unsigned int width, enum aml_window kind,
		   uint64_t first, uint64_t last)
{
	put(aml, res, 1);
	put(aml, 3 + 5 * width, 2);
	put(aml, kind, 1);
	put(aml, WINDOW_FIXED, 1);
	put(aml, kind == AML_WINDOW_IO ? WINDOW_IO_ALL :
	    kind == AML_WINDOW_MEMORY ? MEMORY_WRITABLE : 0, 1);
	put(aml, 0, width);		/* granularity */
	put(aml, first, width);
	put(aml, last, width);
	put(aml, 0, width);		/* translation */
	put(aml, last - first + 1, width);
}

void aml_window16(struct aml *aml, enum aml_window kind, uint16_t first, uint16_t last)
{
	window(aml, RES_WINDOW16, 2, kind, first, last);
}

void aml_window32(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last)
{
	window(aml, RES_WINDOW32, 4, kind, first, last);
}

void aml_window64(struct aml *aml, enum aml_window kind, uint64_t first, uint64_t last)
{
	window(aml, RES_WINDOW64, 8, kind, first, last);
}

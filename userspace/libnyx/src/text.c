// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: names of devices and of constants.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/device.h>
#include <nyx/text.h>

#include "private.h"

#include <errno.h>
#include <stdio.h>

/* Up to @max_digits hexadecimal digits; returns what follows them, or NULL. */
static const char *parse_hex(const char *s, int max_digits, uint32_t limit, uint32_t *value)
{
	uint32_t v = 0;
	int n;

	for (n = 0; n < max_digits; n++, s++) {
		if (*s >= '0' && *s <= '9')
			v = v << 4 | (uint32_t)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			v = v << 4 | (uint32_t)(*s - 'a' + 10);
		else if (*s >= 'A' && *s <= 'F')
			v = v << 4 | (uint32_t)(*s - 'A' + 10);
		else
			break;
	}
	if (!n || v > limit)
		return NULL;
	*value = v;
	return s;
}

NYX_EXPORT int nyx_sbdf_parse(const char *text, uint32_t *sbdf)
{
	uint32_t segment = 0, bus, device, function;
	const char *s = text;

	s = parse_hex(s, 4, 0xffff, &bus);
	if (!s || *s != ':')
		return -EINVAL;
	s = parse_hex(s + 1, 2, 0xff, &device);
	if (!s)
		return -EINVAL;
	if (*s == ':') {
		segment = bus;
		bus = device;
		s = parse_hex(s + 1, 2, 0x1f, &device);
		if (!s)
			return -EINVAL;
	}
	if (*s != '.' || bus > 0xff || device > 0x1f)
		return -EINVAL;
	s = parse_hex(s + 1, 1, 7, &function);
	if (!s || *s)
		return -EINVAL;
	*sbdf = NYX_SBDF(segment, bus, device, function);
	return 0;
}

NYX_EXPORT int nyx_sbdf_format(uint32_t sbdf, char *buffer, size_t size)
{
	int n;

	n = snprintf(buffer, size, "%04x:%02x:%02x.%x", NYX_SBDF_SEGMENT(sbdf),
		     NYX_SBDF_BUS(sbdf), NYX_SBDF_DEVICE(sbdf), NYX_SBDF_FUNCTION(sbdf));
	return n < 0 || (size_t)n >= size ? -EMSGSIZE : 0;
}

static const struct {
	const char *name;
	const char *text;
} fault_reasons[] = {
	[NYX_FAULT_NONE] = { "none", "not refused" },
	[NYX_FAULT_NO_DOMAIN] = { "no-domain", "the device has no domain" },
	[NYX_FAULT_BLOCKED] = { "blocked", "the domain of the device blocks everything" },
	[NYX_FAULT_ADDRESS_WIDTH] = {
		"address-width", "the IOVA is beyond the address width of the domain",
	},
	[NYX_FAULT_NOT_PRESENT] = { "not-present", "nothing is mapped there" },
	[NYX_FAULT_TABLE_NOT_PRESENT] = {
		"table-not-present", "nothing is mapped in that region",
	},
	[NYX_FAULT_READ_DENIED] = { "read-denied", "the mapping does not allow to read" },
	[NYX_FAULT_WRITE_DENIED] = { "write-denied", "the mapping does not allow to write" },
	[NYX_FAULT_RESERVED_BIT] = {
		"reserved-bit", "an entry of the table has a reserved bit set",
	},
	[NYX_FAULT_TABLE_ACCESS] = { "table-access", "a table lies outside guest memory" },
	[NYX_FAULT_NO_MEMORY] = { "no-memory", "the GPA is not guest memory" },
	[NYX_FAULT_READONLY_MEMORY] = {
		"readonly-memory", "the guest memory there is read-only",
	},
	[NYX_FAULT_MEMORY_ERROR] = {
		"memory-error", "the host could not provide the memory",
	},
};

NYX_EXPORT const char *nyx_fault_reason_name(uint32_t reason)
{
	return reason < ARRAY_SIZE(fault_reasons) ? fault_reasons[reason].name : NULL;
}

NYX_EXPORT const char *nyx_fault_reason_text(uint32_t reason)
{
	return reason < ARRAY_SIZE(fault_reasons) ? fault_reasons[reason].text :
						    "for an unknown reason";
}

NYX_EXPORT const char *nyx_prot_name(uint32_t prot)
{
	static const char *const names[] = {
		[0] = "none",
		[NYX_PROT_READ] = "r",
		[NYX_PROT_WRITE] = "w",
		[NYX_PROT_READ | NYX_PROT_WRITE] = "rw",
	};

	return names[prot & (NYX_PROT_READ | NYX_PROT_WRITE)];
}

NYX_EXPORT const char *nyx_model_name(uint32_t model)
{
	static const char *const names[] = { [NYX_MODEL_NATIVE] = "native" };

	return model < ARRAY_SIZE(names) ? names[model] : NULL;
}

NYX_EXPORT const char *nyx_domain_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[NYX_DOMAIN_PAGING] = "paging",
		[NYX_DOMAIN_IDENTITY] = "identity",
		[NYX_DOMAIN_BLOCKED] = "blocked",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

NYX_EXPORT const char *nyx_format_name(uint32_t format)
{
	static const char *const names[] = {
		[NYX_FORMAT_VTDSS] = "vtdss",
		[NYX_FORMAT_X86] = "x86",
		[NYX_FORMAT_AMDV1] = "amdv1",
	};

	return format < ARRAY_SIZE(names) ? names[format] : NULL;
}

NYX_EXPORT const char *nyx_isolation_name(uint32_t isolation)
{
	static const char *const names[] = {
		[NYX_ISOLATION_STRICT] = "strict",
		[NYX_ISOLATION_SHARED] = "shared",
		[NYX_ISOLATION_UNMANAGED] = "unmanaged",
	};

	return isolation < ARRAY_SIZE(names) ? names[isolation] : NULL;
}

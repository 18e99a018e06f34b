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
#include <inttypes.h>
#include <stdio.h>

/* Parse up to @max_digits hexadecimal digits; returns the text behind them, or NULL. */
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

NYX_EXPORT int nyx_sbdf_parse(const char *text, nyx_device_t *parsed)
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
	parsed->sbdf = NYX_SBDF(segment, bus, device, function);
	return 0;
}

NYX_EXPORT int nyx_sbdf_format(nyx_device_t device, char *buffer, size_t size)
{
	uint32_t sbdf = device.sbdf;
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
	[NYX_FAULT_QUARANTINED] = {
		"quarantined", "the device, or another in its domain, is quarantined",
	},
	[NYX_FAULT_IRQ_REQUEST] = {
		"irq-request", "the message is no interrupt, or has a reserved bit set",
	},
	[NYX_FAULT_IRQ_COMPAT] = {
		"irq-compat", "messages in the compatibility format are blocked",
	},
	[NYX_FAULT_IRQ_INDEX] = {
		"irq-index", "the index is beyond the interrupt remapping table",
	},
	[NYX_FAULT_IRQ_NOT_PRESENT] = {
		"irq-not-present", "the entry of the interrupt remapping table is not present",
	},
	[NYX_FAULT_IRQ_RESERVED] = {
		"irq-reserved",
		"the entry has a reserved bit set, or a destination that the mode does not allow",
	},
	[NYX_FAULT_IRQ_SOURCE] = { "irq-source", "the entry belongs to another requester" },
	[NYX_FAULT_IRQ_TABLE] = { "irq-table", "the entry could not be read" },
	[NYX_FAULT_IRQ_POST] = {
		"irq-post", "the posted-interrupt descriptor could not be reached",
	},
	[NYX_FAULT_CONTEXT] = {
		"context", "the guest's root, context or device table entry refuses the device",
	},
	[NYX_FAULT_IRQ_POST_RESERVED] = {
		"irq-post-reserved", "the posted-interrupt descriptor has a reserved bit set",
	},
	[NYX_FAULT_INTERRUPT_RANGE] = {
		"interrupt-range", "the address is one of interrupt messages",
	},
	[NYX_FAULT_ORACLE] = {
		"oracle", "the domain's tables disagree: a bug of the module",
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

NYX_EXPORT const char *nyx_fault_cause_name(uint32_t cause)
{
	static const char *const names[] = {
		[NYX_CAUSE_UNKNOWN] = "unknown",
		[NYX_CAUSE_NEVER_MAPPED] = "never-mapped",
		[NYX_CAUSE_UNMAPPED] = "unmapped",
		[NYX_CAUSE_PAST_END] = "past-end",
		[NYX_CAUSE_PERMISSION] = "permission",
		[NYX_CAUSE_BLOCKED] = "blocked",
		[NYX_CAUSE_TABLE] = "table",
		[NYX_CAUSE_WIDTH] = "width",
		[NYX_CAUSE_MEMORY] = "memory",
	};

	return cause < ARRAY_SIZE(names) ? names[cause] : NULL;
}

/* "12.3 ms" */
static void duration(char *buf, size_t size, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (ns >= units[i].ns) {
			snprintf(buf, size, "%" PRIu64 ".%u %s", ns / units[i].ns,
				 (unsigned int)(ns % units[i].ns * 10 / units[i].ns),
				 units[i].name);
			return;
		}
	}
	snprintf(buf, size, "%" PRIu64 " ns", ns);
}

NYX_EXPORT int nyx_fault_cause_format(const struct nyx_event_fault *fault, char *buffer,
				      size_t size)
{
	char ago[48];
	int n;

	switch (fault->cause) {
	case NYX_CAUSE_NEVER_MAPPED:
		n = snprintf(buffer, size, "never mapped");
		break;
	case NYX_CAUSE_UNMAPPED:
		duration(ago, sizeof(ago), fault->since_ns);
		n = snprintf(buffer, size, "unmapped %s ago", ago);
		break;
	case NYX_CAUSE_PAST_END:
		if (!fault->bytes)	/* the first byte behind it */
			n = snprintf(buffer, size, "just past the end of a mapping");
		else
			n = snprintf(buffer, size, "%" PRIu64 " %s past the end of a mapping",
				     (uint64_t)fault->bytes, fault->bytes == 1 ? "byte" : "bytes");
		break;
	case NYX_CAUSE_PERMISSION:
		n = snprintf(buffer, size, "wrong permission (is %s)",
			     nyx_prot_name((uint32_t)fault->prot));
		break;
	case NYX_CAUSE_BLOCKED:
		n = snprintf(buffer, size, "blocked, or no domain");
		break;
	case NYX_CAUSE_TABLE:
		n = snprintf(buffer, size, "the table is damaged");
		break;
	case NYX_CAUSE_WIDTH:
		n = snprintf(buffer, size, "beyond the address width");
		break;
	case NYX_CAUSE_MEMORY:
		n = snprintf(buffer, size, "mapped to GPA 0x%" PRIx64 ", which is not usable",
			     (uint64_t)fault->gpa);
		break;
	default:
		n = snprintf(buffer, size, "%s", "");
		break;
	}
	return n < 0 || (size_t)n >= size ? -EMSGSIZE : 0;
}

NYX_EXPORT const char *nyx_walk_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[NYX_WALK_SKIPPED] = "skipped",
		[NYX_WALK_UNREADABLE] = "unreadable",
		[NYX_WALK_EMPTY] = "empty",
		[NYX_WALK_TABLE] = "table",
		[NYX_WALK_PAGE] = "page",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

NYX_EXPORT const char *nyx_fault_class_name(uint32_t fault_class)
{
	static const char *const names[] = {
		[NYX_CLASS_ADDRESS] = "address",
		[NYX_CLASS_PERMISSION] = "permission",
		[NYX_CLASS_TABLE] = "table",
		[NYX_CLASS_MEMORY] = "memory",
		[NYX_CLASS_INTERRUPT] = "interrupt",
	};

	_Static_assert(ARRAY_SIZE(names) == NYX_CLASS_MAX, "a name for each class");
	return fault_class < ARRAY_SIZE(names) ? names[fault_class] : NULL;
}

NYX_EXPORT const char *nyx_policy_action_name(uint32_t action)
{
	static const char *const names[] = {
		[NYX_ACTION_REPORT] = "report",
		[NYX_ACTION_QUARANTINE] = "quarantine",
	};

	return action < ARRAY_SIZE(names) ? names[action] : NULL;
}

NYX_EXPORT const char *nyx_device_state_name(uint32_t state)
{
	static const char *const names[] = {
		[NYX_DEVICE_ACTIVE] = "active",
		[NYX_DEVICE_QUARANTINED] = "quarantined",
		[NYX_DEVICE_PROBATION] = "probation",
		[NYX_DEVICE_DISABLED] = "disabled",
	};

	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

NYX_EXPORT const char *nyx_change_state_name(uint32_t state)
{
	static const char *const names[] = {
		[NYX_CHANGE_NONE] = "none",
		[NYX_CHANGE_ATTACHED] = "attached",
		[NYX_CHANGE_DETACHED] = "detached",
		[NYX_CHANGE_QUARANTINED] = "quarantined",
		[NYX_CHANGE_FULL] = "full",
		[NYX_CHANGE_LATE] = "late",
	};

	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

NYX_EXPORT const char *nyx_state_cause_name(uint32_t cause)
{
	static const char *const names[] = {
		[NYX_STATE_BY_FAULTS] = "faults",
		[NYX_STATE_BY_TIME] = "time",
		[NYX_STATE_BY_COMMAND] = "command",
		[NYX_STATE_WOULD] = "would",
		[NYX_STATE_BY_VIEW] = "view",
		[NYX_STATE_BY_CHANGES] = "changes",
	};

	return cause < ARRAY_SIZE(names) ? names[cause] : NULL;
}

NYX_EXPORT const char *nyx_irq_mode_name(uint32_t mode)
{
	switch (mode) {
	case 0:
		return "x2apic";
	case NYX_IRQ_MODE_XAPIC:
		return "xapic";
	case NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT:
		return "compat";
	case NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF:
	case NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT | NYX_IRQ_MODE_OFF:
		return "off";
	default:
		return NULL;
	}
}

NYX_EXPORT const char *nyx_delivery_name(uint32_t delivery)
{
	static const char *const names[] = {
		[NYX_DELIVERY_FIXED] = "fixed",
		[NYX_DELIVERY_LOWEST] = "lowest",
		[NYX_DELIVERY_SMI] = "smi",
		[NYX_DELIVERY_NMI] = "nmi",
		[NYX_DELIVERY_INIT] = "init",
		[NYX_DELIVERY_EXTINT] = "extint",
	};

	return delivery < ARRAY_SIZE(names) ? names[delivery] : NULL;
}

NYX_EXPORT const char *nyx_irq_result_name(uint32_t result)
{
	static const char *const names[] = {
		[NYX_IRQ_DELIVER] = "deliver",
		[NYX_IRQ_POSTED] = "posted",
		[NYX_IRQ_NOTIFY] = "notify",
		[NYX_IRQ_REFUSED] = "refused",
	};

	return result < ARRAY_SIZE(names) ? names[result] : NULL;
}

NYX_EXPORT const char *nyx_page_response_name(uint32_t response)
{
	static const char *const names[] = {
		[NYX_PAGE_SUCCESS] = "success",
		[NYX_PAGE_INVALID] = "invalid",
		[NYX_PAGE_FAILURE] = "failure",
		[NYX_PAGE_TIMEOUT] = "timeout",
	};

	return response < ARRAY_SIZE(names) ? names[response] : NULL;
}

NYX_EXPORT const char *nyx_event_type_name(uint32_t type)
{
	static const char *const names[] = {
		[NYX_EVENT_LOST] = "lost",
		[NYX_EVENT_FAULT] = "fault",
		[NYX_EVENT_IRQ_FAULT] = "irq-fault",
		[NYX_EVENT_DEVICE_STATE] = "device-state",
		[NYX_EVENT_IRTE] = "irte",
		[NYX_EVENT_PAGE_REQUEST] = "page-request",
		[NYX_EVENT_PAGE_RESPONSE] = "page-response",
		[NYX_EVENT_MSI] = "msi",
		[NYX_EVENT_VIEW] = "view",
	};

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

NYX_EXPORT const char *nyx_view_part_name(uint32_t part)
{
	static const char *const names[] = {
		[NYX_VIEW_SLOT] = "slot",
		[NYX_VIEW_HOLD] = "hold",
	};

	return part < ARRAY_SIZE(names) ? names[part] : NULL;
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
	static const char *const names[] = {
		[NYX_MODEL_NATIVE] = "native",
		[NYX_MODEL_VTD] = "vtd",
		[NYX_MODEL_AMDVI] = "amdvi",
	};

	return model < ARRAY_SIZE(names) ? names[model] : NULL;
}

NYX_EXPORT const char *nyx_domain_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[NYX_DOMAIN_PAGING] = "paging",
		[NYX_DOMAIN_IDENTITY] = "identity",
		[NYX_DOMAIN_BLOCKED] = "blocked",
		[NYX_DOMAIN_GUEST] = "guest",
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

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An interrupt that waits for a limit and meets a signal was not sent, so trying
 * again is safe.
 */
#include <nyx/irq.h>

#include "private.h"

#include <errno.h>

NYX_EXPORT int nyx_irq_setup(struct nyx_unit *unit, uint32_t mode)
{
	struct nyx_irq_setup req = { .size = sizeof(req), .mode = mode };

	return nyx__ioctl(unit->fd, NYX_IRQ_SETUP, &req);
}

NYX_EXPORT int nyx_irte_set(struct nyx_unit *unit, struct nyx_irte_set *irte)
{
	return nyx__ioctl(unit->fd, NYX_IRTE_SET, irte);
}

NYX_EXPORT int nyx_irte_set_array(struct nyx_unit *unit, struct nyx_irte_set *items,
				  size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_IRTE_SET, items, nr, true, done);
}

NYX_EXPORT int nyx_irte_clear(struct nyx_unit *unit, uint32_t index, uint32_t nr)
{
	struct nyx_irte_clear req = { .size = sizeof(req), .index = index, .nr = nr };

	return nyx__ioctl(unit->fd, NYX_IRTE_CLEAR, &req);
}

NYX_EXPORT uint64_t nyx_irte_key(nyx_device_t device, uint32_t index)
{
	return NYX_IRTE_KEY(device.sbdf, index);
}

NYX_EXPORT int nyx_irte_source_buses(uint32_t segment, uint32_t first, uint32_t last,
				     uint32_t *source)
{
	if (segment > UINT16_MAX || first > last || last > UINT8_MAX)
		return -EINVAL;
	*source = NYX_SOURCE_BUSES(segment, first, last);
	return 0;
}

NYX_EXPORT int nyx_irte_get(struct nyx_unit *unit, uint64_t key, struct nyx_irte_info *info,
			    size_t size)
{
	return nyx__list_one(unit->fd, NYX_LIST_IRTES, key, info, size);
}

NYX__ENTRY(irte, nyx_irte_fn)

NYX_EXPORT int nyx_irte_foreach(struct nyx_unit *unit, uint64_t start, nyx_irte_fn fn, void *arg)
{
	struct irte_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_IRTES, 0, start, irte_entry, &call);
}

/* VT-d specification, section 5.1.2.2: the format bit, and a handle in two parts. */
NYX_EXPORT uint64_t nyx_irq_address(uint32_t index)
{
	return UINT64_C(0xfee00010) | (uint64_t)(index & 0x7fff) << 5 |
	       (uint64_t)(index >> 15 & 1) << 2;
}

NYX_EXPORT int nyx_irq_send(struct nyx_unit *unit, struct nyx_irq_send *irq)
{
	return nyx__ioctl(unit->fd, NYX_IRQ_SEND, irq);
}

NYX_EXPORT int nyx_irq_send_array(struct nyx_unit *unit, struct nyx_irq_send *items,
				  size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_IRQ_SEND, items, nr, true, done);
}

NYX_EXPORT int nyx_irq_bind(struct nyx_unit *unit, struct nyx_irq_bind *bind)
{
	return nyx__ioctl(unit->fd, NYX_IRQ_BIND, bind);
}

NYX_EXPORT int nyx_irq_unbind(struct nyx_unit *unit, nyx_binding_t binding)
{
	struct nyx_irq_unbind req = { .size = sizeof(req), .binding_id = binding.id };

	return nyx__ioctl(unit->fd, NYX_IRQ_UNBIND, &req);
}

NYX_EXPORT int nyx_irq_change(struct nyx_unit *unit, struct nyx_irq_change *change)
{
	return nyx__ioctl(unit->fd, NYX_IRQ_CHANGE, change);
}

NYX_EXPORT int nyx_irq_binding_get(struct nyx_unit *unit, nyx_binding_t binding,
				   struct nyx_binding_info *info, size_t size)
{
	return nyx__list_one(unit->fd, NYX_LIST_BINDINGS, binding.id, info, size);
}

NYX__ENTRY(binding, nyx_irq_binding_fn)

NYX_EXPORT int nyx_irq_binding_foreach(struct nyx_unit *unit, nyx_irq_binding_fn fn, void *arg)
{
	struct binding_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_BINDINGS, 0, 0, binding_entry, &call);
}

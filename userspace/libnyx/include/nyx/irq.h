/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: interrupts, the messages of devices to processors.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device model calls nyx_irq_send() where real hardware would write to
 * 0xFEExxxxx, or binds an eventfd to the message once, and the kernel does the
 * rest. An entry of the unit's interrupt remapping table names the devices that
 * may use it, and the interrupt that is delivered.
 *
 * NYX_IRQ_F_PROBE in nyx_irq_send::flags asks what would become of an interrupt.
 *
 * A refused interrupt is not an error: the call returns 0, and out_result says
 * so.
 */
#ifndef NYX_IRQ_H
#define NYX_IRQ_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_irq_setup() - say how a unit treats interrupts
 * @unit: the unit
 * @mode: of enum nyx_irq_mode; 0, the mode of a new unit: destinations have 32
 *        bits, everything is remapped
 *
 * When the call returns no interrupt is under way in the old mode.
 *
 * Return: 0; -EINVAL for NYX_IRQ_MODE_COMPAT or _OFF without _XAPIC.
 */
int nyx_irq_setup(struct nyx_unit *unit, uint32_t mode);

/**
 * nyx_irte_set() - set an entry of the interrupt remapping table
 * @unit: the unit
 * @irte: the entry; begins as NYX_IRTE_SET_INIT. It is not changed
 *
 * The entry may be present already. When the call returns no interrupt uses what
 * was there before.
 *
 * Return: 0; -EINVAL if the index is beyond the table, or for values that do not
 * fit together; -ERANGE.
 */
int nyx_irte_set(struct nyx_unit *unit, struct nyx_irte_set *irte);

/**
 * nyx_irte_set_array() - set many entries in one system call
 * @unit: the unit
 * @items: the entries; each begins as NYX_IRTE_SET_INIT
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * Return: 0, or the error of the first item that failed: all before it are set,
 * nothing after it was tried.
 */
int nyx_irte_set_array(struct nyx_unit *unit, struct nyx_irte_set *items, size_t nr, size_t *done);

/**
 * nyx_irte_clear() - make entries not present
 * @unit: the unit
 * @index: the first
 * @nr: how many, not 0
 *
 * When the call returns no interrupt uses them.
 *
 * Return: 0; -ENOENT if none of them was present; -EINVAL.
 */
int nyx_irte_clear(struct nyx_unit *unit, uint32_t index, uint32_t nr);

/**
 * nyx_irte_key() - the key of an entry in a table of a device's own
 * @device: the device
 * @index: the entry
 *
 * As the macro NYX_IRTE_KEY().
 *
 * Return: the key, for nyx_irte_get() and nyx_irte_foreach().
 */
uint64_t nyx_irte_key(nyx_device_t device, uint32_t index);

/**
 * nyx_irte_source_buses() - the source of an entry that requesters of some buses may use
 * @segment: their PCI segment, up to 65535
 * @first: the first bus, up to 255
 * @last: the last bus, not below @first
 * @source: where to put what nyx_irte_set::source is with NYX_SOURCE_BUS
 *
 * As the macro NYX_SOURCE_BUSES(), but with an error for a number that the macro would
 * truncate.
 *
 * Return: 0; -EINVAL.
 */
int nyx_irte_source_buses(uint32_t segment, uint32_t first, uint32_t last, uint32_t *source);

/**
 * nyx_irte_get() - an entry that is present
 * @unit: the unit
 * @key: which: its index, or NYX_IRTE_KEY() if devices have tables of their own
 * @info: where to put it
 * @size: sizeof(struct nyx_irte_info) as the caller knows it
 *
 * Return: 0; -ENOENT if it is not present.
 */
int nyx_irte_get(struct nyx_unit *unit, uint64_t key, struct nyx_irte_info *info, size_t size);

/**
 * typedef nyx_irte_fn - what nyx_irte_foreach() calls
 * @info: an entry; valid during the call
 * @arg: as passed to nyx_irte_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_irte_fn)(const struct nyx_irte_info *info, void *arg);

/**
 * nyx_irte_foreach() - call a function for each entry that is present
 * @unit: the unit
 * @start: the first key of interest, as of nyx_irte_get()
 * @fn: what to call, in the order of keys
 * @arg: passed on
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_irte_foreach(struct nyx_unit *unit, uint64_t start, nyx_irte_fn fn, void *arg);

/**
 * nyx_irq_address() - the address of the message that uses an entry
 * @index: the entry, up to 65535
 *
 * The message has no sub-handle: its data is 0.
 *
 * Return: the address, in the remappable format of VT-d.
 */
uint64_t nyx_irq_address(uint32_t index);

/**
 * nyx_irq_send() - a device sends an interrupt
 * @unit: the unit
 * @irq: the message, and the answer; begins as NYX_IRQ_SEND_INIT. The caller sets
 *       sbdf, address and data, and the eventfd that is to be signalled, if any
 *
 * Over a limit the call waits, see <nyx/limit.h>; if the file descriptor of the
 * unit is non-blocking it returns -EAGAIN instead.
 *
 * Return: 0, also if the interrupt is refused: see out_result and out_reason;
 * -ENOENT if there is no such device; other errors of the kernel.
 */
int nyx_irq_send(struct nyx_unit *unit, struct nyx_irq_send *irq);

/**
 * nyx_irq_send_array() - send many interrupts in one system call
 * @unit: the unit
 * @items: as for nyx_irq_send()
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * An item that is refused has succeeded: look at its out_result.
 *
 * Return: 0, or the error of the first item that failed: nothing after it was
 * tried.
 */
int nyx_irq_send_array(struct nyx_unit *unit, struct nyx_irq_send *items, size_t nr, size_t *done);

/**
 * nyx_irq_bind() - bind an eventfd to an interrupt, in the kernel
 * @unit: the unit
 * @bind: what is bound to what; begins as NYX_IRQ_BIND_INIT; the caller finds
 *        the id in out_binding_id
 *
 * From now on each signal of the source is an interrupt of the device, and each
 * interrupt that is to be delivered a signal of the target. Neither file
 * descriptor is needed any more.
 *
 * Return: 0; -ENOENT if there is no such device; -EBUSY if the source is bound;
 * -ELOOP if it is the target of a binding, or the target a source; -EINVAL if
 * either is no eventfd; -ENOSPC if the unit has 65536 bindings, or the units of the
 * user as many as the module's parameter max_bindings_per_user says.
 */
int nyx_irq_bind(struct nyx_unit *unit, struct nyx_irq_bind *bind);

/**
 * nyx_irq_unbind() - end a binding
 * @unit: the unit
 * @binding: the binding
 *
 * When the call returns the target is not signalled any more. An interrupt that
 * is pending or held is dropped.
 *
 * Return: 0; -ENOENT.
 */
int nyx_irq_unbind(struct nyx_unit *unit, nyx_binding_t binding);

/**
 * nyx_irq_change() - change a binding: mask or unmask it, another message,
 *                    another coalescing
 * @unit: the unit
 * @change: what: flags and what they name; begins as NYX_IRQ_CHANGE_INIT
 *
 * Return: 0; -ENOENT; -EINVAL.
 */
int nyx_irq_change(struct nyx_unit *unit, struct nyx_irq_change *change);

/**
 * nyx_irq_binding_get() - properties and counts of a binding
 * @unit: the unit
 * @binding: the binding
 * @info: where to put them
 * @size: sizeof(struct nyx_binding_info) as the caller knows it
 *
 * Return: 0; -ENOENT.
 */
int nyx_irq_binding_get(struct nyx_unit *unit, nyx_binding_t binding,
			struct nyx_binding_info *info, size_t size);

/**
 * typedef nyx_irq_binding_fn - what nyx_irq_binding_foreach() calls
 * @info: a binding; valid during the call
 * @arg: as passed to nyx_irq_binding_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_irq_binding_fn)(const struct nyx_binding_info *info, void *arg);

/**
 * nyx_irq_binding_foreach() - call a function for each binding
 * @unit: the unit
 * @fn: what to call, in the order of ids
 * @arg: passed on
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_irq_binding_foreach(struct nyx_unit *unit, nyx_irq_binding_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_IRQ_H */

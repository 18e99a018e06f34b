/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: IOMMU units.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A unit is one emulated IOMMU, normally one per virtual machine. It ends with
 * the last file descriptor that is bound to it, unless it is persistent.
 */
#ifndef NYX_UNIT_H
#define NYX_UNIT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/ctx.h>
#include <nyx/id.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nyx_unit;

/* For nyx_unit_create_opts::iotlb_entries: no translation cache. */
enum { NYX_IOTLB_OFF = 0x7fffffff };

/**
 * struct nyx_unit_create_opts - how to make a unit; zero is a good default
 * @size: sizeof(struct nyx_unit_create_opts)
 * @flags: NYX_UNIT_F_SHARED, and with it NYX_UNIT_F_PERSIST
 * @name: name, unique among the units of the user, or NULL. At most
 *        NYX_NAME_LEN - 1 letters, digits and ``._:-``
 * @model: of enum nyx_model
 * @address_width: widest IOVA in bits, 32 to 64; 0: 48
 * @iotlb_entries: size of the translation cache, at most 1048576; 0: 4096;
 *                 NYX_IOTLB_OFF: none
 * @event_entries: records held for readers of events, 16 to 65536; 0: 1024
 * @max_domains: limit on domains; 0: 65535
 * @max_devices: limit on devices; 0: 65536
 * @max_memory: limit on guest memory ranges; 0: 32768
 * @irt_entries: entries of the interrupt remapping table, at most 65536; 0: 256
 * @data_len: sizeof what is at @data, or 0
 * @view_timeout_ms: milliseconds that a command waits for a view until it cuts it off, 10
 *                   to 60000; 0: 1000
 * @data: options of the model: a struct nyx_unit_vtd or struct nyx_unit_amdvi; NULL: all
 *        of them are 0
 */
struct nyx_unit_create_opts {
	uint32_t size;
	uint32_t flags;
	const char *name;
	uint32_t model;
	uint32_t address_width;
	uint32_t iotlb_entries;
	uint32_t event_entries;
	uint32_t max_domains;
	uint32_t max_devices;
	uint32_t max_memory;
	uint32_t irt_entries;
	uint32_t data_len;
	uint32_t view_timeout_ms;
	const void *data;
};

/**
 * nyx_unit_create() - make a unit
 * @ctx: the context
 * @opts: how, or NULL
 * @unit: where to put the handle, with one reference
 *
 * Return: 0; -EEXIST if the user has a unit of that name, or another process is making
 * one, which nyx_unit_open() finds when that is done; -EINVAL for a name with
 * other characters, a value out of its range, or NYX_UNIT_F_PERSIST alone; -E2BIG for options
 * that the model does not have;
 * -ENAMETOOLONG; -ENOSPC at the limit on units of the user or the module; other
 * errors of open(2) and the kernel.
 */
int nyx_unit_create(struct nyx_ctx *ctx, const struct nyx_unit_create_opts *opts,
		    struct nyx_unit **unit);

/**
 * nyx_unit_open() - open an existing unit of the calling user by name
 * @ctx: the context
 * @name: its name
 * @unit: where to put the handle, with one reference
 *
 * Return: 0; -ENOENT if the user has no such unit; -EACCES if another process
 * created it without NYX_UNIT_F_SHARED; -ENAMETOOLONG; other errors of open(2).
 */
int nyx_unit_open(struct nyx_ctx *ctx, const char *name, struct nyx_unit **unit);

/**
 * nyx_unit_open_id() - open an existing unit of the calling user by id
 * @ctx: the context
 * @id: its id
 * @unit: where to put the handle, with one reference
 *
 * Return: as nyx_unit_open(); -EINVAL for NYX_ID_ANY.
 */
int nyx_unit_open_id(struct nyx_ctx *ctx, uint32_t id, struct nyx_unit **unit);

/**
 * struct nyx_unit_open_opts - which unit to open
 * @size: sizeof(struct nyx_unit_open_opts)
 * @flags: of enum nyx_open_flags
 * @name: its name, or NULL
 * @id: without @name, its id
 * @owner_uid: with NYX_OPEN_F_OWNER: the user that it belongs to
 * @reserved: must be 0
 */
struct nyx_unit_open_opts {
	uint32_t size;
	uint32_t flags;
	const char *name;
	uint32_t id;
	uint32_t owner_uid;
	uint32_t reserved;
};

/**
 * nyx_unit_open_with() - open an existing unit, also another user's
 * @ctx: the context
 * @opts: the unit to open
 * @unit: where to put the handle, with one reference
 *
 * Of another user's units, CAP_SYS_ADMIN is needed; one that is not
 * NYX_UNIT_F_SHARED is then open for inspection only.
 *
 * Return: as nyx_unit_open() and nyx_unit_open_id(); -EINVAL for no such user id.
 */
int nyx_unit_open_with(struct nyx_ctx *ctx, const struct nyx_unit_open_opts *opts,
		       struct nyx_unit **unit);

/**
 * nyx_unit_adopt() - make a handle of a file descriptor
 * @fd: a file descriptor that is bound to a unit, for instance one that
 *      another process sent; the handle owns it after a return of 0
 * @unit: where to put the handle, with one reference
 *
 * Return: 0; -ENXIO if @fd is bound to no unit; -ENODEV if the unit has been
 * destroyed; -ENOTTY or -EBADF if @fd is something else.
 */
int nyx_unit_adopt(int fd, struct nyx_unit **unit);

/**
 * nyx_unit_ref() - take a reference
 * @unit: the unit
 *
 * Return: @unit.
 */
struct nyx_unit *nyx_unit_ref(struct nyx_unit *unit);

/**
 * nyx_unit_unref() - drop a reference, and with the last one the handle
 * @unit: the unit, or NULL
 *
 * With the last file descriptor of a unit that is not persistent the unit ends.
 */
void nyx_unit_unref(struct nyx_unit *unit);

/**
 * nyx_unit_fd() - the file descriptor of a handle
 * @unit: the unit
 *
 * The caller may send it to another process or poll it; the handle still owns
 * it.
 *
 * Return: the file descriptor.
 */
int nyx_unit_fd(const struct nyx_unit *unit);

/**
 * nyx_unit_id() - the id of a unit
 * @unit: the unit
 *
 * Return: the id, unique in the system.
 */
uint32_t nyx_unit_id(const struct nyx_unit *unit);

/**
 * nyx_unit_get() - properties, limits and contents of a unit
 * @unit: the unit
 * @info: where to put them; begins as NYX_UNIT_INFO_INIT
 *
 * Return: 0; -ENODEV if the unit was destroyed.
 */
int nyx_unit_get(struct nyx_unit *unit, struct nyx_unit_info *info);

/**
 * struct nyx_unit_status - the state of a unit in short
 * @size: sizeof(struct nyx_unit_status)
 * @enabled: 1 while the unit translates; 0 after it was destroyed, and then
 *           all that follows is 0
 * @model: of enum nyx_model
 * @nr_domains: domains
 * @nr_devices: devices
 * @reserved: 0
 * @mapped_bytes: sum over the paging domains
 * @fault_events: faults that were reported
 * @irt_entries: size of the interrupt remapping table
 * @nr_irtes: entries of it that are present
 * @nr_bindings: bound interrupts
 * @nr_quarantined: devices that are quarantined or disabled
 */
struct nyx_unit_status {
	uint32_t size;
	uint32_t enabled;
	uint32_t model;
	uint32_t nr_domains;
	uint32_t nr_devices;
	uint32_t reserved;
	uint64_t mapped_bytes;
	uint64_t fault_events;
	uint32_t irt_entries;
	uint32_t nr_irtes;
	uint32_t nr_bindings;
	uint32_t nr_quarantined;
};

/**
 * nyx_unit_status_get() - the state of a unit in short
 * @unit: the unit
 * @status: where to put it; begins as NYX_UNIT_STATUS_INIT
 *
 * Return: 0, also if the unit was destroyed; a negative errno.
 */
int nyx_unit_status_get(struct nyx_unit *unit, struct nyx_unit_status *status);

/**
 * nyx_unit_share() - let other processes of the unit's owner open it
 * @unit: the unit
 *
 * A unit cannot be made private again.
 *
 * Return: 0; -EBUSY if the unit has memory without NYX_MEMORY_F_SHARED.
 */
int nyx_unit_share(struct nyx_unit *unit);

/**
 * nyx_unit_persist() - set whether the unit outlives its last file descriptor
 * @unit: the unit
 * @persist: 1 or 0
 *
 * Return: 0; -EINVAL if it is to be persistent and is not NYX_UNIT_F_SHARED.
 */
int nyx_unit_persist(struct nyx_unit *unit, int persist);

/**
 * nyx_unit_destroy() - end the unit for all its users
 * @unit: the unit; the handle remains the caller's, each call on it fails with
 *        -ENODEV
 *
 * Return: 0; -ENODEV if another caller destroyed the unit before.
 */
int nyx_unit_destroy(struct nyx_unit *unit);

/**
 * nyx_unit_reset() - put the registers of a vendor model back to power-on
 * @unit: the unit
 *
 * The unit forgets its entries and translations of the guest's tables.
 *
 * Return: 0; -EOPNOTSUPP if the unit has no vendor model.
 */
int nyx_unit_reset(struct nyx_unit *unit);

/**
 * nyx_mmio_read() - the guest reads a register of a vendor model
 * @unit: the unit
 * @offset: offset of the register, a multiple of @width, below NYX_MMIO_SIZE
 * @width: bytes, 4 or 8
 * @value: where to put what was read
 *
 * Return: 0; -EINVAL; -EOPNOTSUPP if the unit has no vendor model.
 */
int nyx_mmio_read(struct nyx_unit *unit, uint32_t offset, uint32_t width, uint64_t *value);

/**
 * nyx_mmio_write() - the guest writes a register of a vendor model
 * @unit: the unit
 * @offset: as for nyx_mmio_read()
 * @width: as for nyx_mmio_read()
 * @value: what to write
 *
 * The effects of the write, such as the execution of the invalidation queue, are done
 * when the call returns.
 *
 * Return: as nyx_mmio_read(); -EINTR if the process was killed before.
 */
int nyx_mmio_write(struct nyx_unit *unit, uint32_t offset, uint32_t width, uint64_t value);

/**
 * nyx_mmio() - the guest reads or writes a register of a vendor model
 * @unit: the unit
 * @access: the access, as for ioctl(NYX_MMIO)
 *
 * As nyx_mmio_read() and nyx_mmio_write(), for a VMM that keeps interrupt routes:
 * out_irte_changes also says whether the entries that those routes were made from have
 * changed.
 *
 * Return: as nyx_mmio_write().
 */
int nyx_mmio(struct nyx_unit *unit, struct nyx_mmio *access);

/**
 * nyx_register_key() - the key of an entry of nyx_register_foreach()
 * @offset: of the register
 * @index: of the bit field; 0: the register
 *
 * Return: the key.
 */
uint64_t nyx_register_key(uint32_t offset, uint32_t index);

/**
 * typedef nyx_register_fn - what nyx_register_foreach() calls
 * @info: a register, a bit field, or another field of the state; valid during the call
 * @arg: as passed to nyx_register_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_register_fn)(const struct nyx_register_info *info, void *arg);

/**
 * nyx_register_foreach() - call a function for each register of a vendor model
 * @unit: the unit
 * @start: nyx_register_key() of the first that is wanted, or 0
 * @fn: the function
 * @arg: handed to it
 *
 * Each register is followed by its bit fields. Names, and the rest of the architectural
 * state, come from the model.
 *
 * Return: 0, or what @fn returned; -EOPNOTSUPP if the unit has no vendor model.
 */
int nyx_register_foreach(struct nyx_unit *unit, uint64_t start, nyx_register_fn fn, void *arg);

/**
 * typedef nyx_unit_fn - what nyx_unit_foreach() calls
 * @info: a unit; valid during the call
 * @arg: as passed to nyx_unit_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_unit_fn)(const struct nyx_unit_info *info, void *arg);

/**
 * nyx_unit_foreach() - call a function for each unit of the system
 * @ctx: the context
 * @fn: what to call, in the order of ids
 * @arg: passed on
 *
 * Units that come or go meanwhile may or may not appear. Those of other users,
 * NYX_UNIT_F_OTHERS, appear without their state.
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_unit_foreach(struct nyx_ctx *ctx, nyx_unit_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_UNIT_H */

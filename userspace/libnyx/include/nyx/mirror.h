/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: mirrors, which keep an IOMMU of the host equal to what a guest has mapped.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A mirror follows devices or domains by a change stream (<nyx/changes.h>), and maps and unmaps
 * by a back end: a container of VFIO, an address space of iommufd, or functions of the caller's
 * own, such as those that send messages to a device in another process.
 *
 *	nyx_changes_open(unit, NYX_CHANGES_F_INLINE, &changes);
 *	nyx_mirror_vfio(container, &backend);
 *	nyx_mirror_open(changes, &backend, &opts, &mirror);
 *	nyx_mirror_memory_add(mirror, gpa, length, host, 0);	for each range
 *	nyx_mirror_add_device(mirror, device);
 *	... the device may make DMA ...
 *
 *	nyx_changes_mmio(changes, &access);
 *	if (access.out_pending)
 *		nyx_mirror_run(mirror);
 *
 * and nyx_mirror_run() after each command that has returned -EINPROGRESS. On a threaded stream,
 * nyx_changes_start() does both. A VMM puts the device into the container first, adds it to the
 * mirror, and lets it be bus master last.
 *
 * Several devices in one container share what it maps. So the container holds a page if all
 * targets of the mirror map it, to the same memory, and with the permissions that all of them
 * grant: no device reaches what the guest has not mapped for it. A device that is
 * detached or quarantined maps nothing: remove it from the mirror, and from the container, or
 * the others have nothing either.
 *
 * A map is made as a whole or refused. When the back end fails, the mirror is emptied and its
 * devices are quarantined. Either is told to &nyx_mirror_opts.event.
 */
#ifndef NYX_MIRROR_H
#define NYX_MIRROR_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/changes.h>
#include <nyx/id.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nyx_mirror;

/**
 * struct nyx_mirror_range - a range of IOVAs
 * @first: the first
 * @last: the last
 *
 * Never grows.
 */
struct nyx_mirror_range {
	uint64_t first;
	uint64_t last;
};

/**
 * struct nyx_mirror_map - a mapping of the back end
 * @iova: first IOVA
 * @length: bytes
 * @gpa: GPA of @iova
 * @host: the memory, in the process
 * @prot: of enum nyx_prot, at least one
 * @reserved: 0
 *
 * Never grows.
 */
struct nyx_mirror_map {
	uint64_t iova;
	uint64_t length;
	uint64_t gpa;
	void *host;
	uint32_t prot;
	uint32_t reserved;
};

/* ---- back ends ---------------------------------------------------------------- */

/**
 * struct nyx_mirror_limits - what a back end can map
 * @more_maps: mappings that can be made, beside those that there are; UINT64_MAX: no limit
 * @page_size: first and last address of each mapping are at its multiples
 * @ranges: where to put the ranges of IOVAs that may be mapped, ascending
 * @nr: room there
 * @nr_ranges: how many there are, also if there is no room for all
 *
 * Never grows.
 */
struct nyx_mirror_limits {
	uint64_t more_maps;
	uint64_t page_size;
	struct nyx_mirror_range *ranges;
	size_t nr;
	size_t nr_ranges;
};

/**
 * enum nyx_mirror_dirty_op - what &nyx_mirror_backend.dirty does
 * @NYX_MIRROR_DIRTY_START: begins to track which pages devices write; an error: it cannot
 * @NYX_MIRROR_DIRTY_STOP: ends that
 * @NYX_MIRROR_DIRTY_READ: tells which pages of a mapping were written, and forgets it: sets a bit
 *                         for each 4096 bytes, from bit 0 of the first 64-bit word on. An error:
 *                         all of them may have been
 */
enum nyx_mirror_dirty_op {
	NYX_MIRROR_DIRTY_START = 1,
	NYX_MIRROR_DIRTY_STOP = 2,
	NYX_MIRROR_DIRTY_READ = 3
};

/**
 * struct nyx_mirror_backend - where a mirror maps
 * @size: sizeof(struct nyx_mirror_backend)
 * @fd: for the functions
 * @id: for the functions
 * @reserved: must be 0
 * @arg: for the functions
 * @map: makes a mapping where nothing is mapped; an error changes nothing. -ENOMEM: more than
 *       the process may lock; -ENOSPC: as many mappings as there may be: the map is refused.
 *       After any other error the mirror is emptied
 * @unmap: removes all mappings in a range, which cuts none, and tells the sum of their bytes
 * @limits: tells what can be mapped; it may change when a device is added to the container
 * @commit: waits until what the other functions have begun is complete, or NULL. It is called
 *          before the mirror says that changes are applied
 * @dirty: tells which pages were written, or NULL: all that devices may write counts as written.
 *         @op is of enum nyx_mirror_dirty_op; the others are those of one whole mapping, and for
 *         NYX_MIRROR_DIRTY_READ only
 *
 * Each function returns 0 or a negative errno. They are called by one thread at a time, and
 * call no function of the mirror or its stream.
 */
struct nyx_mirror_backend {
	uint32_t size;
	int32_t fd;
	uint32_t id;
	uint32_t reserved;
	void *arg;
	int (*map)(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map);
	int (*unmap)(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
		     uint64_t *unmapped);
	int (*limits)(const struct nyx_mirror_backend *backend,
		      struct nyx_mirror_limits *limits);
	int (*commit)(const struct nyx_mirror_backend *backend);
	int (*dirty)(const struct nyx_mirror_backend *backend, uint32_t op, uint64_t iova,
		     uint64_t length, uint64_t *bitmap);
};

/**
 * nyx_mirror_vfio() - the back end of a VFIO container
 * @container: the container, with a group, whose IOMMU is VFIO_TYPE1v2_IOMMU. It stays the
 *             caller's, and is open for as long as the mirror
 * @backend: where to put the back end; begins as NYX_MIRROR_BACKEND_INIT
 *
 * Return: 0; -EOPNOTSUPP if the container has no such IOMMU; -EPROTO if its answer
 * is not what the interface promises; errors of VFIO_IOMMU_GET_INFO.
 */
int nyx_mirror_vfio(int container, struct nyx_mirror_backend *backend);

/**
 * nyx_mirror_iommufd() - the back end of an address space of iommufd
 * @fd: /dev/iommu. It stays the caller's, and is open for as long as the mirror
 * @ioas_id: the address space
 * @backend: where to put the back end; begins as NYX_MIRROR_BACKEND_INIT
 *
 * Return: 0; -ENOENT if there is no such address space; errors of iommufd.
 */
int nyx_mirror_iommufd(int fd, uint32_t ioas_id, struct nyx_mirror_backend *backend);

/* ---- what the caller is told -------------------------------------------------- */

/**
 * enum nyx_mirror_kind - what is told
 * @NYX_MIRROR_STATE: a target has another state
 * @NYX_MIRROR_REFUSED: a map was not made. With a return of 0 the mirror goes on without it, and
 *                      the device's accesses there are refused by the host; otherwise, or
 *                      without a function, the mirror fails
 * @NYX_MIRROR_NEAR_LIMIT: the back end has 7/8 of the mappings that there may be
 * @NYX_MIRROR_FAILED: the mirror has failed: it is emptied, and its devices are quarantined
 * @NYX_MIRROR_BROKEN: the mirror has failed, and cannot be emptied: the device can
 *                     still reach what was mapped. Cut it off at once: bus mastering off, a
 *                     reset, the container closed; then return 0. Otherwise, or without a
 *                     function, the stream is not read any more (-EIO), and commands time out
 * @NYX_MIRROR_GONE: the unit was destroyed, and the mirror is emptied
 */
enum nyx_mirror_kind {
	NYX_MIRROR_STATE = 1,
	NYX_MIRROR_REFUSED = 2,
	NYX_MIRROR_NEAR_LIMIT = 3,
	NYX_MIRROR_FAILED = 4,
	NYX_MIRROR_BROKEN = 5,
	NYX_MIRROR_GONE = 6
};

/**
 * enum nyx_mirror_why - why a map was refused, or the mirror has failed
 * @NYX_MIRROR_WHY_NONE: no reason
 * @NYX_MIRROR_WHY_RANGE: the back end cannot map the IOVAs, or not in such pages
 * @NYX_MIRROR_WHY_MEMORY: no range of nyx_mirror_memory_add() has the memory, or it is read-only
 * @NYX_MIRROR_WHY_LIMIT: the back end has as many mappings as there may be
 * @NYX_MIRROR_WHY_MEMLOCK: the process may not lock so much memory (RLIMIT_MEMLOCK)
 * @NYX_MIRROR_WHY_NO_MEMORY: the library got no memory for itself
 * @NYX_MIRROR_WHY_BACKEND: the back end has failed, with @error
 * @NYX_MIRROR_WHY_PROTOCOL: the back end, or the stream, has done what it never does
 */
enum nyx_mirror_why {
	NYX_MIRROR_WHY_NONE = 0,
	NYX_MIRROR_WHY_RANGE = 1,
	NYX_MIRROR_WHY_MEMORY = 2,
	NYX_MIRROR_WHY_LIMIT = 3,
	NYX_MIRROR_WHY_MEMLOCK = 4,
	NYX_MIRROR_WHY_NO_MEMORY = 5,
	NYX_MIRROR_WHY_BACKEND = 6,
	NYX_MIRROR_WHY_PROTOCOL = 7
};

/**
 * struct nyx_mirror_event - what is told
 * @size: sizeof(struct nyx_mirror_event)
 * @kind: of enum nyx_mirror_kind
 * @why: of enum nyx_mirror_why
 * @error: 0 or a negative errno
 * @state: NYX_MIRROR_STATE: of enum nyx_change_state
 * @sbdf: the device, or NYX_SBDF_ANY
 * @domain_id: the domain, or 0
 * @prot: NYX_MIRROR_REFUSED: of the map
 * @iova: first IOVA of the map
 * @last: last IOVA of the map
 * @gpa: its GPA
 * @maps: mappings that the back end has
 * @max_maps: mappings that there may be; 0: no limit
 * @bytes: that the back end has mapped, and locked
 */
struct nyx_mirror_event {
	uint32_t size;
	uint32_t kind;
	uint32_t why;
	int32_t error;
	uint32_t state;
	uint32_t sbdf;
	uint32_t domain_id;
	uint32_t prot;
	uint64_t iova;
	uint64_t last;
	uint64_t gpa;
	uint64_t maps;
	uint64_t max_maps;
	uint64_t bytes;
};

/**
 * typedef nyx_mirror_event_fn - what a mirror tells
 * @mirror: the mirror
 * @event: what it tells; valid during the call
 * @arg: nyx_mirror_opts::arg
 *
 * Called by the thread that handles changes. It waits for no thread that calls a function of
 * the mirror or its stream.
 *
 * Return: 0, or what enum nyx_mirror_kind says.
 */
typedef int (*nyx_mirror_event_fn)(struct nyx_mirror *mirror,
				   const struct nyx_mirror_event *event, void *arg);

/* Room for the text of any event. */
enum { NYX_MIRROR_TEXT_LEN = 256 };

/**
 * nyx_mirror_event_format() - put an event into words
 * @event: the event
 * @buffer: where to put the text
 * @room: bytes there; NYX_MIRROR_TEXT_LEN are enough
 *
 * Return: 0; -EINVAL for a size or a kind that the library does not know; -EMSGSIZE.
 */
int nyx_mirror_event_format(const struct nyx_mirror_event *event, char *buffer, size_t room);

/* ---- mirrors ------------------------------------------------------------------ */

/**
 * struct nyx_mirror_opts - how to mirror
 * @size: sizeof(struct nyx_mirror_opts)
 * @flags: must be 0
 * @last: last IOVA that the guest may map; 0: that of the unit's address width
 * @reserved: ranges that the guest was told not to map (RMRR, IVMD), ascending, or NULL. The
 *            window of interrupt messages, 0xfee00000 to 0xfeefffff, is always one
 * @nr_reserved: how many
 * @event: what is told, or NULL
 * @arg: for @event
 */
struct nyx_mirror_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t last;
	const struct nyx_mirror_range *reserved;
	size_t nr_reserved;
	nyx_mirror_event_fn event;
	void *arg;
};

/**
 * nyx_mirror_open() - make a mirror, which has nothing mapped
 * @changes: the stream, open for as long as the mirror; several mirrors may have one
 * @backend: where to map; it is copied
 * @opts: how, or NULL. It is copied, with the ranges
 * @mirror: where to put the mirror
 *
 * Return: 0; -EINVAL; -ENOMEM; errors of the back end.
 */
int nyx_mirror_open(struct nyx_changes *changes, const struct nyx_mirror_backend *backend,
		    const struct nyx_mirror_opts *opts, struct nyx_mirror **mirror);

/**
 * nyx_mirror_close() - end a mirror
 * @mirror: the mirror, or NULL
 *
 * Empties the back end first, and frees the bits that nyx_mirror_dirty_read() has not told. So
 * remove devices and domains, whose mappings become dirty, read then, and close the mirror last.
 *
 * Return: 0; -EIO if the back end could not be emptied: close the container.
 */
int nyx_mirror_close(struct nyx_mirror *mirror);

/**
 * nyx_mirror_check() - tell what the guest may map and the back end cannot
 * @mirror: the mirror
 * @conflicts: where to put these ranges, ascending
 * @nr: room there
 * @nr_conflicts: how many there are, also if there is no room for all
 *
 * Return: 0 if there are none; -ERANGE; errors of the back end.
 */
int nyx_mirror_check(struct nyx_mirror *mirror, struct nyx_mirror_range *conflicts, size_t nr,
		     size_t *nr_conflicts);

/**
 * nyx_mirror_add_device() - mirror a device, whatever domain it is in
 * @mirror: the mirror
 * @device: the device, which is in the container already, and no bus master yet
 *
 * When it returns, the back end has what the device maps, together with the other targets.
 *
 * Return: 0; -ERANGE if the guest may map what the back end cannot, see nyx_mirror_check();
 * errors of nyx_changes_add_device() and nyx_mirror_run().
 */
int nyx_mirror_add_device(struct nyx_mirror *mirror, nyx_device_t device);

/**
 * nyx_mirror_add_domain() - mirror a domain of a native unit
 * @mirror: the mirror
 * @domain: the domain
 *
 * Return: as nyx_mirror_add_device(); errors of nyx_changes_add_domain().
 */
int nyx_mirror_add_domain(struct nyx_mirror *mirror, nyx_domain_t domain);

/**
 * nyx_mirror_remove_device() - mirror a device no more
 * @mirror: the mirror
 * @device: the device, which is no bus master any more, or in the container no more
 *
 * The back end has then what the other targets map, or nothing.
 *
 * Return: 0; -ENOENT if the mirror does not have it; -EIO as nyx_mirror_run().
 */
int nyx_mirror_remove_device(struct nyx_mirror *mirror, nyx_device_t device);

/**
 * nyx_mirror_remove_domain() - mirror a domain no more
 * @mirror: the mirror
 * @domain: the domain
 *
 * Return: as nyx_mirror_remove_device().
 */
int nyx_mirror_remove_domain(struct nyx_mirror *mirror, nyx_domain_t domain);

/**
 * nyx_mirror_memory_add() - tell where guest memory is mapped
 * @mirror: the mirror
 * @gpa: first guest-physical address, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @host: the memory, in the process, at a multiple of 4096
 * @flags: NYX_MEMORY_F_READONLY: devices cannot write it
 *
 * Best before the memory is added to the unit. Maps that were refused for the want of it are made.
 *
 * Return: 0; -EEXIST if it overlaps a range; -EINVAL; -EOVERFLOW; -ENOMEM; -EIO as
 * nyx_mirror_run().
 */
int nyx_mirror_memory_add(struct nyx_mirror *mirror, uint64_t gpa, uint64_t length, void *host,
			  uint32_t flags);

/**
 * nyx_mirror_memory_remove() - forget a range
 * @mirror: the mirror
 * @gpa: its first address
 * @length: its bytes
 *
 * When it returns, the back end has nothing of it mapped, and @host may be unmapped. Best after
 * the memory is removed from the unit.
 *
 * Return: 0; -ENOENT if no range has these bounds; -EIO as nyx_mirror_run().
 */
int nyx_mirror_memory_remove(struct nyx_mirror *mirror, uint64_t gpa, uint64_t length);

/**
 * nyx_mirror_run() - apply all changes that there are
 * @mirror: the mirror
 *
 * As nyx_changes_handle(), so those of all mirrors of the stream.
 *
 * Return: 0; -EIO if a mirror is NYX_MIRROR_BROKEN; -ENODEV if the unit was destroyed: then
 * mirrors are emptied; -EINPROGRESS, -ETIMEDOUT and other errors of the kernel as
 * nyx_changes_handle().
 */
int nyx_mirror_run(struct nyx_mirror *mirror);

/**
 * typedef nyx_mirror_map_fn - called for each mapping
 * @map: a mapping of the back end; valid during the call
 * @arg: as passed on
 *
 * Return: 0 to go on.
 */
typedef int (*nyx_mirror_map_fn)(const struct nyx_mirror_map *map, void *arg);

/**
 * nyx_mirror_map_foreach() - walk over what the back end has mapped
 * @mirror: the mirror
 * @fn: called for each mapping, by IOVA; it calls no function of the mirror or its stream
 * @arg: passed on
 *
 * Return: 0; what @fn returned, if not 0.
 */
int nyx_mirror_map_foreach(struct nyx_mirror *mirror, nyx_mirror_map_fn fn, void *arg);

/**
 * nyx_mirror_dirty_start() - begin to track which guest memory is written by way of a mirror
 * @mirror: the mirror
 *
 * By devices of the host, whose writes nyx_dirty_read() does not see. All memory is clean when the
 * call returns. A back end that cannot tell what was written makes all dirty that devices may
 * write.
 *
 * Return: 0; -EBUSY if it is tracked already; -ENOMEM; -EDEADLK in a function that the mirror
 * calls.
 */
int nyx_mirror_dirty_start(struct nyx_mirror *mirror);

/**
 * nyx_mirror_dirty_stop() - end that
 * @mirror: the mirror
 *
 * Return: 0; -EINVAL if it is not tracked; -EDEADLK.
 */
int nyx_mirror_dirty_stop(struct nyx_mirror *mirror);

/**
 * nyx_mirror_dirty_read() - tell which pages were written, and make them clean
 * @mirror: the mirror
 * @gpa: first guest-physical address, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @bitmap: nyx_dirty_words() words, a bit for each 4096 bytes: the bits of dirty pages are set,
 *          and no other is changed, so that it is united with that of nyx_dirty_read()
 *
 * A mapping that was removed meanwhile counts as written, in whole, if devices could write it. Read
 * before nyx_mirror_close(), which frees the bits.
 *
 * Return: 0; -EINVAL; -EOVERFLOW; -EDEADLK.
 */
int nyx_mirror_dirty_read(struct nyx_mirror *mirror, uint64_t gpa, uint64_t length,
			  uint64_t *bitmap);

/**
 * nyx_mirror_find() - find the mapping of an IOVA
 * @mirror: the mirror
 * @iova: the IOVA
 * @map: where to put the mapping
 *
 * The answer is as of an instant between two changes, and may be outdated when the function
 * returns.
 *
 * Return: 0; -ENOENT if the back end has nothing mapped there.
 */
int nyx_mirror_find(struct nyx_mirror *mirror, uint64_t iova, struct nyx_mirror_map *map);

/**
 * struct nyx_mirror_stat - counts of a mirror
 * @size: sizeof(struct nyx_mirror_stat)
 * @targets: devices and domains
 * @maps: mappings that the back end has
 * @max_maps: mappings that there may be; 0: no limit
 * @bytes: that the back end has mapped, and locked
 * @changes: records that were applied
 * @mapped: mappings that were made
 * @unmapped: mappings that were removed
 * @mapped_bytes: bytes of @mapped
 * @unmapped_bytes: bytes of @unmapped
 * @map_calls: calls of the back end's map
 * @unmap_calls: calls of its unmap, each of which may remove many mappings
 * @refused: maps that were refused
 * @failures: times that the mirror has failed
 * @reads: system calls that have read the stream, for all its mirrors
 */
struct nyx_mirror_stat {
	uint32_t size;
	uint32_t targets;
	uint64_t maps;
	uint64_t max_maps;
	uint64_t bytes;
	uint64_t changes;
	uint64_t mapped;
	uint64_t unmapped;
	uint64_t mapped_bytes;
	uint64_t unmapped_bytes;
	uint64_t map_calls;
	uint64_t unmap_calls;
	uint64_t refused;
	uint64_t failures;
	uint64_t reads;
};

/**
 * nyx_mirror_stat_get() - counts of a mirror
 * @mirror: the mirror
 * @stat: where to put them; begins as NYX_MIRROR_STAT_INIT
 *
 * Return: 0; -EINVAL for its size.
 */
int nyx_mirror_stat_get(struct nyx_mirror *mirror, struct nyx_mirror_stat *stat);

#ifdef __cplusplus
}
#endif

#endif /* NYX_MIRROR_H */

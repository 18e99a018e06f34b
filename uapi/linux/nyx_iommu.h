/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Nyx: a software IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The interface of /dev/nyx-iommu. A file descriptor of the device is bound to
 * at most one IOMMU unit, by NYX_UNIT_CREATE or NYX_UNIT_OPEN; all other
 * commands but NYX_MODULE_INFO and NYX_LIST of units act on that unit.
 */
#ifndef _UAPI_LINUX_NYX_IOMMU_H
#define _UAPI_LINUX_NYX_IOMMU_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General ioctl format
 *
 * Every command takes a pointer to one structure that begins with the fields of
 * struct nyx_head: ``size``, the caller's idea of sizeof(), ``flags``, and two
 * that say why the command failed. Structures only grow at their end. A shorter
 * structure than the kernel's is completed with zeros; a longer one, of up to 4096
 * bytes, is accepted if what the kernel does not know is zero.
 * Fields named ``out_*`` are written by the kernel, also when a command that
 * is documented to report partial progress fails; ``__reserved`` fields must
 * be zero.
 *
 * A command that fails with an errno other than ENOTTY writes ``out_err_reason`` and
 * ``out_err_field``, and no other field unless it is documented to. A caller that
 * clears both before the call finds NYX_REASON_NONE there only if the kernel could
 * not read or write the structure, which changes no errno. After success they have
 * no meaning. A caller that does not know a reason falls back on the errno.
 *
 * Addresses and lengths are in bytes. A range is given by its first byte and
 * its length; a length of zero is -EINVAL wherever nothing else is said.
 *
 * Each errno means the same for all commands:
 *
 *  - ENOTTY: the command is unknown.
 *  - E2BIG: a part of the structure that this kernel does not know is not zero,
 *    or it is longer than 4096 bytes.
 *  - EINVAL: the structure is too short, a value is out of its range or
 *    misaligned, or fields contradict each other.
 *  - EOPNOTSUPP: a flag, a reserved field or an enumerated value is not known
 *    to this kernel, or the object is of a kind without this operation.
 *  - EFAULT: a pointer does not lead to accessible memory.
 *  - EOVERFLOW: address + length leaves 64 bits.
 *  - ERANGE: the range leaves the address width of the domain or of the unit.
 *  - ENOENT: no such unit, domain, device, memory range or mapping.
 *  - EEXIST: the name, the id, the device or a part of the range is taken.
 *  - EBUSY: the object is in use, another command is moving it, or the STRICT
 *    domain has its device.
 *  - ENOSPC: a limit of the unit, of the module or of the user is reached.
 *  - EDQUOT: pinning would exceed RLIMIT_MEMLOCK.
 *  - EAGAIN: a limit of the device or of its domain is reached for now, and the
 *    file descriptor does not block.
 *  - ELOOP: the source of a binding is the target of one, or the reverse.
 *  - EMSGSIZE: the caller's array is too short; the needed count was returned.
 *  - ENOMEM: the kernel has no memory for it.
 *  - ENXIO: the file descriptor is not bound to a unit.
 *  - ENODEV: the unit was destroyed.
 *  - EACCES: the unit is not open to the caller, or not for this command; a file
 *    is not open for the access that is needed.
 *  - EPERM: a file is sealed against writing; the device is quarantined; memory
 *    would be reached by others without NYX_MEMORY_F_SHARED.
 *  - EBADF: a file descriptor is not open.
 *  - EMFILE, ENFILE: no file descriptor is left.
 *  - EINTR: a signal arrived; nothing was changed, or the answer says what was done.
 *  - EINPROGRESS: a change stream (NYX_CHANGES_OPEN) has changes that its reader has to
 *    handle first.
 *  - ETIMEDOUT: a view (NYX_VIEW_OPEN) was cut off, whose process did not let go in time, or
 *    a change stream, whose reader did not.
 *
 * A command that takes something away promises the same by success and by
 * -ENOENT: no access uses it any more. If another command has taken it away, and
 * was killed while it waited for accesses, or still waits, this one waits as
 * well. -EBUSY promises nothing. -EINTR: it is taken away, but accesses may
 * still use it; the same command again waits for them. -ETIMEDOUT: it is taken away,
 * but a process whose view was cut off may still use it, and nothing is left that could
 * be waited for: NYX_EVENT_VIEW names the process. -EINPROGRESS: it is taken away, and
 * NYX_CHANGES_NEXT waits for the rest once the changes are handled; a domain or a device is
 * still there, and the same command again destroys or removes it.
 *
 * A failing command changes nothing. A *guest* fault (a DMA that the IOMMU
 * refuses) is no error of the command: it is data in the reply.
 */

#define NYX_IOCTL_TYPE	0xBF

/* Command numbers are never reused. */
enum nyx_cmd {
	NYX_CMD_MODULE_INFO	= 0x00,
	NYX_CMD_UNIT_CREATE	= 0x01,
	NYX_CMD_UNIT_OPEN	= 0x02,
	NYX_CMD_UNIT_INFO	= 0x03,
	NYX_CMD_UNIT_PERSIST	= 0x04,
	NYX_CMD_UNIT_DESTROY	= 0x05,
	NYX_CMD_LIST		= 0x06,
	NYX_CMD_STATS		= 0x07,
	NYX_CMD_MEMORY_ADD	= 0x08,
	NYX_CMD_MEMORY_REMOVE	= 0x09,
	NYX_CMD_DOMAIN_CREATE	= 0x0a,
	NYX_CMD_DOMAIN_DESTROY	= 0x0b,
	NYX_CMD_DEVICE_ADD	= 0x0c,
	NYX_CMD_DEVICE_REMOVE	= 0x0d,
	NYX_CMD_DEVICE_ATTACH	= 0x0e,
	NYX_CMD_DEVICE_DETACH	= 0x0f,
	NYX_CMD_MAP		= 0x10,
	NYX_CMD_UNMAP		= 0x11,
	NYX_CMD_INVALIDATE	= 0x12,
	NYX_CMD_TRANSLATE	= 0x13,
	NYX_CMD_DMA		= 0x14,
	NYX_CMD_ARRAY		= 0x15,
	NYX_CMD_EVENTS_OPEN	= 0x16,
	NYX_CMD_IRQ_SETUP	= 0x17,
	NYX_CMD_IRTE_SET	= 0x18,
	NYX_CMD_IRTE_CLEAR	= 0x19,
	NYX_CMD_IRQ_SEND	= 0x1a,
	NYX_CMD_IRQ_BIND	= 0x1b,
	NYX_CMD_IRQ_UNBIND	= 0x1c,
	NYX_CMD_IRQ_CHANGE	= 0x1d,
	NYX_CMD_POLICY_SET	= 0x1e,
	NYX_CMD_POLICY_GET	= 0x1f,
	NYX_CMD_DEVICE_CONTROL	= 0x20,
	NYX_CMD_LIMIT_SET	= 0x21,
	NYX_CMD_LIMIT_GET	= 0x22,
	NYX_CMD_PAGE_REQUEST	= 0x23,
	NYX_CMD_PAGE_RESPOND	= 0x24,
	NYX_CMD_MMIO		= 0x25,
	NYX_CMD_UNIT_RESET	= 0x26,
	NYX_CMD_WALK		= 0x27,
	NYX_CMD_UNIT_SHARE	= 0x28,
	NYX_CMD_VIEW_OPEN	= 0x29,
	NYX_CMD_VIEW_FILL	= 0x2a,
	NYX_CMD_CHANGES_OPEN	= 0x2b,
	NYX_CMD_CHANGES_ADD	= 0x2c,
	NYX_CMD_CHANGES_REMOVE	= 0x2d,
	NYX_CMD_CHANGES_NEXT	= 0x2e,
	NYX_CMD_DIRTY_START	= 0x2f,
	NYX_CMD_DIRTY_STOP	= 0x30,
	NYX_CMD_DIRTY_READ	= 0x31,
	NYX_CMD_MIGRATE		= 0x32,
	NYX_CMD_MAX,
};

#define NYX_API_VERSION		1
#define NYX_NAME_LEN		32	/* including the terminating NUL */
#define NYX_ID_ANY		0u
#define NYX_DEFAULT		0xffffffffu	/* for counts where zero has a meaning */
#define NYX_PASID_NONE		0xffffffffu
#define NYX_SBDF_ANY		0xffffffffu
#define NYX_ARRAY_MAX		65536u	/* limit on the items of one NYX_ARRAY */

/**
 * enum nyx_reason - why a command failed
 * @NYX_REASON_NONE: the reason is not known
 * @NYX_REASON_SIGNAL: EINTR: a signal arrived
 * @NYX_REASON_NO_MEMORY: ENOMEM: out of memory
 * @NYX_REASON_POINTER: EFAULT: bad address
 * @NYX_REASON_NO_DESCRIPTOR: EMFILE: the process has too many open files
 * @NYX_REASON_OTHER: any errno: the errno alone says what happened
 * @NYX_REASON_SIZE: EINVAL: the structure is shorter than the command needs
 * @NYX_REASON_TOO_LONG: E2BIG: the structure is longer than 4096 bytes
 * @NYX_REASON_UNKNOWN_PART: E2BIG: a field that the module does not know is not
 *   zero
 * @NYX_REASON_FLAG: EOPNOTSUPP: the command does not know a flag
 * @NYX_REASON_RESERVED: EOPNOTSUPP: a reserved field is not zero
 * @NYX_REASON_UNKNOWN_VALUE: EOPNOTSUPP: the module does not know the value
 * @NYX_REASON_OUT_OF_RANGE: EINVAL: the value is out of its range
 * @NYX_REASON_MISALIGNED: EINVAL: the value is misaligned
 * @NYX_REASON_EMPTY: EINVAL: the length is zero
 * @NYX_REASON_UNUSED: EINVAL: the field must be zero here
 * @NYX_REASON_CONFLICT: EINVAL: the fields contradict each other
 * @NYX_REASON_OVERFLOW: EOVERFLOW: address + length exceeds 64 bits
 * @NYX_REASON_PASID: EOPNOTSUPP: PASIDs are not supported
 * @NYX_REASON_NOT_IN_ARRAY: EOPNOTSUPP: arrays do not take this command
 * @NYX_REASON_ITEM_SIZE: EINVAL: the size of an item differs from that of the
 *   array
 * @NYX_REASON_NO_UNIT: ENXIO: the file descriptor is not bound to a unit
 * @NYX_REASON_UNIT_ENDED: ENODEV: the unit was destroyed
 * @NYX_REASON_INSPECT_ONLY: EACCES: the unit is open for inspection only,
 *   because its program does not share it
 * @NYX_REASON_VENDOR_MODEL: EOPNOTSUPP: the unit has a vendor model, whose
 *   guest does this itself
 * @NYX_REASON_NO_VENDOR_MODEL: EOPNOTSUPP: the unit has no vendor model
 * @NYX_REASON_RATE_LIMIT: EAGAIN: a rate limit is reached, and the file
 *   descriptor does not block
 * @NYX_REASON_NAME: EINVAL: the name has a character that is not allowed, or is
 *   not terminated
 * @NYX_REASON_BAD_FD: EBADF: the file descriptor is not open
 * @NYX_REASON_FILE_BOUND: EBUSY: the file descriptor is bound to a unit
 *   already
 * @NYX_REASON_PERSIST_UNSHARED: EINVAL: only a shared unit can be persistent
 * @NYX_REASON_UNIT_NAME_TAKEN: EEXIST: the user has a unit of this name
 *   already
 * @NYX_REASON_UNITS_MAX: ENOSPC: the module has reached its limit on units
 *   (parameter max_units)
 * @NYX_REASON_UNITS_MAX_USER: ENOSPC: the user has reached the limit on units
 *   (parameter max_units_per_user)
 * @NYX_REASON_NO_SUCH_UNIT: ENOENT: the user has no such unit
 * @NYX_REASON_UNIT_PRIVATE: EACCES: the unit is not open to this process
 * @NYX_REASON_MEMORY_UNSHARED: EBUSY: the unit has memory that was not added as
 *   shared
 * @NYX_REASON_MODULE_LEAVES: ENODEV: the module is being unloaded
 * @NYX_REASON_GPA_WIDTH: ERANGE: the guest-physical address is beyond 52 bits
 * @NYX_REASON_MEMORY_OVERLAP: EEXIST: the range overlaps existing guest memory
 * @NYX_REASON_MEMORY_MAX: ENOSPC: the unit has reached its limit on ranges of
 *   memory
 * @NYX_REASON_NO_SUCH_MEMORY: ENOENT: no range of guest memory has exactly
 *   these bounds
 * @NYX_REASON_MEMORY_PRIVATE: EPERM: others could reach the memory, and the
 *   caller does not allow it
 * @NYX_REASON_ADDRESS_SPACE: EINVAL: the range leaves the address space of the
 *   process
 * @NYX_REASON_FILE_SEALED: EPERM: the file is sealed against writing
 * @NYX_REASON_FILE_ACCESS: EACCES: the file is not open for the access that is
 *   needed
 * @NYX_REASON_FILE_APPEND: EACCES: the file can only be appended to
 * @NYX_REASON_FILE_KIND: EINVAL: the file is not a memfd, nor on tmpfs or
 *   hugetlbfs
 * @NYX_REASON_FILE_PAGES: EINVAL: the range is not made of whole pages of the
 *   file
 * @NYX_REASON_FILE_END: EINVAL: the range goes beyond the end of the file
 * @NYX_REASON_FILE_PIN: EINVAL: pages of the file cannot be pinned
 * @NYX_REASON_PIN_LIMIT: EDQUOT: pinning would exceed the limit on locked
 *   memory
 * @NYX_REASON_FORMAT_WIDTH: EINVAL: the page-table format does not support
 *   this address width
 * @NYX_REASON_UNIT_WIDTH: EINVAL: the address width is above that of the unit
 * @NYX_REASON_PAGE_SIZES: EINVAL: the page-table format cannot use these page
 *   sizes together
 * @NYX_REASON_DOMAIN_NAME_TAKEN: EEXIST: the unit has a domain of this name
 *   already
 * @NYX_REASON_DOMAIN_ID_TAKEN: EEXIST: the unit has a domain with this id
 *   already
 * @NYX_REASON_DOMAINS_MAX: ENOSPC: the unit has reached its limit on domains
 * @NYX_REASON_NO_SUCH_DOMAIN: ENOENT: the unit has no such domain
 * @NYX_REASON_DOMAIN_HAS_DEVICES: EBUSY: the domain has devices
 * @NYX_REASON_DOMAIN_DYING: EBUSY: another command is destroying the domain
 * @NYX_REASON_DOMAIN_STRICT: EBUSY: the domain is STRICT and has its device
 *   already
 * @NYX_REASON_DOMAIN_DRAINING: EBUSY: accesses of a device that is leaving or
 *   has left the domain may still be in flight
 * @NYX_REASON_NOT_PAGING: EOPNOTSUPP: the domain is not a paging domain
 * @NYX_REASON_DEVICE_NOT_PAGING: EOPNOTSUPP: the device is not attached to a
 *   paging domain
 * @NYX_REASON_IOVA_WIDTH: ERANGE: the range goes beyond the address width of
 *   the domain
 * @NYX_REASON_MAPPED: EEXIST: a part of the range is mapped already
 * @NYX_REASON_NOT_MAPPED: ENOENT: nothing is mapped in the range
 * @NYX_REASON_NO_SUCH_DEVICE: ENOENT: the unit has no such device
 * @NYX_REASON_DEVICE_EXISTS: EEXIST: the unit has the device already
 * @NYX_REASON_DEVICES_MAX: ENOSPC: the unit has reached its limit on devices
 * @NYX_REASON_SEGMENT: EINVAL: the unit has a vendor model, which has devices
 *   of segment 0 only
 * @NYX_REASON_DEVICE_ATTACHED: EBUSY: the device is attached to a domain
 *   already
 * @NYX_REASON_DEVICE_MOVING: EBUSY: another command is moving the device
 * @NYX_REASON_NOT_ATTACHED: ENOENT: the device is not attached to a domain
 * @NYX_REASON_QUARANTINED: EPERM: the device is quarantined
 * @NYX_REASON_IRTE_BEYOND: EINVAL: the index is beyond the interrupt remapping
 *   table
 * @NYX_REASON_NO_SUCH_IRTE: ENOENT: none of the entries is present
 * @NYX_REASON_DESCRIPTOR_WIDTH: ERANGE: the posted-interrupt descriptor is
 *   beyond 52 bits
 * @NYX_REASON_NO_EVENTFD: EINVAL: the file descriptor is not an eventfd
 * @NYX_REASON_TARGET_BAD_FD: EBADF: the file descriptor of the target is not
 *   open
 * @NYX_REASON_TARGET_NO_EVENTFD: EINVAL: the file descriptor of the target is
 *   not an eventfd
 * @NYX_REASON_SAME_EVENTFD: EINVAL: source and target are the same eventfd
 * @NYX_REASON_SOURCE_BOUND: EBUSY: the source is bound to an interrupt already
 * @NYX_REASON_SOURCE_IS_TARGET: ELOOP: the source is the target of a binding
 * @NYX_REASON_TARGET_IS_SOURCE: ELOOP: the target is the source of a binding
 * @NYX_REASON_BINDINGS_MAX: ENOSPC: the unit has reached its limit on bound
 *   interrupts
 * @NYX_REASON_BINDINGS_MAX_USER: ENOSPC: the user has reached the limit on
 *   bound interrupts (parameter max_bindings_per_user)
 * @NYX_REASON_NO_SUCH_BINDING: ENOENT: the unit has no such bound interrupt
 * @NYX_REASON_GROUPS_MAX_DEVICE: ENOSPC: the device has reached its limit on
 *   page requests that await an answer
 * @NYX_REASON_GROUPS_MAX_UNIT: ENOSPC: the unit has reached its limit on page
 *   requests that await an answer
 * @NYX_REASON_NO_SUCH_GROUP: ENOENT: no page request with this id waits for an
 *   answer
 * @NYX_REASON_MODEL_WIDTH: EINVAL: the unit's model does not support this
 *   address width
 * @NYX_REASON_MODEL_ENTRIES: EINVAL: the unit's model cannot have an interrupt
 *   remapping table of this size
 * @NYX_REASON_OPTION_UNKNOWN: EOPNOTSUPP: the unit's model does not know an
 *   option
 * @NYX_REASON_OPTION_RANGE: EINVAL: an option of the unit's model is out of its
 *   range
 * @NYX_REASON_OPTION_CONFLICT: EINVAL: options of the unit's model contradict
 *   each other
 * @NYX_REASON_FILES_MAX: ENFILE: the system has reached its limit on open files
 * @NYX_REASON_DOMAIN_QUARANTINED: EPERM: another device of the domain is
 *   quarantined, and the domain with it
 * @NYX_REASON_VIEWS_MAX: ENOSPC: the unit has reached its limit on views
 * @NYX_REASON_VIEW_TIMEOUT: ETIMEDOUT: a process did not leave a section or release a
 *   hold of its view in time, or the reader of a change stream did not handle changes, and
 *   was cut off
 * @NYX_REASON_HAS_LIMITS: EOPNOTSUPP: the device or its domain has limits, which
 *   accesses by a view do not keep
 * @NYX_REASON_CHANGES_PENDING: EINPROGRESS: a change stream has changes that its reader
 *   has to handle first
 * @NYX_REASON_NO_SUCH_STREAM: ENOENT: the unit has no such change stream
 * @NYX_REASON_NO_SUCH_TARGET: ENOENT: the change stream has no such target
 * @NYX_REASON_TARGET_EXISTS: EEXIST: the change stream has the device or domain already
 * @NYX_REASON_TARGETS_MAX: ENOSPC: the unit has reached its limit on targets of change
 *   streams
 * @NYX_REASON_STREAMS_MAX: ENOSPC: the unit has reached its limit on change streams
 * @NYX_REASON_FOLLOWED: EBUSY: a change stream follows the device or domain
 * @NYX_REASON_DIRTY_ON: EBUSY: dirty tracking is on already
 * @NYX_REASON_DIRTY_OFF: EINVAL: dirty tracking is off
 * @NYX_REASON_DIRTY_MAX_USER: ENOSPC: the user has reached the limit on bitmaps of dirty
 *   tracking (parameter max_dirty_kib_per_user)
 * @NYX_REASON_TRACKED: EOPNOTSUPP: dirty tracking is on, which writes by a view do not keep
 * @NYX_REASON_UNIT_STOPPED: EAGAIN: the unit is stopped for a migration
 * @NYX_REASON_UNIT_LOADING: EBUSY: the unit is being loaded from a stream
 * @NYX_REASON_UNIT_NOT_EMPTY: EBUSY: the unit has objects already
 * @NYX_REASON_MIGRATE_STATE: EINVAL: a unit in its migration state cannot go to this one
 * @NYX_REASON_MIGRATE_BLOCKED: EBUSY: the unit has something that cannot be migrated
 * @NYX_REASON_STREAM_MAGIC: EINVAL: this is no stream of a saved unit
 * @NYX_REASON_STREAM_VERSION: EOPNOTSUPP: the module does not know the version of the
 *   stream
 * @NYX_REASON_STREAM_LENGTH: EINVAL: a length in the stream is wrong
 * @NYX_REASON_STREAM_CHECKSUM: EBADMSG: a checksum in the stream is wrong
 * @NYX_REASON_STREAM_ORDER: EINVAL: a section of the stream is out of order, or there
 *   twice
 * @NYX_REASON_STREAM_SECTION: EOPNOTSUPP: the module does not know a mandatory section
 *   of the stream
 * @NYX_REASON_STREAM_FIELD: EOPNOTSUPP: a section of the stream has other fields than
 *   the module needs
 * @NYX_REASON_STREAM_VALUE: EINVAL: a value in the stream is out of its range
 * @NYX_REASON_STREAM_ENDS: ENODATA: the stream ends before its last section
 * @NYX_REASON_STREAM_DIFFERS: EINVAL: the unit differs from the one that was saved
 * @NYX_REASON_MAX: number of reasons
 *
 * Each reason has one errno, except NYX_REASON_OTHER, which goes with every
 * errno that has no reason of its own. Numbers are never reused.
 * nyx_reason_text() of libnyx has the sentences.
 */
enum nyx_reason {
	NYX_REASON_NONE = 0,
	NYX_REASON_SIGNAL = 1,
	NYX_REASON_NO_MEMORY = 2,
	NYX_REASON_POINTER = 3,
	NYX_REASON_NO_DESCRIPTOR = 4,
	NYX_REASON_OTHER = 5,
	NYX_REASON_SIZE = 6,
	NYX_REASON_TOO_LONG = 7,
	NYX_REASON_UNKNOWN_PART = 8,
	NYX_REASON_FLAG = 9,
	NYX_REASON_RESERVED = 10,
	NYX_REASON_UNKNOWN_VALUE = 11,
	NYX_REASON_OUT_OF_RANGE = 12,
	NYX_REASON_MISALIGNED = 13,
	NYX_REASON_EMPTY = 14,
	NYX_REASON_UNUSED = 15,
	NYX_REASON_CONFLICT = 16,
	NYX_REASON_OVERFLOW = 17,
	NYX_REASON_PASID = 18,
	NYX_REASON_NOT_IN_ARRAY = 19,
	NYX_REASON_ITEM_SIZE = 20,
	NYX_REASON_NO_UNIT = 21,
	NYX_REASON_UNIT_ENDED = 22,
	NYX_REASON_INSPECT_ONLY = 23,
	NYX_REASON_VENDOR_MODEL = 24,
	NYX_REASON_NO_VENDOR_MODEL = 25,
	NYX_REASON_RATE_LIMIT = 26,
	NYX_REASON_NAME = 27,
	NYX_REASON_BAD_FD = 28,
	NYX_REASON_FILE_BOUND = 29,
	NYX_REASON_PERSIST_UNSHARED = 30,
	NYX_REASON_UNIT_NAME_TAKEN = 31,
	NYX_REASON_UNITS_MAX = 32,
	NYX_REASON_UNITS_MAX_USER = 33,
	NYX_REASON_NO_SUCH_UNIT = 34,
	NYX_REASON_UNIT_PRIVATE = 35,
	NYX_REASON_MEMORY_UNSHARED = 36,
	NYX_REASON_MODULE_LEAVES = 37,
	NYX_REASON_GPA_WIDTH = 38,
	NYX_REASON_MEMORY_OVERLAP = 39,
	NYX_REASON_MEMORY_MAX = 40,
	NYX_REASON_NO_SUCH_MEMORY = 41,
	NYX_REASON_MEMORY_PRIVATE = 42,
	NYX_REASON_ADDRESS_SPACE = 43,
	NYX_REASON_FILE_SEALED = 44,
	NYX_REASON_FILE_ACCESS = 45,
	NYX_REASON_FILE_APPEND = 46,
	NYX_REASON_FILE_KIND = 47,
	NYX_REASON_FILE_PAGES = 48,
	NYX_REASON_FILE_END = 49,
	NYX_REASON_FILE_PIN = 50,
	NYX_REASON_PIN_LIMIT = 51,
	NYX_REASON_FORMAT_WIDTH = 52,
	NYX_REASON_UNIT_WIDTH = 53,
	NYX_REASON_PAGE_SIZES = 54,
	NYX_REASON_DOMAIN_NAME_TAKEN = 55,
	NYX_REASON_DOMAIN_ID_TAKEN = 56,
	NYX_REASON_DOMAINS_MAX = 57,
	NYX_REASON_NO_SUCH_DOMAIN = 58,
	NYX_REASON_DOMAIN_HAS_DEVICES = 59,
	NYX_REASON_DOMAIN_DYING = 60,
	NYX_REASON_DOMAIN_STRICT = 61,
	NYX_REASON_DOMAIN_DRAINING = 62,
	NYX_REASON_NOT_PAGING = 63,
	NYX_REASON_DEVICE_NOT_PAGING = 64,
	NYX_REASON_IOVA_WIDTH = 65,
	NYX_REASON_MAPPED = 66,
	NYX_REASON_NOT_MAPPED = 67,
	NYX_REASON_NO_SUCH_DEVICE = 68,
	NYX_REASON_DEVICE_EXISTS = 69,
	NYX_REASON_DEVICES_MAX = 70,
	NYX_REASON_SEGMENT = 71,
	NYX_REASON_DEVICE_ATTACHED = 72,
	NYX_REASON_DEVICE_MOVING = 73,
	NYX_REASON_NOT_ATTACHED = 74,
	NYX_REASON_QUARANTINED = 75,
	NYX_REASON_IRTE_BEYOND = 76,
	NYX_REASON_NO_SUCH_IRTE = 77,
	NYX_REASON_DESCRIPTOR_WIDTH = 78,
	NYX_REASON_NO_EVENTFD = 79,
	NYX_REASON_TARGET_BAD_FD = 80,
	NYX_REASON_TARGET_NO_EVENTFD = 81,
	NYX_REASON_SAME_EVENTFD = 82,
	NYX_REASON_SOURCE_BOUND = 83,
	NYX_REASON_SOURCE_IS_TARGET = 84,
	NYX_REASON_TARGET_IS_SOURCE = 85,
	NYX_REASON_BINDINGS_MAX = 86,
	NYX_REASON_BINDINGS_MAX_USER = 87,
	NYX_REASON_NO_SUCH_BINDING = 88,
	NYX_REASON_GROUPS_MAX_DEVICE = 89,
	NYX_REASON_GROUPS_MAX_UNIT = 90,
	NYX_REASON_NO_SUCH_GROUP = 91,
	NYX_REASON_MODEL_WIDTH = 92,
	NYX_REASON_MODEL_ENTRIES = 93,
	NYX_REASON_OPTION_UNKNOWN = 94,
	NYX_REASON_OPTION_RANGE = 95,
	NYX_REASON_OPTION_CONFLICT = 96,
	NYX_REASON_FILES_MAX = 97,
	NYX_REASON_DOMAIN_QUARANTINED = 98,
	NYX_REASON_VIEWS_MAX = 99,
	NYX_REASON_VIEW_TIMEOUT = 100,
	NYX_REASON_HAS_LIMITS = 101,
	NYX_REASON_CHANGES_PENDING = 102,
	NYX_REASON_NO_SUCH_STREAM = 103,
	NYX_REASON_NO_SUCH_TARGET = 104,
	NYX_REASON_TARGET_EXISTS = 105,
	NYX_REASON_TARGETS_MAX = 106,
	NYX_REASON_STREAMS_MAX = 107,
	NYX_REASON_FOLLOWED = 108,
	NYX_REASON_DIRTY_ON = 109,
	NYX_REASON_DIRTY_OFF = 110,
	NYX_REASON_DIRTY_MAX_USER = 111,
	NYX_REASON_TRACKED = 112,
	NYX_REASON_UNIT_STOPPED = 113,
	NYX_REASON_UNIT_LOADING = 114,
	NYX_REASON_UNIT_NOT_EMPTY = 115,
	NYX_REASON_MIGRATE_STATE = 116,
	NYX_REASON_MIGRATE_BLOCKED = 117,
	NYX_REASON_STREAM_MAGIC = 118,
	NYX_REASON_STREAM_VERSION = 119,
	NYX_REASON_STREAM_LENGTH = 120,
	NYX_REASON_STREAM_CHECKSUM = 121,
	NYX_REASON_STREAM_ORDER = 122,
	NYX_REASON_STREAM_SECTION = 123,
	NYX_REASON_STREAM_FIELD = 124,
	NYX_REASON_STREAM_VALUE = 125,
	NYX_REASON_STREAM_ENDS = 126,
	NYX_REASON_STREAM_DIFFERS = 127,
	NYX_REASON_MAX,
};

/**
 * struct nyx_head - what the structure of each command begins with
 * @size: size of the structure, as the caller knows it
 * @flags: as the command says
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 */
struct nyx_head {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

/**
 * struct nyx_module_info - ioctl(NYX_MODULE_INFO)
 * @size: sizeof(struct nyx_module_info)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @out_api_version: NYX_API_VERSION of the module
 * @out_models: bit mask of 1 << enum nyx_model that NYX_UNIT_CREATE takes
 * @out_formats: bit mask of 1 << enum nyx_format that NYX_DOMAIN_CREATE takes
 * @out_nr_units: units that exist in the system
 * @out_max_units: the module's limit on units
 * @__reserved: must be 0
 * @out_version: release of the module, NUL-terminated
 *
 * Tell what the module can do. Needs no unit.
 */
struct nyx_module_info {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 out_api_version;
	__u32 out_models;
	__u32 out_formats;
	__u32 out_nr_units;
	__u32 out_max_units;
	__u32 __reserved;
	__u8 out_version[NYX_NAME_LEN];
};

#define NYX_MODULE_INFO _IO(NYX_IOCTL_TYPE, NYX_CMD_MODULE_INFO)

/**
 * enum nyx_model - what the guest sees of a unit
 * @NYX_MODEL_NATIVE: nothing: the VMM maps by the commands of this file
 * @NYX_MODEL_VTD: Intel VT-d, legacy mode: registers (NYX_MMIO), tables and queue
 *                 in guest memory. The guest attaches devices, maps, and sets
 *                 interrupt remapping entries; the commands for that, and for
 *                 page requests, are -EOPNOTSUPP
 * @NYX_MODEL_AMDVI: AMD-Vi, with host page tables (v1); otherwise as
 *                   NYX_MODEL_VTD
 */
enum nyx_model {
	NYX_MODEL_NATIVE = 0,
	NYX_MODEL_VTD = 1,
	NYX_MODEL_AMDVI = 2,
};

/**
 * enum nyx_vtd_flags - properties of a VT-d unit
 * @NYX_VTD_F_CACHING_MODE: CAP.CM: the guest invalidates also what was not
 *                          present before
 * @NYX_VTD_F_XAPIC: no ECAP.EIM: interrupt destinations have 8 bits
 * @NYX_VTD_F_SMALL_PAGES: no CAP.SLLPS: pages of 4 KiB only
 * @NYX_VTD_F_POSTED: CAP.PI: interrupts can be posted
 */
enum nyx_vtd_flags {
	NYX_VTD_F_CACHING_MODE = 1 << 0,
	NYX_VTD_F_XAPIC = 1 << 1,
	NYX_VTD_F_SMALL_PAGES = 1 << 2,
	NYX_VTD_F_POSTED = 1 << 3,
};

/**
 * struct nyx_unit_vtd - options of a unit of NYX_MODEL_VTD
 * @flags: of enum nyx_vtd_flags
 * @faults: fault recording registers, 1 to 8; 0: 8
 */
struct nyx_unit_vtd {
	__u32 flags;
	__u32 faults;
};

/**
 * enum nyx_amdvi_flags - properties of an AMD-Vi unit
 * @NYX_AMDVI_F_XAPIC: no EFR.XTSup: interrupt destinations have 8 bits, and the
 *                     unit's own interrupts are the MSI of its PCI function
 * @NYX_AMDVI_F_SMALL_IRTES: no EFR.GASup: interrupt remapping table entries of
 *                           32 bits only; needs NYX_AMDVI_F_XAPIC
 * @NYX_AMDVI_F_GUEST_APIC: EFR.GAMSup: interrupts can be posted into the APIC of
 *                          a guest of the guest; GA log. Not with
 *                          NYX_AMDVI_F_SMALL_IRTES
 * @NYX_AMDVI_F_SEGMENTS: EFR.DevTblSegSup: up to 8 device table segments
 * @NYX_AMDVI_F_PREFETCH: EFR.PreFSup: PREFETCH_IOMMU_PAGES is a command
 * @NYX_AMDVI_F_DEVICE_TLB: the capability block says IotlbSup:
 *                          INVALIDATE_IOTLB_PAGES is a command
 */
enum nyx_amdvi_flags {
	NYX_AMDVI_F_XAPIC = 1 << 0,
	NYX_AMDVI_F_SMALL_IRTES = 1 << 1,
	NYX_AMDVI_F_GUEST_APIC = 1 << 2,
	NYX_AMDVI_F_SEGMENTS = 1 << 3,
	NYX_AMDVI_F_PREFETCH = 1 << 4,
	NYX_AMDVI_F_DEVICE_TLB = 1 << 5,
};

/**
 * struct nyx_unit_amdvi - options of a unit of NYX_MODEL_AMDVI
 * @flags: of enum nyx_amdvi_flags
 * @__reserved: must be 0
 */
struct nyx_unit_amdvi {
	__u32 flags;
	__u32 __reserved;
};

/* Bound on the size of the options of any model, in bytes. */
#define NYX_UNIT_DATA_MAX 64u

/**
 * enum nyx_unit_flags - flags of a unit
 * @NYX_UNIT_F_PERSIST: the unit outlives its last file descriptor, until
 *                   NYX_UNIT_DESTROY; needs NYX_UNIT_F_SHARED, without which its
 *                   owner could not reach it again
 * @NYX_UNIT_F_SHARED: other processes of its owner may open the unit; without it
 *                     only the process that created the unit may
 * @NYX_UNIT_F_OTHERS: out: the unit is another user's, which the caller may not
 *                     open: its state and its counters are not shown
 */
enum nyx_unit_flags {
	NYX_UNIT_F_PERSIST = 1 << 0,
	NYX_UNIT_F_SHARED = 1 << 1,
	NYX_UNIT_F_OTHERS = 1 << 2,
};

/**
 * struct nyx_unit_create - ioctl(NYX_UNIT_CREATE)
 * @size: sizeof(struct nyx_unit_create)
 * @flags: NYX_UNIT_F_PERSIST, NYX_UNIT_F_SHARED
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @model: of enum nyx_model
 * @address_width: widest IOVA of the unit's domains in bits, 32 to 64; 0: 48
 * @iotlb_entries: size of the translation cache, rounded up to a power of two,
 *                 8 to 1048576; 0: no cache; NYX_DEFAULT: 4096
 * @event_entries: event records that the unit holds for readers, rounded up to
 *                 a power of two, 16 to 65536; 0: 1024
 * @max_domains: limit on domains, at most 65535; 0: 65535
 * @max_devices: limit on devices, at most 1048576; 0: 65536
 * @max_memory: limit on guest memory ranges, at most 65536; 0: 32768
 * @out_unit_id: the new unit's id
 * @irt_entries: entries of the interrupt remapping table, rounded up to a power
 *               of two, at most 65536; 0: 256
 * @data_len: bytes at @data_uptr; 0: all options of the model are 0
 * @name: NUL-terminated name, of letters, digits and ``._:-``, unique among the
 *        units of the caller's effective user in its user namespace; empty: none
 * @data_uptr: options of the model: struct nyx_unit_vtd or struct nyx_unit_amdvi, by
 *             @model; must be 0 if @data_len is. Missing options are 0; bytes behind
 *             the options that the kernel knows must be 0, else -E2BIG, as in a
 *             structure of a command. NYX_MODEL_NATIVE has none
 * @view_timeout_ms: how long a command waits for a view until it cuts it off, in
 *                   milliseconds, 10 to 60000; 0: 1000
 * @__reserved: must be 0
 *
 * A VT-d unit has an address width of 39 or 48, and an interrupt remapping table
 * cache of 65536 entries; @irt_entries must be 0.
 *
 * An AMD-Vi unit has an address width of 48, 57 or 64 (0: 64), which is what
 * EFR.HATS says: tables of up to 4, 5 or 6 levels. The interrupt remapping
 * tables are those of its devices; @irt_entries must be 0. The guest's ACPI
 * tables and the capability block of the PCI function have to repeat some of its
 * registers, which can be read: EFR at 0x30, EFR2 at 0x1a0.
 *
 * Create a unit and bind the file descriptor to it: -EBUSY if it is bound. The
 * unit belongs to the caller's effective user in its user namespace. It counts for
 * the limit on the units of a user: the owner of the outermost of the caller's
 * user namespaces, if that is not the initial one.
 */
struct nyx_unit_create {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 model;
	__u32 address_width;
	__u32 iotlb_entries;
	__u32 event_entries;
	__u32 max_domains;
	__u32 max_devices;
	__u32 max_memory;
	__u32 out_unit_id;
	__u32 irt_entries;
	__u32 data_len;
	__u8 name[NYX_NAME_LEN];
	__aligned_u64 data_uptr;
	__u32 view_timeout_ms;
	__u32 __reserved;
};

#define NYX_UNIT_CREATE _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_CREATE)

/**
 * enum nyx_open_flags - flags of NYX_UNIT_OPEN
 * @NYX_OPEN_F_OWNER: a unit of the user @owner_uid, instead of one of the caller's
 */
enum nyx_open_flags {
	NYX_OPEN_F_OWNER = 1 << 0,
};

/**
 * struct nyx_unit_open - ioctl(NYX_UNIT_OPEN)
 * @size: sizeof(struct nyx_unit_open)
 * @flags: of enum nyx_open_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @unit_id: id of the unit; NYX_ID_ANY: find it by @name
 * @out_unit_id: the unit's id
 * @name: NUL-terminated name; must be empty if @unit_id is given
 * @owner_uid: with NYX_OPEN_F_OWNER: the unit's owner, in the user namespace of
 *             the caller; otherwise must be 0
 * @__reserved: must be 0
 *
 * Bind the file descriptor to an existing unit. The unit must belong to the
 * caller's effective user, or to the one that NYX_OPEN_F_OWNER names, so that a
 * caller does not open another user's unit by mistake: -ENOENT if this user has
 * no such unit. A name is looked for in the user namespace of the caller.
 *
 * Allowed to the owner in the user namespace in which the unit was made, if it is
 * NYX_UNIT_F_SHARED or the caller is the process that created it, and to
 * CAP_SYS_ADMIN in that namespace; otherwise -EACCES. CAP_SYS_ADMIN opens a unit
 * that is not shared for inspection only: to look at it, to set policies and
 * limits, to change the state of devices, and to destroy it; what reads or writes
 * guest memory, and all else, is -EACCES.
 */
struct nyx_unit_open {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 unit_id;
	__u32 out_unit_id;
	__u8 name[NYX_NAME_LEN];
	__u32 owner_uid;
	__u32 __reserved;
};

#define NYX_UNIT_OPEN _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_OPEN)

/**
 * struct nyx_unit_info - ioctl(NYX_UNIT_INFO), and the entry of NYX_LIST
 * @size: sizeof(struct nyx_unit_info)
 * @flags: in: must be 0; out: of enum nyx_unit_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @unit_id: out: id
 * @model: out: of enum nyx_model
 * @address_width: out: bits
 * @owner_uid: out: owner, in the user namespace of the caller. Of a unit with
 *             NYX_UNIT_F_OTHERS, only its properties from creation, its flags and
 *             @memory_bytes are shown beside it; states and counters are 0
 * @iotlb_entries: out: size of the translation cache
 * @event_entries: out: size of the event ring
 * @max_domains: out: limit
 * @max_devices: out: limit
 * @max_memory: out: limit
 * @nr_domains: out: domains
 * @nr_devices: out: devices
 * @nr_memory: out: guest memory ranges
 * @memory_bytes: out: guest memory
 * @mapped_bytes: out: sum over the paging domains
 * @table_bytes: out: memory of all page tables
 * @fault_events: out: faults that were reported
 * @nr_files: out: file descriptors bound to the unit
 * @irt_entries: out: size of the interrupt remapping table; 0: each device has one
 * @name: out: name, or empty
 * @irq_mode: out: of enum nyx_irq_mode
 * @nr_irtes: out: entries that NYX_LIST_IRTES lists
 * @nr_bindings: out: bound interrupts
 * @nr_quarantined: out: devices that are quarantined or disabled
 * @data_len: out: bytes of @data that the model has
 * @view_timeout_ms: out: as in struct nyx_unit_create
 * @nr_views: out: views
 * @__reserved: out: 0
 * @data: out: its options of the model, as &nyx_unit_create.data_uptr, with the values in
 *        the place of defaults; the rest is 0. Here, and not at an address, because
 *        NYX_LIST gives them, too
 */
struct nyx_unit_info {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 unit_id;
	__u32 model;
	__u32 address_width;
	__u32 owner_uid;
	__u32 iotlb_entries;
	__u32 event_entries;
	__u32 max_domains;
	__u32 max_devices;
	__u32 max_memory;
	__u32 nr_domains;
	__u32 nr_devices;
	__u32 nr_memory;
	__aligned_u64 memory_bytes;
	__aligned_u64 mapped_bytes;
	__aligned_u64 table_bytes;
	__aligned_u64 fault_events;
	__u32 nr_files;
	__u32 irt_entries;
	__u8 name[NYX_NAME_LEN];
	__u32 irq_mode;
	__u32 nr_irtes;
	__u32 nr_bindings;
	__u32 nr_quarantined;
	__u32 data_len;
	__u32 view_timeout_ms;
	__u32 nr_views;
	__u32 __reserved;
	__aligned_u64 data[NYX_UNIT_DATA_MAX / 8];
};

#define NYX_UNIT_INFO _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_INFO)

/**
 * struct nyx_unit_persist - ioctl(NYX_UNIT_PERSIST)
 * @size: sizeof(struct nyx_unit_persist)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @persist: 1: the unit outlives its last file descriptor; 0: it does not
 * @__reserved: must be 0
 *
 * -EINVAL if a unit is to be persistent and is not NYX_UNIT_F_SHARED.
 */
struct nyx_unit_persist {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 persist;
	__u32 __reserved;
};

#define NYX_UNIT_PERSIST _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_PERSIST)

/**
 * struct nyx_unit_share - ioctl(NYX_UNIT_SHARE)
 * @size: sizeof(struct nyx_unit_share)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 *
 * Let other processes of the unit's owner open it, as if it had been created
 * with NYX_UNIT_F_SHARED. A unit cannot be made private again, because other
 * processes may have opened it. -EBUSY if the unit has memory without
 * NYX_MEMORY_F_SHARED.
 */
struct nyx_unit_share {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

#define NYX_UNIT_SHARE _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_SHARE)

/**
 * struct nyx_unit_destroy - ioctl(NYX_UNIT_DESTROY)
 * @size: sizeof(struct nyx_unit_destroy)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 *
 * End the unit: its id and name are free at once, commands on its file descriptors that
 * need a unit fail with -ENODEV, readers of its events see the end of the stream. The unit
 * frees its resources when its last file descriptor is closed; until then it counts
 * towards the limits on units.
 */
struct nyx_unit_destroy {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

#define NYX_UNIT_DESTROY _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_DESTROY)

/**
 * enum nyx_list_type - what NYX_LIST lists
 * @NYX_LIST_UNITS: units of the system: struct nyx_unit_info, by id
 * @NYX_LIST_MEMORY: guest memory ranges: struct nyx_memory_info, by GPA
 * @NYX_LIST_DOMAINS: domains: struct nyx_domain_info, by id
 * @NYX_LIST_DEVICES: devices: struct nyx_device_info, by SBDF
 * @NYX_LIST_MAPPINGS: mappings of one paging domain: struct nyx_mapping_info,
 *                     by IOVA; adjacent mappings that are contiguous in both
 *                     address spaces and agree in permission appear as one
 * @NYX_LIST_IRTES: entries of the interrupt remapping table that are present:
 *                  struct nyx_irte_info, by NYX_IRTE_KEY(). Of a unit with a
 *                  vendor model, those of the guest's tables that are in the
 *                  unit's cache
 * @NYX_LIST_BINDINGS: bound interrupts: struct nyx_binding_info, by id
 * @NYX_LIST_REGISTERS: registers of a unit with a vendor model, their bit fields, and
 *                      the rest of its architectural state: struct nyx_register_info,
 *                      by NYX_REGISTER_KEY(); -EOPNOTSUPP of a unit without one
 * @NYX_LIST_VIEWS: views: struct nyx_view_info, by id
 * @NYX_LIST_TARGETS: targets of change streams: struct nyx_target_info, by
 *                    NYX_TARGET_KEY()
 */
enum nyx_list_type {
	NYX_LIST_UNITS = 0,
	NYX_LIST_MEMORY = 1,
	NYX_LIST_DOMAINS = 2,
	NYX_LIST_DEVICES = 3,
	NYX_LIST_MAPPINGS = 4,
	NYX_LIST_IRTES = 5,
	NYX_LIST_BINDINGS = 6,
	NYX_LIST_REGISTERS = 7,
	NYX_LIST_VIEWS = 8,
	NYX_LIST_TARGETS = 9,
};

/**
 * struct nyx_list - ioctl(NYX_LIST)
 * @size: sizeof(struct nyx_list)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @type: of enum nyx_list_type
 * @domain_id: NYX_LIST_MAPPINGS: the domain; otherwise must be 0
 * @start: the first key that is wanted (id, GPA, SBDF, IOVA, NYX_IRTE_KEY() or
 *         NYX_REGISTER_KEY())
 * @entries: user pointer to an array of @nr entries
 * @entry_size: sizeof() one entry as the caller knows it: a shorter one is cut,
 *              a longer one is completed with zeros; at least 8
 * @nr: room in the array, at most NYX_ARRAY_MAX
 * @out_nr: entries that were written
 * @out_more: 1 if there are entries after the last one
 * @out_next: the @start with which to go on if @out_more
 *
 * A page of a listing. Objects that come or go between two calls may or may
 * not appear. The first mapping begins at @start if that is inside it.
 */
struct nyx_list {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 type;
	__u32 domain_id;
	__aligned_u64 start;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 nr;
	__u32 out_nr;
	__u32 out_more;
	__aligned_u64 out_next;
};

#define NYX_LIST _IO(NYX_IOCTL_TYPE, NYX_CMD_LIST)

/**
 * enum nyx_stat - index of a counter
 * @NYX_STAT_IOTLB_HITS: translations found in the cache
 * @NYX_STAT_IOTLB_MISSES: translations not found there
 * @NYX_STAT_WALKS: page-table walks
 * @NYX_STAT_FAULTS: accesses refused and reported
 * @NYX_STAT_READ_BYTES: bytes that devices read from guest memory
 * @NYX_STAT_WRITE_BYTES: bytes that devices wrote to guest memory
 * @NYX_STAT_DMA_OPS: DMA operations
 * @NYX_STAT_TRANSLATIONS: NYX_TRANSLATE commands and items
 * @NYX_STAT_MAPS: map operations (unit and domain)
 * @NYX_STAT_UNMAPS: unmap operations (unit and domain)
 * @NYX_STAT_MAPPED_BYTES: bytes that were mapped in all (unit and domain)
 * @NYX_STAT_UNMAPPED_BYTES: bytes that were unmapped in all (unit and domain)
 * @NYX_STAT_INVALIDATIONS: invalidations of ranges (unit and domain)
 * @NYX_STAT_FLUSHES: invalidations of a whole domain (unit and domain)
 * @NYX_STAT_EVENTS_LOST: event records that readers have missed, by the counts
 *                        of their NYX_EVENT_LOST records, and those that there
 *                        was no memory for (unit)
 * @NYX_STAT_IRQS: interrupts that were remapped; a domain's are those of its
 *                 devices
 * @NYX_STAT_IRQS_POSTED: those of them that were posted into a descriptor
 * @NYX_STAT_IRQ_FAULTS: interrupts refused and reported, a part of
 *                       NYX_STAT_FAULTS
 * @NYX_STAT_QUARANTINED_ACCESSES: accesses, interrupts and page requests stopped by
 *                                 quarantine, which are not faults
 * @NYX_STAT_QUARANTINES: changes to NYX_DEVICE_QUARANTINED or _DISABLED
 * @NYX_STAT_PROBATIONS: changes to NYX_DEVICE_PROBATION
 * @NYX_STAT_RECOVERIES: changes back to NYX_DEVICE_ACTIVE
 * @NYX_STAT_THROTTLED: times that a limit made an access or interrupt wait, or
 *                      refused it for now
 * @NYX_STAT_PAGE_REQUESTS: pages that were asked for
 * @NYX_STAT_ORACLE_CHECKS: walks that were compared, in domains with
 *                          NYX_DOMAIN_F_ORACLE (unit and domain)
 * @NYX_STAT_ORACLE_MISMATCHES: walks, maps and unmaps there whose results
 *                              differed: a bug of the module (unit and domain)
 * @NYX_STAT_MAX: number of counters
 */
enum nyx_stat {
	NYX_STAT_IOTLB_HITS = 0,
	NYX_STAT_IOTLB_MISSES,
	NYX_STAT_WALKS,
	NYX_STAT_FAULTS,
	NYX_STAT_READ_BYTES,
	NYX_STAT_WRITE_BYTES,
	NYX_STAT_DMA_OPS,
	NYX_STAT_TRANSLATIONS,
	NYX_STAT_MAPS,
	NYX_STAT_UNMAPS,
	NYX_STAT_MAPPED_BYTES,
	NYX_STAT_UNMAPPED_BYTES,
	NYX_STAT_INVALIDATIONS,
	NYX_STAT_FLUSHES,
	NYX_STAT_EVENTS_LOST,
	NYX_STAT_IRQS,
	NYX_STAT_IRQS_POSTED,
	NYX_STAT_IRQ_FAULTS,
	NYX_STAT_QUARANTINED_ACCESSES,
	NYX_STAT_QUARANTINES,
	NYX_STAT_PROBATIONS,
	NYX_STAT_RECOVERIES,
	NYX_STAT_THROTTLED,
	NYX_STAT_PAGE_REQUESTS,
	NYX_STAT_ORACLE_CHECKS,
	NYX_STAT_ORACLE_MISMATCHES,
	NYX_STAT_MAX,
};

/**
 * enum nyx_scope - what a command is about
 * @NYX_SCOPE_UNIT: the unit
 * @NYX_SCOPE_DOMAIN: one domain, by id
 * @NYX_SCOPE_DEVICE: one device, by SBDF
 * @NYX_SCOPE_RANGE: a range of IOVAs of one domain
 */
enum nyx_scope {
	NYX_SCOPE_UNIT = 0,
	NYX_SCOPE_DOMAIN = 1,
	NYX_SCOPE_DEVICE = 2,
	NYX_SCOPE_RANGE = 3,
};

/**
 * struct nyx_stats - ioctl(NYX_STATS)
 * @size: sizeof(struct nyx_stats)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: NYX_SCOPE_UNIT, NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: domain id or SBDF; 0 for the unit
 * @values: user pointer to an array of @nr __u64, indexed by enum nyx_stat
 * @nr: room in the array; what the kernel does not count is set to 0
 * @out_nr: counters that the kernel knows
 *
 * Counters since the object was made. A counter that does not apply to the
 * scope is 0. The unit's are the sums over all objects it has or ever had.
 */
struct nyx_stats {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 id;
	__aligned_u64 values;
	__u32 nr;
	__u32 out_nr;
};

#define NYX_STATS _IO(NYX_IOCTL_TYPE, NYX_CMD_STATS)

/**
 * enum nyx_memory_flags - flags of a guest memory range
 * @NYX_MEMORY_F_READONLY: devices cannot write it
 * @NYX_MEMORY_F_PINNED: its pages are pinned while it exists, and accounted
 *                       against RLIMIT_MEMLOCK of the process that adds it
 * @NYX_MEMORY_F_FILE: it is backed by a memfd or hugetlbfs file instead of
 *                     user memory
 * @NYX_MEMORY_F_SHARED: the caller lets other processes reach it, by whatever way
 *                       they come to the unit
 */
enum nyx_memory_flags {
	NYX_MEMORY_F_READONLY = 1 << 0,
	NYX_MEMORY_F_PINNED = 1 << 1,
	NYX_MEMORY_F_FILE = 1 << 2,
	NYX_MEMORY_F_SHARED = 1 << 3,
};

/**
 * struct nyx_memory_add - ioctl(NYX_MEMORY_ADD)
 * @size: sizeof(struct nyx_memory_add)
 * @flags: of enum nyx_memory_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @gpa: first guest-physical address, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @user_addr: without NYX_MEMORY_F_FILE: address in the caller's memory, a
 *             multiple of 4096. Unless pinned, the memory may be remapped
 *             beneath the range at any time, as with KVM's memory slots
 * @file_offset: with NYX_MEMORY_F_FILE: offset in the file, a multiple of 4096
 *               (of the page size for hugetlbfs)
 * @fd: with NYX_MEMORY_F_FILE: the file, open for reading, and for writing
 *      unless NYX_MEMORY_F_READONLY; otherwise must be 0
 * @__reserved: must be 0
 *
 * Add a range to the guest's memory. -EEXIST if it overlaps one; -EPERM if
 * devices are to write a file that is sealed against it. GPAs end below 2^52.
 *
 * Without NYX_MEMORY_F_SHARED, memory is added only by the process that has made
 * the unit, and only while the unit is not NYX_UNIT_F_SHARED; otherwise -EPERM.
 * Then no other process reaches it but one that was given a file descriptor of the
 * unit. (A process is its address space here: a forked child, or a program that
 * was executed, is another one.)
 */
struct nyx_memory_add {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__aligned_u64 gpa;
	__aligned_u64 length;
	__aligned_u64 user_addr;
	__aligned_u64 file_offset;
	__s32 fd;
	__u32 __reserved;
};

#define NYX_MEMORY_ADD _IO(NYX_IOCTL_TYPE, NYX_CMD_MEMORY_ADD)

/**
 * struct nyx_memory_remove - ioctl(NYX_MEMORY_REMOVE)
 * @size: sizeof(struct nyx_memory_remove)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @gpa: first address of the range, as it was added
 * @length: its length, as it was added
 *
 * Remove a whole range. When the command returns no device access uses it any
 * more. -ENOENT if no range has exactly these bounds. -EINTR: the range is
 * gone, but a fatal signal ended the wait, and the unit keeps its backing until
 * another NYX_MEMORY_REMOVE, of this range or of any other, has waited, or until
 * its own end. The range is no more dirty then.
 */
struct nyx_memory_remove {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__aligned_u64 gpa;
	__aligned_u64 length;
};

#define NYX_MEMORY_REMOVE _IO(NYX_IOCTL_TYPE, NYX_CMD_MEMORY_REMOVE)

/**
 * struct nyx_dirty_start - ioctl(NYX_DIRTY_START)
 * @size: sizeof(struct nyx_dirty_start)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 *
 * Begin to track which guest memory is written by devices of the unit, and by the module
 * for them: statuses of commands, logs, posted interrupts. All of it is clean when the
 * command returns; what is added later begins clean, too. It waits for the accesses
 * that are under way, also by views. Meanwhile, and until NYX_DIRTY_STOP, a view reads
 * only, and its writes are made by NYX_DMA.
 *
 * Costs 32 KiB of kernel memory for each GiB of guest memory that devices may write. -EBUSY
 * if tracking is on; -ENOSPC at the user's limit; -ETIMEDOUT if a view was cut off: tracking
 * is on then.
 */
struct nyx_dirty_start {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

#define NYX_DIRTY_START _IO(NYX_IOCTL_TYPE, NYX_CMD_DIRTY_START)

/**
 * struct nyx_dirty_stop - ioctl(NYX_DIRTY_STOP)
 * @size: sizeof(struct nyx_dirty_stop)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 *
 * End what NYX_DIRTY_START has begun. -EINVAL if tracking is off.
 */
struct nyx_dirty_stop {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

#define NYX_DIRTY_STOP _IO(NYX_IOCTL_TYPE, NYX_CMD_DIRTY_STOP)

/**
 * enum nyx_dirty_read_flags - flags of NYX_DIRTY_READ
 * @NYX_DIRTY_READ_F_NO_CLEAR: what is dirty stays dirty
 */
enum nyx_dirty_read_flags {
	NYX_DIRTY_READ_F_NO_CLEAR = 1 << 0,
};

/**
 * struct nyx_dirty_read - ioctl(NYX_DIRTY_READ)
 * @size: sizeof(struct nyx_dirty_read)
 * @flags: of enum nyx_dirty_read_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @gpa: first guest-physical address, a multiple of @page_size
 * @length: bytes, a multiple of @page_size
 * @page_size: bytes that a bit is for, a power of two from 4 KiB to 1 GiB
 * @bitmap: user pointer to the bitmap: a bit for each page, from bit 0 of the first 64-bit
 *          word on, in whole words; the layout of KVM_GET_DIRTY_LOG. All of it is written
 * @out_nr_dirty: bits that are set
 *
 * Tell which pages were written since the start of tracking, or since they were last cleared,
 * and make them clean. Tracking counts by 4 KiB, whatever the @page_size of a read. Pages
 * that are no guest memory, or that devices cannot write, are clean.
 *
 * When the command returns, each write to a page that it has made clean is in memory. A write
 * that comes later makes the page dirty again, before it is made. So a page that is copied
 * behind the command has the write, or the next NYX_DIRTY_READ tells of it. With
 * NYX_DIRTY_READ_F_NO_CLEAR the command does not wait for writes, and is accepted on files that
 * may only inspect the unit.
 *
 * -EINVAL if tracking is off, or was stopped meanwhile. After a fatal signal, and if @bitmap
 * turns bad while it is written, all pages of the range are dirty. -EFAULT without
 * @out_err_reason: this struct turned bad meanwhile; the bitmap is complete, and its pages may
 * be clean. Any other error changes nothing.
 */
struct nyx_dirty_read {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__aligned_u64 gpa;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 bitmap;
	__aligned_u64 out_nr_dirty;
};

#define NYX_DIRTY_READ _IO(NYX_IOCTL_TYPE, NYX_CMD_DIRTY_READ)

/**
 * struct nyx_memory_info - entry of NYX_LIST_MEMORY
 * @gpa: first guest-physical address
 * @length: bytes
 * @backing: user address, or offset in the file
 * @flags: of enum nyx_memory_flags
 * @page_size: bytes of the backing's pages
 * @pinned_bytes: bytes that are pinned
 */
struct nyx_memory_info {
	__aligned_u64 gpa;
	__aligned_u64 length;
	__aligned_u64 backing;
	__u32 flags;
	__u32 page_size;
	__aligned_u64 pinned_bytes;
};

/**
 * enum nyx_domain_kind - what a domain does with an IOVA
 * @NYX_DOMAIN_PAGING: looks it up in a table that NYX_MAP fills
 * @NYX_DOMAIN_IDENTITY: takes it for a GPA; still only guest memory is reached
 * @NYX_DOMAIN_BLOCKED: refuses it
 * @NYX_DOMAIN_GUEST: looks it up in a table of the guest's, or takes it for a GPA
 *                    if the guest wants that. Of units with a vendor model;
 *                    output only: such domains come and go with what the
 *                    guest's tables say
 */
enum nyx_domain_kind {
	NYX_DOMAIN_PAGING = 0,
	NYX_DOMAIN_IDENTITY = 1,
	NYX_DOMAIN_BLOCKED = 2,
	NYX_DOMAIN_GUEST = 3,
};

/**
 * enum nyx_format - page-table format of a paging domain
 * @NYX_FORMAT_VTDSS: Intel VT-d second stage
 * @NYX_FORMAT_X86: x86-64, as VT-d first stage and AMD v2 use it
 * @NYX_FORMAT_AMDV1: AMD-Vi host page table
 */
enum nyx_format {
	NYX_FORMAT_VTDSS = 0,
	NYX_FORMAT_X86 = 1,
	NYX_FORMAT_AMDV1 = 2,
};

/**
 * enum nyx_domain_flags - flags of a domain
 * @NYX_DOMAIN_F_SHARED: takes many devices; without it the domain is STRICT
 *                       and takes one
 * @NYX_DOMAIN_F_BATCHED: NYX_UNMAP does not invalidate; translations that were
 *                        removed may stay in use until NYX_INVALIDATE of the
 *                        domain or of the unit
 * @NYX_DOMAIN_F_ORACLE: to find bugs of the module: NYX_DOMAIN_PAGING: the mappings
 *                       are also held in tables of the other formats that are
 *                       wide enough, and as plain ranges. Each walk compares
 *                       all of them; where they differ, the access is refused
 *                       with NYX_FAULT_ORACLE. Takes several times the memory
 *                       and time. -EOPNOTSUPP from a module that was built
 *                       without CONFIG_NYX_ORACLE
 */
enum nyx_domain_flags {
	NYX_DOMAIN_F_SHARED = 1 << 0,
	NYX_DOMAIN_F_BATCHED = 1 << 1,
	NYX_DOMAIN_F_ORACLE = 1 << 2,
};

/**
 * struct nyx_domain_create - ioctl(NYX_DOMAIN_CREATE)
 * @size: sizeof(struct nyx_domain_create)
 * @flags: of enum nyx_domain_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @kind: of enum nyx_domain_kind
 * @format: NYX_DOMAIN_PAGING: of enum nyx_format; otherwise must be 0
 * @address_width: NYX_DOMAIN_PAGING: bits of an IOVA: 39, 48 or 57 (VTDSS), 48
 *                 or 57 (X86, whose lower half is mapped), 32 to 64 (AMDV1),
 *                 not above the unit's; 0: the widest; otherwise must be 0
 * @domain_id: NYX_ID_ANY: one that was not in use lately; or the wanted id, 1
 *             to 65535
 * @page_sizes: NYX_DOMAIN_PAGING: bit mask of the page sizes that may be used;
 *              0: all of the format. A size can only be used together with all
 *              of 4K, 2M, 1G, ... (a factor of 512 each) that are smaller.
 *              Otherwise must be 0
 * @name: NUL-terminated name, unique in the unit, of letters, digits and
 *        ``._:-/``; empty: none
 * @out_domain_id: the new domain's id
 * @__reserved: must be 0
 */
struct nyx_domain_create {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 kind;
	__u32 format;
	__u32 address_width;
	__u32 domain_id;
	__aligned_u64 page_sizes;
	__u8 name[NYX_NAME_LEN];
	__u32 out_domain_id;
	__u32 __reserved;
};

#define NYX_DOMAIN_CREATE _IO(NYX_IOCTL_TYPE, NYX_CMD_DOMAIN_CREATE)

/**
 * struct nyx_domain_destroy - ioctl(NYX_DOMAIN_DESTROY)
 * @size: sizeof(struct nyx_domain_destroy)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @domain_id: the domain
 * @__reserved: must be 0
 *
 * -EBUSY while the domain has devices.
 */
struct nyx_domain_destroy {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 domain_id;
	__u32 __reserved;
};

#define NYX_DOMAIN_DESTROY _IO(NYX_IOCTL_TYPE, NYX_CMD_DOMAIN_DESTROY)

/**
 * struct nyx_domain_info - entry of NYX_LIST_DOMAINS
 * @domain_id: id; of NYX_DOMAIN_GUEST 256 times the guest's id, and 1 to 256: the
 *             guest may have several tables with one id
 * @flags: of enum nyx_domain_flags
 * @kind: of enum nyx_domain_kind
 * @format: of enum nyx_format
 * @address_width: bits of an IOVA; 0 if not paging
 * @nr_devices: devices attached
 * @page_sizes: page sizes in use, bit mask
 * @mapped_bytes: bytes mapped
 * @table_bytes: memory of the page table
 * @fault_events: faults reported
 * @name: name, or empty
 */
struct nyx_domain_info {
	__u32 domain_id;
	__u32 flags;
	__u32 kind;
	__u32 format;
	__u32 address_width;
	__u32 nr_devices;
	__aligned_u64 page_sizes;
	__aligned_u64 mapped_bytes;
	__aligned_u64 table_bytes;
	__aligned_u64 fault_events;
	__u8 name[NYX_NAME_LEN];
};

/**
 * struct nyx_mapping_info - entry of NYX_LIST_MAPPINGS
 * @iova: first IOVA
 * @length: bytes; the last extent of a 64-bit domain that is mapped in whole is
 *          not expressible and appears in two entries
 * @gpa: first guest-physical address
 * @prot: NYX_PROT_READ, NYX_PROT_WRITE
 * @page_size_lg2: log2 of the smallest page in the extent
 */
struct nyx_mapping_info {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 gpa;
	__u32 prot;
	__u32 page_size_lg2;
};

/*
 * A device is named by its SBDF: PCI segment in bits 31:16, bus in 15:8, device
 * in 7:3, function in 2:0. The low 16 bits are its requester id (RID).
 */
#define NYX_SBDF(seg, bus, dev, fn) \
	(((__u32)(seg) << 16) | ((__u32)(bus) << 8) | ((__u32)(dev) << 3) | (__u32)(fn))
#define NYX_SBDF_SEGMENT(sbdf)	((__u32)(sbdf) >> 16)
#define NYX_SBDF_BUS(sbdf)	(((__u32)(sbdf) >> 8) & 0xff)
#define NYX_SBDF_DEVICE(sbdf)	(((__u32)(sbdf) >> 3) & 0x1f)
#define NYX_SBDF_FUNCTION(sbdf)	((__u32)(sbdf) & 0x7)

/**
 * struct nyx_device_add - ioctl(NYX_DEVICE_ADD)
 * @size: sizeof(struct nyx_device_add)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @__reserved: must be 0
 *
 * Add a device. It has no domain: its accesses are refused. In a unit with a
 * vendor model they go as the guest's tables say, and the segment must be 0.
 */
struct nyx_device_add {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 __reserved;
};

#define NYX_DEVICE_ADD _IO(NYX_IOCTL_TYPE, NYX_CMD_DEVICE_ADD)

/**
 * struct nyx_device_remove - ioctl(NYX_DEVICE_REMOVE)
 * @size: sizeof(struct nyx_device_remove)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @__reserved: must be 0
 *
 * Remove a device, after detaching it. When the command returns no access of
 * the device is under way. -EINTR: the device is detached, but a fatal signal
 * ended the wait, and it is still there; the same command again removes it.
 */
struct nyx_device_remove {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 __reserved;
};

#define NYX_DEVICE_REMOVE _IO(NYX_IOCTL_TYPE, NYX_CMD_DEVICE_REMOVE)

/**
 * enum nyx_attach_flags - flags of NYX_DEVICE_ATTACH
 * @NYX_ATTACH_F_REPLACE: an attached device moves from its domain to the new
 *                        one, without a moment in which it has none; without
 *                        the flag an attached device is -EBUSY
 */
enum nyx_attach_flags {
	NYX_ATTACH_F_REPLACE = 1 << 0,
};

/**
 * struct nyx_device_attach - ioctl(NYX_DEVICE_ATTACH)
 * @size: sizeof(struct nyx_device_attach)
 * @flags: of enum nyx_attach_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @domain_id: the domain; -EBUSY if it is STRICT and has a device
 * @pasid: must be NYX_PASID_NONE
 * @__reserved: must be 0
 *
 * When the command returns no access of the device uses its former domain.
 * -EINTR: the device is attached, but a fatal signal ended the wait; the same
 * command again with NYX_ATTACH_F_REPLACE, or NYX_INVALIDATE of the device or of
 * the former domain, waits for what is left.
 */
struct nyx_device_attach {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 domain_id;
	__u32 pasid;
	__u32 __reserved;
};

#define NYX_DEVICE_ATTACH _IO(NYX_IOCTL_TYPE, NYX_CMD_DEVICE_ATTACH)

/**
 * struct nyx_device_detach - ioctl(NYX_DEVICE_DETACH)
 * @size: sizeof(struct nyx_device_detach)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @pasid: must be NYX_PASID_NONE
 *
 * When the command returns no access of the device uses the domain. -ENOENT if
 * the device has no domain. -EINTR: the device is detached, but a fatal signal
 * ended the wait; the same command again, the next NYX_DEVICE_ATTACH,
 * NYX_DEVICE_REMOVE or NYX_INVALIDATE of the device, or NYX_INVALIDATE of the
 * domain, waits for what is left.
 */
struct nyx_device_detach {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 pasid;
};

#define NYX_DEVICE_DETACH _IO(NYX_IOCTL_TYPE, NYX_CMD_DEVICE_DETACH)

/**
 * enum nyx_device_state - what a device may do
 * @NYX_DEVICE_ACTIVE: its accesses and interrupts are checked
 * @NYX_DEVICE_QUARANTINED: they are refused
 * @NYX_DEVICE_PROBATION: they are checked; the next burst of faults brings the
 *                        device back into quarantine, for longer
 * @NYX_DEVICE_DISABLED: they are refused until NYX_DEVICE_CONTROL
 */
enum nyx_device_state {
	NYX_DEVICE_ACTIVE = 0,
	NYX_DEVICE_QUARANTINED = 1,
	NYX_DEVICE_PROBATION = 2,
	NYX_DEVICE_DISABLED = 3,
};

/**
 * enum nyx_device_flags - properties of a device, in struct nyx_device_info
 * @NYX_DEVICE_F_POLICY: it has a fault policy of its own
 * @NYX_DEVICE_F_LIMITS: it has limits
 * @NYX_DEVICE_F_HELD: another device of its domain is quarantined, and stops it, too
 */
enum nyx_device_flags {
	NYX_DEVICE_F_POLICY = 1 << 0,
	NYX_DEVICE_F_LIMITS = 1 << 1,
	NYX_DEVICE_F_HELD = 1 << 2,
};

/**
 * struct nyx_device_info - entry of NYX_LIST_DEVICES
 * @sbdf: the device
 * @flags: of enum nyx_device_flags
 * @domain_id: its domain, or 0
 * @state: of enum nyx_device_state
 * @fault_events: faults reported
 * @last_fault_ns: CLOCK_BOOTTIME of the last one, or 0
 * @score: weight of the faults within the policy's window
 * @tries: times that it was quarantined since it was last active for good
 * @next_ns: CLOCK_BOOTTIME of the next change of state by itself, or 0
 * @quarantined_accesses: accesses, interrupts and page requests that quarantine has
 *                        stopped
 */
struct nyx_device_info {
	__u32 sbdf;
	__u32 flags;
	__u32 domain_id;
	__u32 state;
	__aligned_u64 fault_events;
	__aligned_u64 last_fault_ns;
	__u32 score;
	__u32 tries;
	__aligned_u64 next_ns;
	__aligned_u64 quarantined_accesses;
};

/**
 * enum nyx_prot - permissions
 * @NYX_PROT_READ: devices may read
 * @NYX_PROT_WRITE: devices may write
 */
enum nyx_prot {
	NYX_PROT_READ = 1 << 0,
	NYX_PROT_WRITE = 1 << 1,
};

/**
 * struct nyx_map - ioctl(NYX_MAP), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_map)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @domain_id: a paging domain
 * @prot: of enum nyx_prot, at least one. A format that cannot express
 *        write-only grants both
 * @iova: first IOVA, a multiple of 4096
 * @gpa: first guest-physical address, a multiple of 4096; the memory need not
 *       be there yet
 * @length: bytes, a multiple of 4096
 *
 * Map a range, with the largest pages that alignment and length allow. -EEXIST
 * if a part of the range is mapped. Takes effect for accesses that begin after
 * the command returned, at the latest.
 */
struct nyx_map {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 domain_id;
	__u32 prot;
	__aligned_u64 iova;
	__aligned_u64 gpa;
	__aligned_u64 length;
};

#define NYX_MAP _IO(NYX_IOCTL_TYPE, NYX_CMD_MAP)

/**
 * enum nyx_unmap_flags - flags of NYX_UNMAP
 * @NYX_UNMAP_F_ALL: the whole domain; @iova and @length must be 0
 */
enum nyx_unmap_flags {
	NYX_UNMAP_F_ALL = 1 << 0,
};

/**
 * struct nyx_unmap - ioctl(NYX_UNMAP), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_unmap)
 * @flags: of enum nyx_unmap_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @domain_id: a paging domain
 * @__reserved: must be 0
 * @iova: first IOVA, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @out_unmapped: bytes that were mapped and no longer are, modulo 2^64
 *
 * Unmap what is mapped in a range; mappings may be cut anywhere. -ENOENT if
 * nothing was mapped there (never with NYX_UNMAP_F_ALL). When the command
 * returns, also with -ENOENT, no access uses what was unmapped, except with
 * NYX_DOMAIN_F_BATCHED. -EINTR: the range is unmapped, but a fatal signal ended
 * the wait; the same command again waits for what is left.
 */
struct nyx_unmap {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 domain_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_unmapped;
};

#define NYX_UNMAP _IO(NYX_IOCTL_TYPE, NYX_CMD_UNMAP)

/**
 * struct nyx_invalidate - ioctl(NYX_INVALIDATE), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_invalidate)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: of enum nyx_scope: RANGE and DOMAIN by @domain_id, DEVICE (what the
 *         device's domain holds) by @sbdf, UNIT
 * @domain_id: the domain, or 0
 * @sbdf: the device, or 0
 * @pasid: must be NYX_PASID_NONE
 * @iova: NYX_SCOPE_RANGE: first IOVA, a multiple of 4096; otherwise 0
 * @length: NYX_SCOPE_RANGE: bytes, a multiple of 4096; otherwise 0
 *
 * Drop cached translations and wait for accesses that use them. NYX_SCOPE_DEVICE
 * waits, too, for accesses of the device that still use a former domain of it.
 */
struct nyx_invalidate {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 domain_id;
	__u32 sbdf;
	__u32 pasid;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define NYX_INVALIDATE _IO(NYX_IOCTL_TYPE, NYX_CMD_INVALIDATE)

/**
 * enum nyx_fault_reason - why an access was refused
 * @NYX_FAULT_NONE: the access was not refused
 * @NYX_FAULT_NO_DOMAIN: the device has no domain
 * @NYX_FAULT_BLOCKED: the device's domain blocks everything
 * @NYX_FAULT_ADDRESS_WIDTH: the IOVA is beyond the domain's address width
 * @NYX_FAULT_NOT_PRESENT: no mapping: the last-level entry is not present
 * @NYX_FAULT_TABLE_NOT_PRESENT: no mapping: an upper-level entry is not present
 * @NYX_FAULT_READ_DENIED: the mapping does not allow to read
 * @NYX_FAULT_WRITE_DENIED: the mapping does not allow to write
 * @NYX_FAULT_RESERVED_BIT: a table entry has a reserved bit set
 * @NYX_FAULT_TABLE_ACCESS: a table lies outside guest memory
 * @NYX_FAULT_NO_MEMORY: the GPA is not guest memory
 * @NYX_FAULT_READONLY_MEMORY: a write to guest memory that is read-only
 * @NYX_FAULT_MEMORY_ERROR: the host could not provide the memory
 * @NYX_FAULT_QUARANTINED: the device, or its domain, is quarantined
 * @NYX_FAULT_IRQ_REQUEST: the message is no interrupt (the address is not
 *                         0xFEExxxxx), or has a reserved bit set
 * @NYX_FAULT_IRQ_COMPAT: a compatibility-format message where those are blocked
 * @NYX_FAULT_IRQ_INDEX: the index is beyond the interrupt remapping table
 * @NYX_FAULT_IRQ_NOT_PRESENT: the entry is not present
 * @NYX_FAULT_IRQ_RESERVED: the entry has a reserved bit set, or a destination
 *                          that the mode does not allow
 * @NYX_FAULT_IRQ_SOURCE: the entry belongs to another requester
 * @NYX_FAULT_IRQ_TABLE: the entry could not be read
 * @NYX_FAULT_CONTEXT: the guest's root or context entry refuses the device; the
 *                     vendor's reason says why
 * @NYX_FAULT_IRQ_POST: the posted-interrupt descriptor is not in guest memory
 *                      that can be written
 * @NYX_FAULT_IRQ_POST_RESERVED: the posted-interrupt descriptor has a reserved
 *                               bit set
 * @NYX_FAULT_INTERRUPT_RANGE: the IOVA, or the GPA that the guest's table gives,
 *                             is in the range of interrupt messages, 0xFEExxxxx
 * @NYX_FAULT_ORACLE: the tables of a domain with NYX_DOMAIN_F_ORACLE disagree: a
 *                    bug of the module
 */
enum nyx_fault_reason {
	NYX_FAULT_NONE = 0,
	NYX_FAULT_NO_DOMAIN = 1,
	NYX_FAULT_BLOCKED = 2,
	NYX_FAULT_ADDRESS_WIDTH = 3,
	NYX_FAULT_NOT_PRESENT = 4,
	NYX_FAULT_TABLE_NOT_PRESENT = 5,
	NYX_FAULT_READ_DENIED = 6,
	NYX_FAULT_WRITE_DENIED = 7,
	NYX_FAULT_RESERVED_BIT = 8,
	NYX_FAULT_TABLE_ACCESS = 9,
	NYX_FAULT_NO_MEMORY = 10,
	NYX_FAULT_READONLY_MEMORY = 11,
	NYX_FAULT_MEMORY_ERROR = 12,
	NYX_FAULT_QUARANTINED = 13,
	NYX_FAULT_IRQ_REQUEST = 14,
	NYX_FAULT_IRQ_COMPAT = 15,
	NYX_FAULT_IRQ_INDEX = 16,
	NYX_FAULT_IRQ_NOT_PRESENT = 17,
	NYX_FAULT_IRQ_RESERVED = 18,
	NYX_FAULT_IRQ_SOURCE = 19,
	NYX_FAULT_IRQ_TABLE = 20,
	NYX_FAULT_IRQ_POST = 21,
	NYX_FAULT_CONTEXT = 22,
	NYX_FAULT_IRQ_POST_RESERVED = 23,
	NYX_FAULT_INTERRUPT_RANGE = 24,
	NYX_FAULT_ORACLE = 25,
};

/**
 * enum nyx_fault_cause - what led to a fault, as far as is known
 * @NYX_CAUSE_UNKNOWN: it was not looked for
 * @NYX_CAUSE_NEVER_MAPPED: nothing is, or lately was, mapped there
 * @NYX_CAUSE_UNMAPPED: it was unmapped, or lies in a range of at most 2 MiB
 *                      that was: &nyx_event_fault.since_ns
 * @NYX_CAUSE_PAST_END: a mapping ends shortly before: &nyx_event_fault.bytes
 * @NYX_CAUSE_PERMISSION: it is mapped, with less permission: &nyx_event_fault.prot
 * @NYX_CAUSE_BLOCKED: the domain blocks everything, or there is none
 * @NYX_CAUSE_TABLE: the table is damaged: reserved bits, or out of reach
 * @NYX_CAUSE_WIDTH: beyond the address width
 * @NYX_CAUSE_MEMORY: mapped, but not to usable guest memory: &nyx_event_fault.gpa
 */
enum nyx_fault_cause {
	NYX_CAUSE_UNKNOWN = 0,
	NYX_CAUSE_NEVER_MAPPED = 1,
	NYX_CAUSE_UNMAPPED = 2,
	NYX_CAUSE_PAST_END = 3,
	NYX_CAUSE_PERMISSION = 4,
	NYX_CAUSE_BLOCKED = 5,
	NYX_CAUSE_TABLE = 6,
	NYX_CAUSE_WIDTH = 7,
	NYX_CAUSE_MEMORY = 8,
};

#define NYX_LEVEL_NONE		0xffu	/* the fault has no table level */
#define NYX_GPA_UNKNOWN		0xffffffffffffffffull

/**
 * struct nyx_fault - what refused an access, and where
 * @reason: of enum nyx_fault_reason
 * @access: of enum nyx_prot: what was tried
 * @level: table level, 0 for the leaves, or NYX_LEVEL_NONE
 * @vendor: the fault reason that a vendor model tells the guest, or 0
 * @iova: the first byte that was refused
 * @gpa: its GPA, or NYX_GPA_UNKNOWN
 */
struct nyx_fault {
	__u32 reason;
	__u8 access;
	__u8 level;
	__u16 vendor;
	__aligned_u64 iova;
	__aligned_u64 gpa;
};

/**
 * struct nyx_extent - a piece of a translated range
 * @iova: first IOVA
 * @length: bytes that are contiguous in GPA and in the backing
 * @gpa: first guest-physical address
 * @backing: user address, or offset in the file, of the guest memory
 * @prot: of enum nyx_prot: what the mapping and the memory allow
 * @memory_flags: of enum nyx_memory_flags
 *
 * Never grows: a flag will ask for another structure, if one with more members is needed.
 */
struct nyx_extent {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 gpa;
	__aligned_u64 backing;
	__u32 prot;
	__u32 memory_flags;
};

/**
 * enum nyx_translate_flags - flags of NYX_TRANSLATE
 * @NYX_TRANSLATE_F_REPORT: a refused access is counted and becomes an event,
 *                          as a DMA's would
 */
enum nyx_translate_flags {
	NYX_TRANSLATE_F_REPORT = 1 << 0,
};

/**
 * struct nyx_translate - ioctl(NYX_TRANSLATE), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_translate)
 * @flags: of enum nyx_translate_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @pasid: must be NYX_PASID_NONE
 * @access: of enum nyx_prot, at least one: what is to be allowed
 * @nr_extents: room at @extents, at most NYX_ARRAY_MAX
 * @iova: first IOVA, any alignment
 * @length: bytes
 * @extents: user pointer to an array of struct nyx_extent, or 0 if @nr_extents is 0
 * @out_nr_extents: extents that were written
 * @out_page_size_lg2: log2 of the page that holds @iova; 0 for identity
 * @out_done: bytes from @iova that the extents (with @nr_extents of 0: @out_extent)
 *            describe. Less than @length if @out_fault says so, or if there
 *            was no room for more extents
 * @out_extent: the first extent
 * @out_fault: what ended the translation, or reason NYX_FAULT_NONE
 *
 * Translate as a DMA would. The answer is a snapshot: an unmap does not wait
 * until the caller has used it.
 */
struct nyx_translate {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 pasid;
	__u32 access;
	__u32 nr_extents;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 extents;
	__u32 out_nr_extents;
	__u32 out_page_size_lg2;
	__aligned_u64 out_done;
	struct nyx_extent out_extent;
	struct nyx_fault out_fault;
};

#define NYX_TRANSLATE _IO(NYX_IOCTL_TYPE, NYX_CMD_TRANSLATE)

/**
 * DOC: The window
 *
 * A process that has mapped the guest's memory translates cached IOVAs without a system
 * call. NYX_VIEW_OPEN returns a file, a *view*, of which mmap() takes two areas, each as
 * a whole and MAP_SHARED, in the process that has opened the view:
 *
 *  - offset 0, PROT_READ: the *window*, which all views of the unit share: struct
 *    nyx_window_head, and where it says, struct nyx_window_dev by device index, struct
 *    nyx_window_dom by domain index, and sets of NYX_WINDOW_WAYS struct
 *    nyx_window_entry.
 *  - offset NYX_VIEW_RW, PROT_READ | PROT_WRITE: struct nyx_view_ctl, @nr_slots struct
 *    nyx_view_slot, and from the next multiple of 4096 on @nr_holds struct nyx_view_hold.
 *
 * Anything else is -EINVAL, and -EACCES in another process. A child has neither area.
 *
 * A *section* is a thread's use of translations: it makes the count of its slot odd
 * (full barrier), looks up, uses the memory, and makes the count even (release). A *hold*
 * is a use that outlasts the section in which it was taken. A command that promises
 * that no access uses a translation waits for the sections that it sees, then for
 * the holds of the domain and the range. The unit's time-out bounds that.
 *
 * All fields are little endian. A zero word allows nothing. Index 0 is neither a device
 * nor a domain. A view refuses nothing: NYX_VIEW_FILL decides what the window does not
 * allow. <nyx/view_reader.h> of libnyx has the reader.
 */
#define NYX_WINDOW_VERSION	1u
#define NYX_WINDOW_WAYS		4u
#define NYX_VIEW_VERSION	1u
#define NYX_VIEW_RW		0x10000000000ull	/* offset of the writable area */
#define NYX_VIEW_SLOTS_MAX	1024u
#define NYX_VIEW_HOLDS_MAX	65536u

/**
 * struct nyx_window_head - the first page of the window
 * @version: NYX_WINDOW_VERSION; 0: the unit was destroyed. A reader refuses a version
 *           that it does not know
 * @head_size: sizeof(struct nyx_window_head)
 * @unit: id of the unit
 * @memory_gen: counts removals of guest memory
 * @flags: 0
 * @set_shift: 64 - log2 of @nr_sets
 * @dev_offset: of the device words in the window, in bytes
 * @nr_devs: device indexes
 * @dom_offset: of the domain words
 * @nr_doms: domain indexes
 * @set_offset: of the cache
 * @nr_sets: sets of the cache; 0: no cache
 * @phase: counts waits for views: a section that has read a new count finds what is new
 */
struct nyx_window_head {
	__u32 version;
	__u32 head_size;
	__aligned_u64 unit;
	__aligned_u64 memory_gen;
	__u32 flags;
	__u32 set_shift;
	__u32 dev_offset;
	__u32 nr_devs;
	__u32 dom_offset;
	__u32 nr_doms;
	__u32 set_offset;
	__u32 nr_sets;
	__aligned_u64 phase;
};

/**
 * enum nyx_window_dev_bits - bits of &nyx_window_dev.word
 * @NYX_WINDOW_DEV_LIVE: the device is there
 * @NYX_WINDOW_DEV_REFUSED: it is quarantined
 * @NYX_WINDOW_DEV_LIMITED: it has limits
 * @NYX_WINDOW_DEV_FILTERED: it has rules that the window does not tell
 * @NYX_WINDOW_DEV_READ: it may read
 * @NYX_WINDOW_DEV_WRITE: it may write
 *
 * READ and WRITE are enum nyx_prot, shifted by NYX_WINDOW_DEV_PROT_SHIFT. The domain's
 * index is in bits 31:8. The serial in bits 63:32 tells the device from those that had
 * its index before.
 */
enum nyx_window_dev_bits {
	NYX_WINDOW_DEV_LIVE = 1 << 0,
	NYX_WINDOW_DEV_REFUSED = 1 << 1,
	NYX_WINDOW_DEV_LIMITED = 1 << 2,
	NYX_WINDOW_DEV_FILTERED = 1 << 3,
	NYX_WINDOW_DEV_READ = 1 << 4,
	NYX_WINDOW_DEV_WRITE = 1 << 5,
};

#define NYX_WINDOW_DEV_PROT_SHIFT	4
#define NYX_WINDOW_DEV_DOMAIN_SHIFT	8
#define NYX_WINDOW_DEV_DOMAIN_MASK	0xffffffu	/* of the shifted word */
#define NYX_WINDOW_DEV_SERIAL_SHIFT	32

/**
 * struct nyx_window_dev - a device, by index
 * @word: of enum nyx_window_dev_bits, domain index, serial
 * @sbdf: the device. It changes only while @word is without NYX_WINDOW_DEV_LIVE, and
 *        with another serial
 * @pasid: its PASID, or NYX_PASID_NONE
 */
struct nyx_window_dev {
	__aligned_u64 word;
	__u32 sbdf;
	__u32 pasid;
};

/**
 * enum nyx_window_dom_bits - bits of &nyx_window_dom.word
 * @NYX_WINDOW_DOM_LIVE: the domain is there
 * @NYX_WINDOW_DOM_REFUSED: it is quarantined
 * @NYX_WINDOW_DOM_LIMITED: it has limits
 * @NYX_WINDOW_DOM_IDENTITY: an IOVA up to &nyx_window_dom.last is the GPA; no entries
 * @NYX_WINDOW_DOM_MSI_WINDOW: IOVAs NYX_WINDOW_MSI_FIRST to _LAST are no memory
 * @NYX_WINDOW_DOM_DIRTY: dirty tracking is on: a view does not write
 * @NYX_WINDOW_DOM_4K: the cache may have entries of class 0: blocks of 4 KiB
 * @NYX_WINDOW_DOM_2M: of class 1: blocks of 2 MiB
 * @NYX_WINDOW_DOM_1G: of class 2: blocks of 1 GiB
 * @NYX_WINDOW_DOM_TABLE: a table of the guest says what the cache does not; a reader may walk it
 *
 * The tag is in bits 63:12.
 */
enum nyx_window_dom_bits {
	NYX_WINDOW_DOM_LIVE = 1 << 0,
	NYX_WINDOW_DOM_REFUSED = 1 << 1,
	NYX_WINDOW_DOM_LIMITED = 1 << 2,
	NYX_WINDOW_DOM_IDENTITY = 1 << 3,
	NYX_WINDOW_DOM_MSI_WINDOW = 1 << 4,
	NYX_WINDOW_DOM_DIRTY = 1 << 5,
	NYX_WINDOW_DOM_4K = 1 << 6,
	NYX_WINDOW_DOM_2M = 1 << 7,
	NYX_WINDOW_DOM_1G = 1 << 8,
	NYX_WINDOW_DOM_TABLE = 1 << 9,
};

#define NYX_WINDOW_DOM_CLASS_SHIFT	6
#define NYX_WINDOW_DOM_TAG_SHIFT	12
#define NYX_WINDOW_MSI_FIRST		0xfee00000u
#define NYX_WINDOW_MSI_LAST		0xfeefffffu

/**
 * struct nyx_window_dom - a domain, by index
 * @word: of enum nyx_window_dom_bits, tag
 * @last: NYX_WINDOW_DOM_IDENTITY, NYX_WINDOW_DOM_TABLE: the last IOVA
 * @root: NYX_WINDOW_DOM_TABLE: GPA of the top table
 * @page_sizes: sizes of the pages that the table may have, bit mask
 * @format: NYX_FORMAT_VTDSS or NYX_FORMAT_AMDV1
 * @levels: of the table
 * @__reserved: 0
 *
 * All but @word are const as long as a device has the domain.
 */
struct nyx_window_dom {
	__aligned_u64 word;
	__aligned_u64 last;
	__aligned_u64 root;
	__aligned_u64 page_sizes;
	__u32 format;
	__u32 levels;
	__aligned_u64 __reserved[3];
};

#define NYX_WINDOW_VAL_LG2_MASK		0x3full
#define NYX_WINDOW_VAL_PROT_SHIFT	6
#define NYX_WINDOW_HASH_TAG		0x9e3779b97f4a7c15ull
#define NYX_WINDOW_HASH			0x278dde6e5fd29f05ull

/**
 * struct nyx_window_entry - a cached translation
 * @key: page number at the granularity of the class, shifted by 2, and 1 + class; 0: empty
 * @tag: tag of the domain
 * @val: GPA of the page (which is aligned to its size), enum nyx_prot shifted by
 *       NYX_WINDOW_VAL_PROT_SHIFT, log2 of the size of the page in bits 5:0. The entry
 *       speaks for the block of its class only, also if the page is larger
 * @__hint: of no use to readers
 * @seq: odd while the entry is written: a reader reads it (acquire), the other fields
 *       and (behind a read barrier) @seq again, which must be the same
 *
 * It is in the set of index (@key + @tag * NYX_WINDOW_HASH_TAG) * NYX_WINDOW_HASH >>
 * &nyx_window_head.set_shift, in any way of it: mostly in that of the next two bits of the hash.
 */
struct nyx_window_entry {
	__aligned_u64 key;
	__aligned_u64 tag;
	__aligned_u64 val;
	__u32 __hint;
	__u32 seq;
};

/**
 * struct nyx_view_ctl - the start of the writable area
 * @version: NYX_VIEW_VERSION
 * @nr_slots: slots
 * @nr_holds: holds
 * @holds_used: written by user space: no hold of this index or above was ever taken
 * @__reserved: 0
 */
struct nyx_view_ctl {
	__u32 version;
	__u32 nr_slots;
	__u32 nr_holds;
	__u32 holds_used;
	__aligned_u64 __reserved[6];
};

/**
 * struct nyx_view_slot - of one thread at a time
 * @seq: odd inside a section; only grows
 * @dev: device index, or 0; for the event if the section takes too long
 * @cut: written by the kernel: not 0: the view was cut off
 * @hits: translations found in the window
 * @misses: translations that NYX_VIEW_FILL was asked for, and counts, too
 * @read_bytes: bytes that devices read from guest memory
 * @write_bytes: bytes that devices wrote to guest memory
 * @phase: &nyx_window_head.phase, read (acquire) before @seq became odd
 * @walks: translations found in a table of the guest
 *
 * The counters only grow. NYX_STATS adds all but @misses to those of the unit.
 */
struct nyx_view_slot {
	__aligned_u64 seq;
	__u32 dev;
	__u32 cut;
	__aligned_u64 hits;
	__aligned_u64 misses;
	__aligned_u64 read_bytes;
	__aligned_u64 write_bytes;
	__aligned_u64 phase;
	__aligned_u64 walks;
};

/**
 * struct nyx_view_hold - a use that outlasts its section
 * @seq: odd while it is held
 * @dom: domain index
 * @dev: device index, or 0; for the event if it takes too long
 * @nr: pages (of 4096 bytes) less one: all of each page that is mapped, not only what is
 *      used
 * @first: first page: IOVA / 4096
 * @phase: &nyx_view_slot.phase of the section that has taken it
 */
struct nyx_view_hold {
	__u32 seq;
	__u32 dom;
	__u32 dev;
	__u32 nr;
	__aligned_u64 first;
	__aligned_u64 phase;
};

/**
 * struct nyx_view_open - ioctl(NYX_VIEW_OPEN)
 * @size: sizeof(struct nyx_view_open)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @nr_slots: slots, 1 to NYX_VIEW_SLOTS_MAX
 * @nr_holds: holds, at most NYX_VIEW_HOLDS_MAX
 * @out_fd: the view's file, close-on-exec
 * @out_view_id: its id in the unit
 * @out_window_size: bytes of the area at offset 0
 * @out_view_size: bytes of the area at offset NYX_VIEW_RW
 *
 * Open a view for the calling process. The view ends when its file is closed and its
 * areas are unmapped. Sections are over when the area at NYX_VIEW_RW is unmapped, as that of a
 * process that has died. Holds are released when the view ends. A ring of io_uring with which
 * the file is registered keeps it, and so keeps the holds, until the ring's last request is
 * done. -ENOSPC if the unit has 64 views.
 */
struct nyx_view_open {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 nr_slots;
	__u32 nr_holds;
	__s32 out_fd;
	__u32 out_view_id;
	__aligned_u64 out_window_size;
	__aligned_u64 out_view_size;
};

#define NYX_VIEW_OPEN _IO(NYX_IOCTL_TYPE, NYX_CMD_VIEW_OPEN)

/**
 * struct nyx_view_extent - a piece of a translated range
 * @iova: first IOVA
 * @length: bytes that are contiguous in GPA
 * @gpa: first guest-physical address
 * @first: first page of a hold of the extent
 * @last: last page of it
 * @prot: of enum nyx_prot: what the mapping, the device's context and the memory allow
 * @__reserved: 0
 *
 * Never grows, as struct nyx_extent.
 */
struct nyx_view_extent {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 gpa;
	__aligned_u64 first;
	__aligned_u64 last;
	__u32 prot;
	__u32 __reserved;
};

/**
 * struct nyx_view_fill - ioctl(NYX_VIEW_FILL), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_view_fill)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @pasid: must be NYX_PASID_NONE
 * @access: of enum nyx_prot, at least one: what is to be allowed
 * @nr_extents: room at @extents, at most NYX_ARRAY_MAX
 * @iova: first IOVA, any alignment
 * @length: bytes
 * @extents: user pointer to an array of struct nyx_view_extent, or 0 if @nr_extents is 0
 * @out_nr_extents: extents that were written
 * @out_device: device index: where the window has the device's word, which other
 *              commands may change at any time
 * @out_domain: domain index, for holds
 * @__reserved: must be 0
 * @out_done: bytes from @iova that the extents (with @nr_extents of 0: @out_extent)
 *            describe. Less than @length if @out_fault says so, or if there
 *            was no room for more extents
 * @out_extent: the first extent
 * @out_fault: what ended the translation, or reason NYX_FAULT_NONE
 *
 * Translate what the window has not allowed, and fill the cache. Faults are counted and
 * become events, as a DMA's. Called inside a section of a view of the unit, and the answer
 * is used in the same section or under a hold that is taken in it: otherwise it is
 * a snapshot. -EOPNOTSUPP if the device or its domain has limits: NYX_DMA keeps them; and for
 * writing while dirty tracking is on: then extents are without NYX_PROT_WRITE, too.
 */
struct nyx_view_fill {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 pasid;
	__u32 access;
	__u32 nr_extents;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 extents;
	__u32 out_nr_extents;
	__u32 out_device;
	__u32 out_domain;
	__u32 __reserved;
	__aligned_u64 out_done;
	struct nyx_view_extent out_extent;
	struct nyx_fault out_fault;
};

#define NYX_VIEW_FILL _IO(NYX_IOCTL_TYPE, NYX_CMD_VIEW_FILL)

/**
 * enum nyx_view_info_flags - state of a view, in struct nyx_view_info
 * @NYX_VIEW_F_CUT: it was cut off
 */
enum nyx_view_info_flags {
	NYX_VIEW_F_CUT = 1 << 0,
};

/**
 * struct nyx_view_info - entry of NYX_LIST_VIEWS
 * @view_id: id
 * @flags: of enum nyx_view_info_flags
 * @pid: its process, in the process namespace of the caller, or 0
 * @nr_slots: slots
 * @nr_holds: holds
 * @__reserved: 0
 * @hits: translations found in the window
 * @misses: translations that NYX_VIEW_FILL was asked for
 * @walks: translations found in a table of the guest
 * @name: name of the process, NUL-terminated
 */
struct nyx_view_info {
	__u32 view_id;
	__u32 flags;
	__u32 pid;
	__u32 nr_slots;
	__u32 nr_holds;
	__u32 __reserved;
	__aligned_u64 hits;
	__aligned_u64 misses;
	__aligned_u64 walks;
	__u8 name[16];
};

/**
 * DOC: Change streams
 *
 * A VMM that gives a guest a host's device keeps the host's IOMMU equal to what the guest has
 * mapped in Nyx. A *change stream* reports the differences. It has *targets*: devices,
 * whatever domain each is in, or domains. For each target it begins with nothing, and reports
 * what is mapped, then what changes, as records (struct nyx_change), in an order in which
 * the reader applies them one by one:
 *
 *  - NYX_CHANGE_MAP: @iova to @last, where nothing was reported, leads to @gpa, all of it in
 *    one range of the unit's memory.
 *  - NYX_CHANGE_UNMAP: all that was reported from @iova to @last is gone. The range begins
 *    where a reported map begins and ends where one ends: if a part of a map stays,
 *    NYX_CHANGE_MAP reports that part again.
 *  - NYX_CHANGE_STATE: whether the target translates at all.
 *
 * Tables are read when the reader asks, so the kernel queues no record and loses none. It keeps
 * what it has reported, and ranges in which something may have changed. The guest names these,
 * by invalidations, which a driver sends for new mappings, too, if the unit says that it
 * caches what is not present (VT-d: caching mode; AMD-Vi: NpCache). Addresses that lead to no
 * memory of the unit, such as registers of a device, are not reported.
 *
 * A command that promises that no access uses a translation any more waits for the readers:
 * until each has acknowledged what was to be reported before. There are two kinds of
 * streams. A *threaded* one has a thread that sleeps in poll(2): a command sleeps until the
 * thread has acknowledged. The reader of an *inline* one is the caller of the
 * command: the command returns at once, NYX_MMIO with @out_pending, any other with
 * -EINPROGRESS, and the caller handles the changes, then calls NYX_CHANGES_NEXT, which
 * finishes what the command has begun, such as the guest's invalidation queue.
 *
 * A reader that does nothing for longer than the unit's time-out (struct nyx_unit_create,
 * @view_timeout_ms) while a command waits for it is cut off: devices of targets with
 * changes are quarantined, and the guest sees what hardware shows for a device whose
 * TLB does not answer. The targets then report an UNMAP of all, and go on when the device is
 * released. So the time-out is longer than the longest that a reader takes for the changes of
 * one call: a host that pins 64 GiB takes many seconds.
 *
 * With several threads, one lock of the VMM is held from a command that returns changes, or
 * -EINPROGRESS, to the NYX_CHANGES_NEXT that returns none: the numbers that acknowledge changes
 * are for all that were reported before.
 */
#define NYX_CHANGES_MAX		64u	/* change streams of a unit */
#define NYX_CHANGES_TARGETS_MAX	256u	/* targets of all change streams of a unit */
#define NYX_CHANGES_MAPS_MAX	1048576u
#define NYX_CHANGES_MAPS_DEFAULT	65535u	/* limit of VFIO's type 1 container */

/**
 * enum nyx_changes_flags - flags of NYX_CHANGES_OPEN
 * @NYX_CHANGES_F_INLINE: the reader is the caller of the commands that wait
 */
enum nyx_changes_flags {
	NYX_CHANGES_F_INLINE = 1 << 0,
};

/**
 * struct nyx_changes_open - ioctl(NYX_CHANGES_OPEN)
 * @size: sizeof(struct nyx_changes_open)
 * @flags: of enum nyx_changes_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @out_fd: a file, close-on-exec; poll(2) reports POLLIN while there may be something to
 *          report
 * @out_changes_id: id of the stream in the unit
 *
 * Open a change stream without targets. The stream ends when its file is closed: no command
 * waits for its reader any more. So a reader first undoes all maps that it has applied.
 */
struct nyx_changes_open {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__s32 out_fd;
	__u32 out_changes_id;
};

#define NYX_CHANGES_OPEN _IO(NYX_IOCTL_TYPE, NYX_CMD_CHANGES_OPEN)

/**
 * enum nyx_changes_kind - kind of a target
 * @NYX_CHANGES_DEVICE: a device, whatever domain it is in
 * @NYX_CHANGES_DOMAIN: a domain of a unit of NYX_MODEL_NATIVE. Its maps stay when its devices are
 *                      quarantined, also by NYX_POLICY_F_DOMAIN
 */
enum nyx_changes_kind {
	NYX_CHANGES_DEVICE = 0,
	NYX_CHANGES_DOMAIN = 1,
};

/**
 * struct nyx_changes_add - ioctl(NYX_CHANGES_ADD)
 * @size: sizeof(struct nyx_changes_add)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @changes_id: the stream
 * @kind: of enum nyx_changes_kind
 * @id: segment, bus, device and function of a device; id of a domain
 * @pasid: must be NYX_PASID_NONE
 * @max_maps: limit on maps that are reported and not unmapped, at most
 *            NYX_CHANGES_MAPS_MAX; 0: NYX_CHANGES_MAPS_DEFAULT
 * @out_target: number of the target in the stream, not used again
 *
 * Add a target. NYX_CHANGES_NEXT reports what it has mapped. A device is not removed, and a
 * domain not destroyed, while it is a target.
 */
struct nyx_changes_add {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 changes_id;
	__u32 kind;
	__u32 id;
	__u32 pasid;
	__u32 max_maps;
	__u32 out_target;
};

#define NYX_CHANGES_ADD _IO(NYX_IOCTL_TYPE, NYX_CMD_CHANGES_ADD)

/**
 * struct nyx_changes_remove - ioctl(NYX_CHANGES_REMOVE)
 * @size: sizeof(struct nyx_changes_remove)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @changes_id: the stream
 * @target: of NYX_CHANGES_ADD
 *
 * Remove a target. Nothing is reported of it any more, and no command waits for it: the
 * caller has undone all maps of it that it has applied.
 */
struct nyx_changes_remove {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 changes_id;
	__u32 target;
};

#define NYX_CHANGES_REMOVE _IO(NYX_IOCTL_TYPE, NYX_CMD_CHANGES_REMOVE)

/**
 * enum nyx_change_kind - kind of a change
 * @NYX_CHANGE_MAP: a range is mapped
 * @NYX_CHANGE_UNMAP: all that was mapped in a range is gone
 * @NYX_CHANGE_STATE: the target has another state
 */
enum nyx_change_kind {
	NYX_CHANGE_MAP = 1,
	NYX_CHANGE_UNMAP = 2,
	NYX_CHANGE_STATE = 3,
};

/**
 * enum nyx_change_state - state of a target
 * @NYX_CHANGE_NONE: nothing was reported
 * @NYX_CHANGE_ATTACHED: the target translates: maps follow
 * @NYX_CHANGE_DETACHED: the device is in no domain, or its context refuses all
 * @NYX_CHANGE_QUARANTINED: the device is quarantined or disabled, or its domain is
 * @NYX_CHANGE_FULL: the target would have more maps than @max_maps: its device was
 *                   quarantined, and reports nothing before it is released
 * @NYX_CHANGE_LATE: the reader was cut off
 *
 * In all states but NYX_CHANGE_ATTACHED nothing is mapped.
 */
enum nyx_change_state {
	NYX_CHANGE_NONE = 0,
	NYX_CHANGE_ATTACHED = 1,
	NYX_CHANGE_DETACHED = 2,
	NYX_CHANGE_QUARANTINED = 3,
	NYX_CHANGE_FULL = 4,
	NYX_CHANGE_LATE = 5,
};

/**
 * struct nyx_change - a change
 * @kind: of enum nyx_change_kind
 * @target: the target
 * @prot: NYX_CHANGE_MAP: of enum nyx_prot, at least one: what the mapping, the device's
 *        context and the memory allow; otherwise 0
 * @state: NYX_CHANGE_STATE: of enum nyx_change_state; otherwise 0
 * @domain_id: NYX_CHANGE_STATE: the domain, or 0; otherwise 0
 * @__reserved: 0
 * @iova: first IOVA; NYX_CHANGE_STATE: 0
 * @last: last IOVA; NYX_CHANGE_STATE: 0
 * @gpa: NYX_CHANGE_MAP: GPA of @iova; otherwise 0
 *
 * Never grows.
 */
struct nyx_change {
	__u32 kind;
	__u32 target;
	__u32 prot;
	__u32 state;
	__u32 domain_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 last;
	__aligned_u64 gpa;
};

/**
 * struct nyx_changes_next - ioctl(NYX_CHANGES_NEXT)
 * @size: sizeof(struct nyx_changes_next)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @changes_id: the stream
 * @nr: room at @changes, 1 to NYX_ARRAY_MAX
 * @changes: user pointer to an array of struct nyx_change
 * @ack: the reader has applied all changes up to this @out_seq; 0: none
 * @out_seq: number of the last change at @changes, for @ack; if there is none, of the last one
 *           that is acknowledged
 * @out_nr: changes that were written
 * @out_more: there may be more: call again. Without it and with @out_nr of 0 nothing is left
 *            to report, and an inline stream has finished what commands have begun
 * @out_irte_changes: as of &struct nyx_mmio, after what was finished
 *
 * Acknowledge changes, and get the next ones. A call does a bounded amount of work, so
 * @out_nr may be 0 with @out_more. One thread at a time reads a stream; another one
 * that calls meanwhile waits. -EFAULT: the changes that could not be written are reported
 * again. -EINTR if the caller was killed. Of an inline stream: -EINPROGRESS: nothing is left to
 * report, but commands wait for another reader, or for changes that another thread was given.
 * -ETIMEDOUT: nothing is left, and all is finished, but a view or a reader was cut off since a
 * command has returned -EINPROGRESS.
 */
struct nyx_changes_next {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 changes_id;
	__u32 nr;
	__aligned_u64 changes;
	__aligned_u64 ack;
	__aligned_u64 out_seq;
	__u32 out_nr;
	__u32 out_more;
	__aligned_u64 out_irte_changes;
};

#define NYX_CHANGES_NEXT _IO(NYX_IOCTL_TYPE, NYX_CMD_CHANGES_NEXT)

/**
 * NYX_TARGET_KEY() - the key of an entry for NYX_LIST_TARGETS
 * @changes_id: of the entry
 * @target: of the entry
 */
#define NYX_TARGET_KEY(changes_id, target)	((__u64)(changes_id) << 32 | (target))

/**
 * enum nyx_target_flags - state of a target, in struct nyx_target_info
 * @NYX_TARGET_F_INLINE: its stream is inline
 * @NYX_TARGET_F_BEHIND: its reader has yet to acknowledge changes
 */
enum nyx_target_flags {
	NYX_TARGET_F_INLINE = 1 << 0,
	NYX_TARGET_F_BEHIND = 1 << 1,
};

/**
 * struct nyx_target_info - entry of NYX_LIST_TARGETS
 * @changes_id: the stream
 * @target: number of the target in the stream
 * @flags: of enum nyx_target_flags
 * @kind: of enum nyx_changes_kind
 * @id: SBDF of the device; id of the domain
 * @pasid: NYX_PASID_NONE
 * @state: of enum nyx_change_state, as it was reported
 * @domain_id: domain that was reported with it, or 0
 * @nr_maps: maps that are reported and not unmapped
 * @max_maps: limit on them
 * @bytes: sum of their lengths, modulo 2^64
 * @behind_ns: for how long a command has waited for its reader, or 0
 */
struct nyx_target_info {
	__u32 changes_id;
	__u32 target;
	__u32 flags;
	__u32 kind;
	__u32 id;
	__u32 pasid;
	__u32 state;
	__u32 domain_id;
	__u32 nr_maps;
	__u32 max_maps;
	__aligned_u64 bytes;
	__aligned_u64 behind_ns;
};

/**
 * enum nyx_migrate_state - state of a unit
 * @NYX_MIGRATE_RUNNING: the unit is used
 * @NYX_MIGRATE_STOP_COPY: the unit is stopped: commands that use or change it wait until it
 *                         goes on. Its stream can be read
 * @NYX_MIGRATE_RESUMING: the unit is loaded: commands that use or change it fail. Its stream
 *                        can be written
 */
enum nyx_migrate_state {
	NYX_MIGRATE_RUNNING = 0,
	NYX_MIGRATE_STOP_COPY = 2,
	NYX_MIGRATE_RESUMING = 3,
};

/**
 * enum nyx_migrate_flags - flags of NYX_MIGRATE
 * @NYX_MIGRATE_F_PROBE: change nothing: say what stands in the way of @state
 */
enum nyx_migrate_flags {
	NYX_MIGRATE_F_PROBE = 1 << 0,
};

/**
 * enum nyx_migrate_blockers - why a unit cannot be stopped, or loaded
 * @NYX_MIGRATE_B_VIEWS: processes have views of it
 * @NYX_MIGRATE_B_TARGETS: change streams follow its devices or domains
 * @NYX_MIGRATE_B_BINDINGS: interrupts are bound to eventfds
 * @NYX_MIGRATE_B_PAGES: page requests have no answer
 * @NYX_MIGRATE_B_OBJECTS: NYX_MIGRATE_RESUMING: it has domains, devices, interrupt remapping
 *                         entries, or registers that are not as after power-on
 */
enum nyx_migrate_blockers {
	NYX_MIGRATE_B_VIEWS = 1 << 0,
	NYX_MIGRATE_B_TARGETS = 1 << 1,
	NYX_MIGRATE_B_BINDINGS = 1 << 2,
	NYX_MIGRATE_B_PAGES = 1 << 3,
	NYX_MIGRATE_B_OBJECTS = 1 << 4,
};

/**
 * struct nyx_migrate - ioctl(NYX_MIGRATE)
 * @size: sizeof(struct nyx_migrate)
 * @flags: of enum nyx_migrate_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @state: of enum nyx_migrate_state: the state that the unit is to have
 * @out_state: of enum nyx_migrate_state: the state that it has now
 * @out_fd: from NYX_MIGRATE_RUNNING: the stream's file, close-on-exec; otherwise -1
 * @out_blockers: of enum nyx_migrate_blockers: what stands in the way
 * @out_section: from NYX_MIGRATE_RESUMING, after a failure: the section of the stream that is
 *               to blame, of enum nyx_section or a number that the module does not know; 0: none
 * @out_id: its id
 * @out_part: its part
 * @out_record: its record, from 0 on, or 0xffffffff: the section as a whole
 * @out_field: the id of the field, or 0
 * @__reserved: must be 0
 * @out_bytes: bytes of the stream that were read or written
 *
 * From NYX_MIGRATE_RUNNING the unit can go to each other state, and from each other state back.
 * Closing the stream's file brings it back, too.
 *
 * NYX_MIGRATE_STOP_COPY waits for commands that are under way. read(2) of the file gives the
 * stream, then 0; and -ENODATA when the unit runs again.
 *
 * NYX_MIGRATE_RESUMING needs a unit with the model, the widths and the options of the one that
 * was saved, with its guest memory, and without any other object. write(2) loads what was
 * written. Once it has failed it fails with EINVAL, and the unit is as it was before. The command
 * that ends the loading fails with the reason, unless the stream was loaded to its end; then
 * the unit is empty, and runs.
 *
 * Further errors: ENODATA: the stream has not ended; EBADMSG: a checksum in it is wrong.
 */
struct nyx_migrate {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 state;
	__u32 out_state;
	__s32 out_fd;
	__u32 out_blockers;
	__u32 out_section;
	__u32 out_id;
	__u32 out_part;
	__u32 out_record;
	__u32 out_field;
	__u32 __reserved;
	__aligned_u64 out_bytes;
};

#define NYX_MIGRATE _IO(NYX_IOCTL_TYPE, NYX_CMD_MIGRATE)

/**
 * enum nyx_section - type of a section of a stream
 * @NYX_SECTION_UNIT: the unit
 * @NYX_SECTION_MEMORY: ranges of guest memory, without contents
 * @NYX_SECTION_DOMAINS: domains
 * @NYX_SECTION_MAPPINGS: extents of the domain that the section's id names
 * @NYX_SECTION_IRTES: interrupt remapping entries
 * @NYX_SECTION_DEVICES: devices
 * @NYX_SECTION_MODEL: architectural state of the vendor's model, in a format of its own
 * @NYX_SECTION_END: the last one
 */
enum nyx_section {
	NYX_SECTION_UNIT = 1,
	NYX_SECTION_MEMORY = 2,
	NYX_SECTION_DOMAINS = 3,
	NYX_SECTION_MAPPINGS = 4,
	NYX_SECTION_IRTES = 5,
	NYX_SECTION_DEVICES = 6,
	NYX_SECTION_MODEL = 7,
	NYX_SECTION_END = 255,
};

#define NYX_STREAM_MAGIC	0x0054494e5558594eull	/* "NYXUNIT" and a zero */
#define NYX_STREAM_VERSION	1u
#define NYX_STREAM_ORDER	0x01020304u
#define NYX_SECTION_MAX		65536u	/* limit on &nyx_stream_section.length */
#define NYX_FIELD_NAME_LEN	16	/* a name of that length is not terminated */

/**
 * struct nyx_stream_head - the beginning of a stream
 * @magic: NYX_STREAM_MAGIC
 * @version: NYX_STREAM_VERSION
 * @byte_order: NYX_STREAM_ORDER
 * @flags: 0
 * @crc: CRC-32C of the fields before
 *
 * All numbers of a stream are little endian. Sections follow.
 */
struct nyx_stream_head {
	__aligned_u64 magic;
	__u32 version;
	__u32 byte_order;
	__u32 flags;
	__u32 crc;
};

/**
 * enum nyx_section_flags - flags of a section
 * @NYX_SECTION_F_MANDATORY: a reader that does not know the section refuses the stream
 */
enum nyx_section_flags {
	NYX_SECTION_F_MANDATORY = 1 << 0,
};

/**
 * struct nyx_stream_section - the beginning of a section
 * @type: of enum nyx_section
 * @version: of its format
 * @flags: of enum nyx_section_flags
 * @phase: 0
 * @id: of the object that the section is of, or 0
 * @part: sections of this type and @id before
 * @length: bytes of the payload, which follows
 * @crc: CRC-32C of the other fields and the payload
 * @__reserved: 0
 * @name: name of the section
 *
 * Sections ascend by @type, @id and @part. The payload is a struct nyx_stream_table, except
 * that of NYX_SECTION_MODEL.
 */
struct nyx_stream_section {
	__u16 type;
	__u16 version;
	__u32 flags;
	__u32 phase;
	__u32 id;
	__u32 part;
	__u32 length;
	__u32 crc;
	__u32 __reserved;
	__u8 name[NYX_FIELD_NAME_LEN];
};

/**
 * enum nyx_field_flags - flags of a field
 * @NYX_FIELD_F_MANDATORY: a reader that does not know the field refuses the stream
 */
enum nyx_field_flags {
	NYX_FIELD_F_MANDATORY = 1 << 0,
};

/**
 * struct nyx_stream_field - description of a field
 * @id: its id in sections of the type, from 1 on
 * @elem_size: bytes of an element: 1, 2, 4 or 8
 * @flags: of enum nyx_field_flags
 * @count: elements
 * @__reserved: 0
 * @name: name of the field
 */
struct nyx_stream_field {
	__u16 id;
	__u8 elem_size;
	__u8 flags;
	__u16 count;
	__u16 __reserved;
	__u8 name[NYX_FIELD_NAME_LEN];
};

/**
 * struct nyx_stream_table - payload of a section
 * @nr_fields: how many struct nyx_stream_field follow, by ascending id
 * @nr_records: how many records follow these: the elements of each field, without padding
 */
struct nyx_stream_table {
	__u32 nr_fields;
	__u32 nr_records;
};

/**
 * enum nyx_dma_op - what a device does
 * @NYX_DMA_READ: guest memory to @buffer
 * @NYX_DMA_WRITE: @buffer to guest memory
 * @NYX_DMA_FILL: @operand, @width bytes little endian, repeated over the range
 * @NYX_DMA_CAS: compare-and-swap: @compare to @operand
 * @NYX_DMA_FETCH_ADD: add @operand
 * @NYX_DMA_SWAP: exchange with @operand
 */
enum nyx_dma_op {
	NYX_DMA_READ = 0,
	NYX_DMA_WRITE = 1,
	NYX_DMA_FILL = 2,
	NYX_DMA_CAS = 3,
	NYX_DMA_FETCH_ADD = 4,
	NYX_DMA_SWAP = 5,
};

/**
 * struct nyx_dma - ioctl(NYX_DMA), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_dma)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @pasid: must be NYX_PASID_NONE
 * @op: of enum nyx_dma_op
 * @width: FILL: 1, 2, 4 or 8, of which @length is a multiple; the atomics: 4
 *         or 8, equal to @length; otherwise 0
 * @iova: first IOVA; the atomics: aligned to @width
 * @length: bytes, at most 1 GiB for READ, WRITE and FILL
 * @buffer: READ, WRITE: user pointer; otherwise 0
 * @operand: FILL and the atomics: the low @width bytes count; otherwise 0
 * @compare: CAS: the low @width bytes count; otherwise 0
 * @out_old: the atomics: what was there, zero-extended
 * @out_done: bytes transferred: all before the faulting byte
 * @out_fault: what stopped it, or reason NYX_FAULT_NONE
 *
 * A DMA by a device. Bytes are transferred in ascending order; the parts of an
 * access are not atomic against each other. Exceptions are the atomics, and a READ
 * or WRITE of 2, 4 or 8 bytes at an IOVA that is aligned to its length: processors
 * and other devices see it as a whole. The DMA of one thread, commands or items of
 * NYX_ARRAY, are seen in their order. If @buffer is not accessible:
 * -EFAULT, with @out_done. Over a limit (NYX_LIMIT_SET) the command waits; if
 * the file descriptor is non-blocking: -EAGAIN, with @out_done; if a signal
 * arrives meanwhile: -EINTR, with @out_done.
 */
struct nyx_dma {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 pasid;
	__u32 op;
	__u32 width;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 buffer;
	__aligned_u64 operand;
	__aligned_u64 compare;
	__aligned_u64 out_old;
	__aligned_u64 out_done;
	struct nyx_fault out_fault;
};

#define NYX_DMA _IO(NYX_IOCTL_TYPE, NYX_CMD_DMA)

/**
 * enum nyx_array_flags - flags of NYX_ARRAY
 * @NYX_ARRAY_F_STOP: NYX_CMD_DMA, NYX_CMD_VIEW_FILL: stop at the first item that meets
 *                    a fault. The command succeeds; @out_done of struct nyx_array does
 *                    not count that item, its ``out_`` fields are written
 */
enum nyx_array_flags {
	NYX_ARRAY_F_STOP = 1 << 0,
};

/**
 * struct nyx_array - ioctl(NYX_ARRAY)
 * @size: sizeof(struct nyx_array)
 * @flags: of enum nyx_array_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @cmd: NYX_CMD_MAP, _UNMAP, _INVALIDATE, _TRANSLATE, _DMA,
 *       _IRTE_SET, _IRQ_SEND, _MMIO or _VIEW_FILL
 * @item_size: bytes from one item to the next; each item's own size field says
 *             the same
 * @items: user pointer to @nr structures of that command
 * @nr: items, 1 to NYX_ARRAY_MAX
 * @out_done: items that succeeded, all before the failing one
 *
 * Do many commands in one call. Stops at the first item that fails, with its
 * errno; a guest fault is no failure. The ``out_`` fields of the items up to
 * and including the failing one are written. If an item fails, @out_err_reason
 * is that of the item, and @out_err_field the offset of @items; the item at
 * @out_done has the reason, too, and the field of its own that is to blame.
 * NYX_UNMAP and NYX_INVALIDATE items of the same domain in a row wait for accesses
 * in flight together, at the end.
 */
struct nyx_array {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 cmd;
	__u32 item_size;
	__aligned_u64 items;
	__u32 nr;
	__u32 out_done;
};

#define NYX_ARRAY _IO(NYX_IOCTL_TYPE, NYX_CMD_ARRAY)

/**
 * struct nyx_uring - sqe->cmd of a command by io_uring
 * @arg: user pointer to the structure of the command
 * @__reserved: must be 0, and so must what follows in an SQE of 128 bytes
 *
 * IORING_OP_URING_CMD on the file takes the commands that NYX_ARRAY takes, and NYX_ARRAY:
 * sqe->cmd_op is the number, as NYX_DMA. It does and returns what ioctl(2) would: cqe->res
 * is 0 or the negative errno. The structure must stay until then; commands have no order
 * but that of links (IOSQE_IO_LINK). A command that may have to wait, or is long, runs in a
 * thread of io_uring's.
 *
 * With IORING_URING_CMD_FIXED, for NYX_DMA with NYX_DMA_READ or NYX_DMA_WRITE only,
 * @buffer of struct nyx_dma lies in the registered buffer sqe->buf_index; it is -EFAULT if
 * not all of it does.
 *
 * -EINVAL without a reason: @__reserved, or a field of the SQE that has no meaning here, is
 * not 0. -ENOTTY: the command is unknown, or not one of these. -EOPNOTSUPP without a
 * reason: the ring has IORING_SETUP_IOPOLL.
 */
struct nyx_uring {
	__aligned_u64 arg;
	__aligned_u64 __reserved;
};

/**
 * enum nyx_events_flags - flags of NYX_EVENTS_OPEN
 * @NYX_EVENTS_F_HISTORY: begin with the oldest record that the unit holds, not
 *                        with the next one
 * @NYX_EVENTS_F_NONBLOCK: read(2) returns -EAGAIN instead of waiting
 * @NYX_EVENTS_F_IRTE: the unit writes records NYX_EVENT_IRTE for as long as the
 *                     file is open. A change that NYX_EVENTS_OPEN has not seen is
 *                     in a record that the file reads
 */
enum nyx_events_flags {
	NYX_EVENTS_F_HISTORY = 1 << 0,
	NYX_EVENTS_F_NONBLOCK = 1 << 1,
	NYX_EVENTS_F_IRTE = 1 << 2,
};

/**
 * struct nyx_events_open - ioctl(NYX_EVENTS_OPEN)
 * @size: sizeof(struct nyx_events_open)
 * @flags: of enum nyx_events_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @out_fd: a file descriptor, close-on-exec
 * @__reserved: must be 0
 *
 * Open the unit's one stream of events. read(2) returns whole struct nyx_event
 * and -EINVAL if there is no room for one; poll(2) tells readiness. Each file
 * descriptor reads at its own pace: a reader that falls behind by more than
 * the unit's ring finds one NYX_EVENT_LOST record with the count. After the
 * unit's end read(2) returns what is left, then 0.
 */
struct nyx_events_open {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__s32 out_fd;
	__u32 __reserved;
};

#define NYX_EVENTS_OPEN _IO(NYX_IOCTL_TYPE, NYX_CMD_EVENTS_OPEN)

/**
 * enum nyx_mmio_flags - flags of NYX_MMIO
 * @NYX_MMIO_F_WRITE: write; without it read
 */
enum nyx_mmio_flags {
	NYX_MMIO_F_WRITE = 1 << 0,
};

#define NYX_MMIO_SIZE		4096u	/* bytes of a VT-d unit's registers */
#define NYX_MMIO_SIZE_AMDVI	16384u	/* bytes of an AMD-Vi unit's registers */

/**
 * struct nyx_mmio - ioctl(NYX_MMIO), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_mmio)
 * @flags: of enum nyx_mmio_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @offset: of the register, a multiple of @width, below NYX_MMIO_SIZE or
 *          NYX_MMIO_SIZE_AMDVI
 * @width: bytes, 4 or 8
 * @value: in: what to write; out: what was read
 * @out_irte_changes: number of changes so far to entries of interrupt remapping
 *                    tables, or to how messages are treated. If it differs from the
 *                    number of an earlier call, copies of entries, such as KVM's
 *                    routes, are stale: a VMM rebuilds them before it resumes the
 *                    processor that wrote the register. In a VMM with several threads
 *                    the command, the comparison and the masking of the old routes
 *                    are one critical section
 * @changes_id: an inline change stream, or 0; a read needs none
 * @nr_changes: room at @changes
 * @changes: user pointer to an array of struct nyx_change, or 0 if @nr_changes is 0
 * @out_seq: for NYX_CHANGES_NEXT, as there
 * @out_nr_changes: changes of the stream that were written
 * @out_pending: the write is done, but an inline change stream has changes that its reader
 *               has to handle before what follows from the write is complete: call
 *               NYX_CHANGES_NEXT until nothing is left, before the guest's processor goes on
 *
 * The guest reads or writes a register of the unit's vendor model; -EOPNOTSUPP
 * without one. The effects of a write, such as the execution of the invalidation
 * queue or command buffer, are complete when the command returns. -EINTR if the
 * caller was killed before: the queue goes on with the next write of its tail; the
 * next access to a register waits for a command that a register reports as not done.
 * -ENOMEM if there is no memory for a log of the length that is written
 * (NYX_MODEL_AMDVI): nothing has changed.
 */
struct nyx_mmio {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 offset;
	__u32 width;
	__aligned_u64 value;
	__aligned_u64 out_irte_changes;
	__u32 changes_id;
	__u32 nr_changes;
	__aligned_u64 changes;
	__aligned_u64 out_seq;
	__u32 out_nr_changes;
	__u32 out_pending;
};

#define NYX_MMIO _IO(NYX_IOCTL_TYPE, NYX_CMD_MMIO)

/**
 * NYX_REGISTER_KEY() - the key of an entry for NYX_LIST_REGISTERS
 * @offset: of the entry
 * @index: of the entry
 */
#define NYX_REGISTER_KEY(offset, index)	((__u64)(offset) << 32 | (index))

#define NYX_REGISTER_NAME_MAX	24u
#define NYX_REGISTER_STATE	0x10000u	/* offsets of other state start here */

/**
 * struct nyx_register_info - entry of NYX_LIST_REGISTERS
 * @offset: of the register, for NYX_MMIO; from NYX_REGISTER_STATE on the number of a
 *          field of the state that the guest cannot read
 * @index: of a register: 0 for all of it, 1 and so on for its bit fields. Of another
 *         field: the element; elements of a field with many are listed only if they
 *         are not as after a reset
 * @width: bytes of the register, or of the element
 * @low: lowest bit of the register that the entry is about
 * @high: highest bit
 * @__reserved: 0
 * @value: of these bits, shifted down
 * @name: of the register or field if @index is 0, otherwise of the bit field; of an
 *        element the field's
 *
 * The values are those that the unit has. Unlike NYX_MMIO, a listing has no effects:
 * it does not wait for a command that was cut short, and does not write pending
 * entries to a log of NYX_MODEL_AMDVI.
 */
struct nyx_register_info {
	__u32 offset;
	__u32 index;
	__u8 width;
	__u8 low;
	__u8 high;
	__u8 __reserved[5];
	__aligned_u64 value;
	__u8 name[NYX_REGISTER_NAME_MAX];
};

/**
 * struct nyx_unit_reset - ioctl(NYX_UNIT_RESET)
 * @size: sizeof(struct nyx_unit_reset)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 *
 * The registers of the unit's vendor model are as after power-on, and what the
 * guest's tables said is forgotten. -EOPNOTSUPP without a vendor model. -EINTR:
 * a fatal signal ended the wait for accesses by the old tables; the same command
 * again waits for what is left.
 */
struct nyx_unit_reset {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
};

#define NYX_UNIT_RESET _IO(NYX_IOCTL_TYPE, NYX_CMD_UNIT_RESET)

/**
 * enum nyx_walk_kind - what a walk met at a level of a table
 * @NYX_WALK_SKIPPED: nothing: the entry before refers to a level below. The walk
 *                    goes on only if the address bits of this level are 0
 * @NYX_WALK_UNREADABLE: the table does not lie in guest memory
 * @NYX_WALK_EMPTY: an entry that is not present
 * @NYX_WALK_TABLE: an entry that refers to a table
 * @NYX_WALK_PAGE: an entry that maps a page
 */
enum nyx_walk_kind {
	NYX_WALK_SKIPPED = 0,
	NYX_WALK_UNREADABLE = 1,
	NYX_WALK_EMPTY = 2,
	NYX_WALK_TABLE = 3,
	NYX_WALK_PAGE = 4,
};

#define NYX_WALK_STEPS	6u	/* most levels of a table */

/**
 * struct nyx_walk_step - a level of a walk
 * @table: GPA of the table; 0 for NYX_WALK_SKIPPED; NYX_GPA_UNKNOWN if it is the
 *         kernel's own
 * @entry: the entry as it was read; 0 if it was not. An entry that refers to a
 *         table of the kernel's own is without the address
 * @address: GPA of the next table, or NYX_GPA_UNKNOWN if that is the kernel's own,
 *           or of the page; 0 if @bad is not
 * @bad: bits of the entry that are reserved and set, or a field with a value
 *       that is not allowed there
 * @index: index of the entry in the table
 * @level: level of the table, 0 for the leaves
 * @next_level: NYX_WALK_TABLE: level of the next table
 * @kind: of enum nyx_walk_kind
 * @prot: of enum nyx_prot: what this entry alone grants
 * @page_size_lg2: NYX_WALK_PAGE: log2 of the size of the page
 * @__reserved: 0
 *
 * Never grows.
 */
struct nyx_walk_step {
	__aligned_u64 table;
	__aligned_u64 entry;
	__aligned_u64 address;
	__aligned_u64 bad;
	__u16 index;
	__u8 level;
	__u8 next_level;
	__u8 kind;
	__u8 prot;
	__u8 page_size_lg2;
	__u8 __reserved;
};

/**
 * enum nyx_walk_flags - flags of NYX_WALK
 * @NYX_WALK_F_DEVICE: begin where an access of @sbdf does: as the guest has
 *                     programmed the unit's vendor model or, without one, at the
 *                     table of the device's domain, which is the kernel's own
 */
enum nyx_walk_flags {
	NYX_WALK_F_DEVICE = 1 << 0,
};

/**
 * struct nyx_walk - ioctl(NYX_WALK)
 * @size: sizeof(struct nyx_walk)
 * @flags: of enum nyx_walk_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @format: of enum nyx_format
 * @levels: depth of the table: 3 to 5 (VTDSS), 4 or 5 (X86), 1 to 6 (AMDV1); 0:
 *          what the unit's address width takes
 * @root: GPA of the top table, a multiple of 4096, below 2^52
 * @page_sizes: bit mask of the page sizes that the table may use, with 4096; 0:
 *              all of the format
 * @iova: the address, any alignment
 * @sbdf: NYX_WALK_F_DEVICE: the device, and @format, @levels, @root and
 *        @page_sizes must be 0; otherwise must be 0
 * @pasid: must be NYX_PASID_NONE
 * @access: of enum nyx_prot: what is to be allowed; 0: nothing
 * @out_format: the format of the table
 * @out_levels: its depth; 0 if there is none: addresses are not translated, the
 *              device's domain lets nothing through, or the guest's tables refuse
 *              the device
 * @out_root: GPA of the top table, or NYX_GPA_UNKNOWN
 * @out_gpa: where the address leads to, or NYX_GPA_UNKNOWN
 * @out_prot: of enum nyx_prot: what is granted there, unless the guest's tables
 *            refuse the access
 * @out_page_size_lg2: likewise, log2 of the size of the page; 0: there is none
 * @out_nr_steps: steps
 * @out_steps: what the walk met, from the top table on; it ended at the last
 * @out_fault: what would refuse the access, or reason NYX_FAULT_NONE
 *
 * Walk a page table that lies in guest memory, or that of a device's domain, with
 * the walker that translates, and tell each step. Nothing is cached, counted or
 * reported.
 */
struct nyx_walk {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 format;
	__u32 levels;
	__aligned_u64 root;
	__aligned_u64 page_sizes;
	__aligned_u64 iova;
	__u32 sbdf;
	__u32 pasid;
	__u32 access;
	__u32 out_format;
	__aligned_u64 out_root;
	__aligned_u64 out_gpa;
	__u32 out_levels;
	__u32 out_prot;
	__u32 out_page_size_lg2;
	__u32 out_nr_steps;
	struct nyx_walk_step out_steps[NYX_WALK_STEPS];
	struct nyx_fault out_fault;
};

#define NYX_WALK _IO(NYX_IOCTL_TYPE, NYX_CMD_WALK)

/**
 * DOC: Interrupts
 *
 * A message-signalled interrupt is a write of a device to 0xFEExxxxx. Its
 * address and data have the remappable format of the VT-d specification,
 * section 5.1.2.2: bits 31:20 of the address are 0xFEE, bit 4 is set, bit 3 says
 * that the data holds a sub-handle in bits 15:0 (31:16 are 0), bits 19:5 and 2
 * are the handle (2 is its bit 15); bits 1:0, and without bit 3 the data, have no
 * meaning. Handle + sub-handle index the unit's interrupt remapping table. The
 * entry there names the requesters that may use it, and the interrupt that the processor
 * sees.
 *
 * A unit of NYX_MODEL_AMDVI has no such format, and a table for each device: bits 10:0
 * of the data index the table of the device that sends. A device that sends interrupts
 * but makes no accesses, such as an IOAPIC, must be added as well.
 */

/**
 * enum nyx_irq_mode - how a unit treats interrupts
 * @NYX_IRQ_MODE_XAPIC: destinations have 8 bits; without it 32
 * @NYX_IRQ_MODE_COMPAT: compatibility-format messages (bit 4 of the address is
 *                       clear) pass as they are; only with NYX_IRQ_MODE_XAPIC.
 *                       Otherwise they are refused
 * @NYX_IRQ_MODE_OFF: nothing is remapped, all messages pass as they are; only
 *                    with NYX_IRQ_MODE_XAPIC
 */
enum nyx_irq_mode {
	NYX_IRQ_MODE_XAPIC = 1 << 0,
	NYX_IRQ_MODE_COMPAT = 1 << 1,
	NYX_IRQ_MODE_OFF = 1 << 2,
};

/**
 * struct nyx_irq_setup - ioctl(NYX_IRQ_SETUP)
 * @size: sizeof(struct nyx_irq_setup)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @mode: of enum nyx_irq_mode; a new unit has 0
 * @__reserved: must be 0
 *
 * When the command returns no interrupt is under way in the old mode.
 */
struct nyx_irq_setup {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 mode;
	__u32 __reserved;
};

#define NYX_IRQ_SETUP _IO(NYX_IOCTL_TYPE, NYX_CMD_IRQ_SETUP)

/**
 * enum nyx_irte_flags - properties of an interrupt remapping table entry
 * @NYX_IRTE_F_FPD: its faults are not reported (fault processing disable)
 * @NYX_IRTE_F_LOGICAL: the destination mode is logical, not physical
 * @NYX_IRTE_F_LEVEL: the trigger mode is level, not edge
 * @NYX_IRTE_F_HINT: redirection hint
 * @NYX_IRTE_F_POSTED: posts into a descriptor in guest memory
 * @NYX_IRTE_F_URGENT: posted: notifies although the descriptor suppresses it
 */
enum nyx_irte_flags {
	NYX_IRTE_F_FPD = 1 << 0,
	NYX_IRTE_F_LOGICAL = 1 << 1,
	NYX_IRTE_F_LEVEL = 1 << 2,
	NYX_IRTE_F_HINT = 1 << 3,
	NYX_IRTE_F_POSTED = 1 << 4,
	NYX_IRTE_F_URGENT = 1 << 5,
};

/**
 * enum nyx_delivery - delivery mode, as the local APIC has it
 * @NYX_DELIVERY_FIXED: to the destination
 * @NYX_DELIVERY_LOWEST: to the one of the destination with the lowest priority
 * @NYX_DELIVERY_SMI: system management
 * @NYX_DELIVERY_NMI: not maskable
 * @NYX_DELIVERY_INIT: INIT
 * @NYX_DELIVERY_EXTINT: from an 8259A
 */
enum nyx_delivery {
	NYX_DELIVERY_FIXED = 0,
	NYX_DELIVERY_LOWEST = 1,
	NYX_DELIVERY_SMI = 2,
	NYX_DELIVERY_NMI = 4,
	NYX_DELIVERY_INIT = 5,
	NYX_DELIVERY_EXTINT = 7,
};

/**
 * enum nyx_source_check - which requesters may use an entry
 * @NYX_SOURCE_ANY: any requester
 * @NYX_SOURCE_RID: one requester, or functions of one device
 * @NYX_SOURCE_BUS: requesters of a range of buses
 */
enum nyx_source_check {
	NYX_SOURCE_ANY = 0,
	NYX_SOURCE_RID = 1,
	NYX_SOURCE_BUS = 2,
};

/* The source of NYX_SOURCE_BUS. */
#define NYX_SOURCE_BUSES(seg, first, last) \
	(((__u32)(seg) << 16) | ((__u32)(first) << 8) | (__u32)(last))

/**
 * struct nyx_irte_set - ioctl(NYX_IRTE_SET), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_irte_set)
 * @flags: of enum nyx_irte_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @index: which entry
 * @dest: destination: an APIC id or a logical destination; 0 if posted
 * @vector: vector, 16 to 255; of no meaning, and any, for SMI, NMI, INIT and
 *          EXTINT
 * @delivery: of enum nyx_delivery; 0 if posted
 * @source_check: of enum nyx_source_check
 * @source_mask: NYX_SOURCE_RID: bits of the function number that are ignored:
 *               0, 4, 6 or 7; otherwise 0
 * @source: NYX_SOURCE_RID: the SBDF; NYX_SOURCE_BUS: NYX_SOURCE_BUSES();
 *          otherwise 0
 * @posted: NYX_IRTE_F_POSTED: GPA of the posted-interrupt descriptor (VT-d
 *          specification, section 9.11), a multiple of 64; otherwise 0
 *
 * Set an entry, whether it is present or not. When the command returns no
 * interrupt uses what was there before.
 */
struct nyx_irte_set {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 index;
	__u32 dest;
	__u8 vector;
	__u8 delivery;
	__u8 source_check;
	__u8 source_mask;
	__u32 source;
	__aligned_u64 posted;
};

#define NYX_IRTE_SET _IO(NYX_IOCTL_TYPE, NYX_CMD_IRTE_SET)

/**
 * struct nyx_irte_clear - ioctl(NYX_IRTE_CLEAR)
 * @size: sizeof(struct nyx_irte_clear)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @index: first entry
 * @nr: how many, not 0
 *
 * Make entries not present. -ENOENT if none of them was. When the command
 * returns, also with -ENOENT, no interrupt uses them. -EINTR: they are not
 * present, but a fatal signal ended the wait; the same command again waits for
 * what is left.
 */
struct nyx_irte_clear {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 index;
	__u32 nr;
};

#define NYX_IRTE_CLEAR _IO(NYX_IOCTL_TYPE, NYX_CMD_IRTE_CLEAR)

/**
 * NYX_IRTE_KEY() - the key of an entry for NYX_LIST_IRTES
 * @sbdf: NYX_MODEL_AMDVI: the device whose table it is in; otherwise 0
 * @index: which entry
 */
#define NYX_IRTE_KEY(sbdf, index)	((__u64)(sbdf) << 32 | (index))

/**
 * struct nyx_irte_info - entry of NYX_LIST_IRTES
 * @index: which entry
 * @flags: of enum nyx_irte_flags
 * @dest: destination
 * @source: as it was set
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @source_check: of enum nyx_source_check
 * @source_mask: as it was set
 * @sbdf: NYX_MODEL_AMDVI: the device whose table it is in; otherwise 0
 * @posted: GPA of the descriptor, or 0
 */
struct nyx_irte_info {
	__u32 index;
	__u32 flags;
	__u32 dest;
	__u32 source;
	__u8 vector;
	__u8 delivery;
	__u8 source_check;
	__u8 source_mask;
	__u32 sbdf;
	__aligned_u64 posted;
};

/**
 * enum nyx_irq_flags - flags of NYX_IRQ_SEND
 * @NYX_IRQ_F_SIGNAL: signal @eventfd if the interrupt is to be delivered
 * @NYX_IRQ_F_PROBE: send nothing: say what would become of the interrupt. Nothing is
 *                   signalled, posted, counted, charged to a limit or reported as a
 *                   fault. An entry that is posted is answered by NYX_IRQ_POSTED, with
 *                   its vector; its descriptor is not looked at. An entry of the
 *                   guest's table that is not in the cache is read, and enters it, as
 *                   for an interrupt. Not with NYX_IRQ_F_SIGNAL
 */
enum nyx_irq_flags {
	NYX_IRQ_F_SIGNAL = 1 << 0,
	NYX_IRQ_F_PROBE = 1 << 1,
};

/**
 * enum nyx_irq_result - what became of an interrupt
 * @NYX_IRQ_DELIVER: to be delivered as the reply says
 * @NYX_IRQ_POSTED: in a descriptor, or with NYX_AMDVI_F_GUEST_APIC in a virtual APIC's
 *                  page; there is nothing to deliver
 * @NYX_IRQ_NOTIFY: likewise, and the reply is the notification to deliver
 * @NYX_IRQ_REFUSED: refused, as the reply says
 */
enum nyx_irq_result {
	NYX_IRQ_DELIVER = 0,
	NYX_IRQ_POSTED = 1,
	NYX_IRQ_NOTIFY = 2,
	NYX_IRQ_REFUSED = 3,
};

/**
 * struct nyx_irq_send - ioctl(NYX_IRQ_SEND), and the item of NYX_ARRAY
 * @size: sizeof(struct nyx_irq_send)
 * @flags: of enum nyx_irq_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @data: data of the message
 * @address: address of the message
 * @eventfd: NYX_IRQ_F_SIGNAL: an eventfd; otherwise 0 or -1
 * @out_result: of enum nyx_irq_result
 * @out_address: address of the message for the processor: with 32-bit
 *               destinations bits 31:8 of the destination are in bits 63:40, as
 *               KVM takes it
 * @out_data: its data: vector, delivery mode in bits 10:8, and for a level trigger
 *            bits 14 and 15
 * @out_index: index of the entry, if there is one, or 0xffffffff
 * @out_dest: NYX_IRQ_DELIVER: destination of the interrupt; NYX_IRQ_NOTIFY: of the
 *            notification, which of a virtual APIC's page is the doorbell of that
 *            processor; otherwise 0, as @out_address and @out_data
 * @out_vector: NYX_IRQ_DELIVER: vector of the interrupt; NYX_IRQ_NOTIFY: of the
 *              notification, 0 of a doorbell; NYX_IRQ_POSTED with NYX_IRQ_F_PROBE: of the
 *              interrupt, in the descriptor or page; otherwise 0
 * @out_delivery: of enum nyx_delivery, of what @out_dest is of; otherwise 0
 * @out_flags: NYX_IRTE_F_LOGICAL, _LEVEL, _HINT, _POSTED
 * @out_reason: of enum nyx_fault_reason: why it was refused
 * @__reserved: must be 0
 *
 * A device sends an interrupt, or with NYX_IRQ_F_PROBE asks what would become of one. Over
 * a limit as in NYX_DMA.
 */
struct nyx_irq_send {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 data;
	__aligned_u64 address;
	__s32 eventfd;
	__u32 out_result;
	__aligned_u64 out_address;
	__u32 out_data;
	__u32 out_index;
	__u32 out_dest;
	__u8 out_vector;
	__u8 out_delivery;
	__u16 out_flags;
	__u32 out_reason;
	__u32 __reserved;
};

#define NYX_IRQ_SEND _IO(NYX_IOCTL_TYPE, NYX_CMD_IRQ_SEND)

/**
 * enum nyx_bind_flags - flags of a bound interrupt
 * @NYX_BIND_F_MASKED: it is masked
 * @NYX_BIND_F_PENDING: an interrupt came while it was masked; output only
 * @NYX_BIND_F_CLOSED: the source was closed; output only
 */
enum nyx_bind_flags {
	NYX_BIND_F_MASKED = 1 << 0,
	NYX_BIND_F_PENDING = 1 << 1,
	NYX_BIND_F_CLOSED = 1 << 2,
};

/**
 * struct nyx_irq_bind - ioctl(NYX_IRQ_BIND)
 * @size: sizeof(struct nyx_irq_bind)
 * @flags: NYX_BIND_F_MASKED: begin masked
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device that the interrupts come from
 * @data: data of its message
 * @address: address of its message
 * @source: an eventfd: each signal is an interrupt
 * @target: an eventfd that is signalled for each interrupt to be delivered
 * @coalesce_us: an interrupt is held for so long, for others to join it, at
 *               most 1000000; 0: not at all
 * @coalesce_count: with @coalesce_us, unless so many have come, which are then
 *                  delivered as one; 0: whatever the count
 * @out_binding_id: the binding's id
 * @__reserved: must be 0
 *
 * Bind an eventfd to an interrupt, in the kernel. -EBUSY if the source is bound;
 * -ELOOP if it is the target of a binding, or @target a source; -EINVAL if
 * either is no eventfd, or both are the same; -ENOSPC if the unit has 65536
 * bindings, or the units of the user together as many as the module's parameter
 * max_bindings_per_user says. A signal that is there already counts. An interrupt
 * that is posted (NYX_IRTE_F_POSTED) takes a little longer if the memory is not
 * pinned, and is refused if it is not at hand for 5 seconds; where many bindings of
 * the unit, or many units of the user, wait for memory, each is asked for less often.
 * Signals that come together may be delivered as one; of an EFD_SEMAPHORE each
 * write is one signal.
 */
struct nyx_irq_bind {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 data;
	__aligned_u64 address;
	__s32 source;
	__s32 target;
	__u32 coalesce_us;
	__u32 coalesce_count;
	__u32 out_binding_id;
	__u32 __reserved;
};

#define NYX_IRQ_BIND _IO(NYX_IOCTL_TYPE, NYX_CMD_IRQ_BIND)

/**
 * struct nyx_irq_unbind - ioctl(NYX_IRQ_UNBIND)
 * @size: sizeof(struct nyx_irq_unbind)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @binding_id: the binding
 * @__reserved: must be 0
 *
 * When the command returns, be it with success or -ENOENT, the target is not
 * signalled any more. An interrupt that is pending or held is dropped.
 */
struct nyx_irq_unbind {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 binding_id;
	__u32 __reserved;
};

#define NYX_IRQ_UNBIND _IO(NYX_IOCTL_TYPE, NYX_CMD_IRQ_UNBIND)

/**
 * enum nyx_change_flags - what NYX_IRQ_CHANGE changes
 * @NYX_CHANGE_F_MASK: @masked
 * @NYX_CHANGE_F_MESSAGE: @address and @data
 * @NYX_CHANGE_F_COALESCE: @coalesce_us and @coalesce_count
 */
enum nyx_change_flags {
	NYX_CHANGE_F_MASK = 1 << 0,
	NYX_CHANGE_F_MESSAGE = 1 << 1,
	NYX_CHANGE_F_COALESCE = 1 << 2,
};

/**
 * struct nyx_irq_change - ioctl(NYX_IRQ_CHANGE)
 * @size: sizeof(struct nyx_irq_change)
 * @flags: of enum nyx_change_flags, at least one; what is not named is ignored
 *         and must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @binding_id: the binding
 * @masked: 1 to mask, 0 to unmask. While it is masked one interrupt is kept, to
 *          be delivered when it is unmasked
 * @address: address of the message
 * @data: data of the message
 * @coalesce_us: as in NYX_IRQ_BIND
 * @coalesce_count: as in NYX_IRQ_BIND
 * @__reserved: must be 0
 */
struct nyx_irq_change {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 binding_id;
	__u32 masked;
	__aligned_u64 address;
	__u32 data;
	__u32 coalesce_us;
	__u32 coalesce_count;
	__u32 __reserved;
};

#define NYX_IRQ_CHANGE _IO(NYX_IOCTL_TYPE, NYX_CMD_IRQ_CHANGE)

/**
 * struct nyx_binding_info - entry of NYX_LIST_BINDINGS
 * @binding_id: id
 * @flags: of enum nyx_bind_flags
 * @sbdf: the device
 * @data: data of its message
 * @address: address of its message
 * @coalesce_us: microseconds
 * @coalesce_count: interrupts
 * @last_reason: of enum nyx_fault_reason: of the last interrupt refused
 * @__reserved: 0
 * @signals: signals of the source
 * @delivered: signals of the target
 * @refused: interrupts refused
 */
struct nyx_binding_info {
	__u32 binding_id;
	__u32 flags;
	__u32 sbdf;
	__u32 data;
	__aligned_u64 address;
	__u32 coalesce_us;
	__u32 coalesce_count;
	__u32 last_reason;
	__u32 __reserved;
	__aligned_u64 signals;
	__aligned_u64 delivered;
	__aligned_u64 refused;
};

/**
 * enum nyx_fault_class - kinds of faults that a policy tells apart
 * @NYX_CLASS_ADDRESS: nothing is there: not present, beyond the width, blocked,
 *                     no domain
 * @NYX_CLASS_PERMISSION: something is there that may not be read or written
 * @NYX_CLASS_TABLE: a table with reserved bits, or out of reach
 * @NYX_CLASS_MEMORY: no usable guest memory behind the mapping
 * @NYX_CLASS_INTERRUPT: a refused interrupt
 * @NYX_CLASS_MAX: number of classes
 */
enum nyx_fault_class {
	NYX_CLASS_ADDRESS = 0,
	NYX_CLASS_PERMISSION = 1,
	NYX_CLASS_TABLE = 2,
	NYX_CLASS_MEMORY = 3,
	NYX_CLASS_INTERRUPT = 4,
	NYX_CLASS_MAX,
};

/**
 * enum nyx_policy_action - what happens when the threshold is reached
 * @NYX_ACTION_REPORT: faults are reported, and the device goes on
 * @NYX_ACTION_QUARANTINE: the device is quarantined
 */
enum nyx_policy_action {
	NYX_ACTION_REPORT = 0,
	NYX_ACTION_QUARANTINE = 1,
};

/**
 * enum nyx_policy_flags - how the action is taken
 * @NYX_POLICY_F_OBSERVE: an event reports the action, once in a window, and the
 *                        action is not taken
 * @NYX_POLICY_F_DOMAIN: all devices of the domain are refused, as long as the
 *                       device is quarantined
 * @NYX_POLICY_F_RECOVER: the device comes back by itself
 */
enum nyx_policy_flags {
	NYX_POLICY_F_OBSERVE = 1 << 0,
	NYX_POLICY_F_DOMAIN = 1 << 1,
	NYX_POLICY_F_RECOVER = 1 << 2,
};

/**
 * struct nyx_policy - when faults of a device lead to an action
 * @flags: of enum nyx_policy_flags
 * @action: of enum nyx_policy_action
 * @threshold: weight of faults, 1 to 1000000, within
 * @window_ms: milliseconds, 1 to 3600000, at which the action is taken; a fault
 *             counts for seven eighths of the window at least
 * @weight: by enum nyx_fault_class: what a fault counts, at most 1000; 0: not
 *          at all
 * @backoff_ms: first time in quarantine before probation, 1 to 86400000;
 *              doubles with each try
 * @backoff_max_ms: up to this, at least @backoff_ms, at most 86400000
 * @probation_ms: time in probation without a burst before the device is active,
 *                1 to 86400000
 * @max_tries: times that it comes back, 1 to 1000; then it is disabled
 * @records_per_s: fault records of the device in the event stream per second;
 *                 further faults are counted, and reported in one record;
 *                 1 to 0xffffffff: all
 * @__reserved: must be 0
 *
 * A new unit's policy: quarantine with recovery; threshold 10, 10 s window, all
 * weights 1, back-off 1 s to 60 s, probation 10 s, 5 tries, 64 records.
 */
struct nyx_policy {
	__u32 flags;
	__u32 action;
	__u32 threshold;
	__u32 window_ms;
	__u16 weight[8];
	__u32 backoff_ms;
	__u32 backoff_max_ms;
	__u32 probation_ms;
	__u32 max_tries;
	__u32 records_per_s;
	__u32 __reserved;
};

/**
 * enum nyx_policy_set_flags - flags of NYX_POLICY_SET
 * @NYX_POLICY_SET_F_INHERIT: NYX_SCOPE_DEVICE: the device has the unit's policy
 *                            again; @policy must be zero
 */
enum nyx_policy_set_flags {
	NYX_POLICY_SET_F_INHERIT = 1 << 0,
};

/**
 * struct nyx_policy_set - ioctl(NYX_POLICY_SET)
 * @size: sizeof(struct nyx_policy_set)
 * @flags: of enum nyx_policy_set_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: NYX_SCOPE_UNIT: for devices without a policy of their own; or
 *         NYX_SCOPE_DEVICE
 * @sbdf: NYX_SCOPE_DEVICE: the device; otherwise 0
 * @policy: the policy
 *
 * A quarantined device stays so, for the time that was set then.
 */
struct nyx_policy_set {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 sbdf;
	struct nyx_policy policy;
};

#define NYX_POLICY_SET _IO(NYX_IOCTL_TYPE, NYX_CMD_POLICY_SET)

/**
 * struct nyx_policy_get - ioctl(NYX_POLICY_GET)
 * @size: sizeof(struct nyx_policy_get)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: NYX_SCOPE_UNIT or NYX_SCOPE_DEVICE
 * @sbdf: NYX_SCOPE_DEVICE: the device; otherwise 0
 * @out_own: NYX_SCOPE_DEVICE: 1 if the device has a policy of its own
 * @__reserved: must be 0
 * @out_policy: the policy that applies
 */
struct nyx_policy_get {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 sbdf;
	__u32 out_own;
	__u32 __reserved;
	struct nyx_policy out_policy;
};

#define NYX_POLICY_GET _IO(NYX_IOCTL_TYPE, NYX_CMD_POLICY_GET)

/**
 * enum nyx_device_action - actions of NYX_DEVICE_CONTROL
 * @NYX_DEVICE_DO_RESET: to NYX_DEVICE_ACTIVE, its faults forgotten
 * @NYX_DEVICE_DO_QUARANTINE: to NYX_DEVICE_QUARANTINED; it does not come back
 *                            by itself
 * @NYX_DEVICE_DO_DISABLE: to NYX_DEVICE_DISABLED
 */
enum nyx_device_action {
	NYX_DEVICE_DO_RESET = 0,
	NYX_DEVICE_DO_QUARANTINE = 1,
	NYX_DEVICE_DO_DISABLE = 2,
};

/**
 * struct nyx_device_control - ioctl(NYX_DEVICE_CONTROL)
 * @size: sizeof(struct nyx_device_control)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device
 * @action: of enum nyx_device_action
 *
 * Change a device's state by hand. When QUARANTINE or DISABLE returns no access
 * or interrupt of the device is under way.
 */
struct nyx_device_control {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 action;
};

#define NYX_DEVICE_CONTROL _IO(NYX_IOCTL_TYPE, NYX_CMD_DEVICE_CONTROL)

#define NYX_LIMIT_MAX	1000000000000000ull	/* limit on a rate, per second */

/**
 * struct nyx_limits - rate limits
 * @bytes_per_s: bytes of DMA per second, at most NYX_LIMIT_MAX; 0: no limit
 * @ops_per_s: DMA operations per second; likewise
 * @irqs_per_s: interrupts per second; likewise
 * @burst_ms: how much may come at once: what the rate gives in so many
 *            milliseconds, at most 10000 (0: 10), and one operation, interrupt or
 *            part of a DMA more
 * @__reserved: must be 0
 */
struct nyx_limits {
	__aligned_u64 bytes_per_s;
	__aligned_u64 ops_per_s;
	__aligned_u64 irqs_per_s;
	__u32 burst_ms;
	__u32 __reserved;
};

/**
 * struct nyx_limit_set - ioctl(NYX_LIMIT_SET)
 * @size: sizeof(struct nyx_limit_set)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: the domain, or the device's SBDF
 * @limits: the limits; all rates 0: none
 *
 * An access or interrupt has to keep the limits of its device and of the
 * device's domain. Bound interrupts over a limit are held and delivered, as
 * one, when it allows. -EOPNOTSUPP for the domains of a unit with a vendor model,
 * which come and go as the guest likes.
 */
struct nyx_limit_set {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 id;
	struct nyx_limits limits;
};

#define NYX_LIMIT_SET _IO(NYX_IOCTL_TYPE, NYX_CMD_LIMIT_SET)

/**
 * struct nyx_limit_get - ioctl(NYX_LIMIT_GET)
 * @size: sizeof(struct nyx_limit_get)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @scope: NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: the domain, or the device's SBDF
 * @out_limits: the limits
 */
struct nyx_limit_get {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 scope;
	__u32 id;
	struct nyx_limits out_limits;
};

#define NYX_LIMIT_GET _IO(NYX_IOCTL_TYPE, NYX_CMD_LIMIT_GET)

#define NYX_PAGE_GROUP_MAX	64u	/* limit on the pages of one request */
#define NYX_PAGE_GROUPS_MAX	64u	/* limit on the requests of a device that await an answer */

/**
 * struct nyx_page - a page that a device asks for
 * @iova: its first IOVA, a multiple of 4096
 * @access: of enum nyx_prot, at least one: what for
 * @__reserved: must be 0
 */
struct nyx_page {
	__aligned_u64 iova;
	__u32 access;
	__u32 __reserved;
};

/**
 * enum nyx_page_flags - flags of NYX_PAGE_REQUEST
 * @NYX_PAGE_F_NOWAIT: do not wait for the answer; it is an event
 */
enum nyx_page_flags {
	NYX_PAGE_F_NOWAIT = 1 << 0,
};

/**
 * enum nyx_page_response - answer to a page request
 * @NYX_PAGE_SUCCESS: the pages are mapped; the device may try again
 * @NYX_PAGE_INVALID: at least one page cannot be mapped
 * @NYX_PAGE_FAILURE: the device must stop asking
 * @NYX_PAGE_TIMEOUT: no answer came in time; only the kernel gives this one
 */
enum nyx_page_response {
	NYX_PAGE_SUCCESS = 0,
	NYX_PAGE_INVALID = 1,
	NYX_PAGE_FAILURE = 2,
	NYX_PAGE_TIMEOUT = 3,
};

/**
 * struct nyx_page_request - ioctl(NYX_PAGE_REQUEST)
 * @size: sizeof(struct nyx_page_request)
 * @flags: of enum nyx_page_flags
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @sbdf: the device, attached to a paging domain
 * @pasid: must be NYX_PASID_NONE
 * @pages: user pointer to an array of @nr struct nyx_page
 * @nr: pages, 1 to NYX_PAGE_GROUP_MAX: a group, which is answered as one
 * @timeout_ms: 1 to 600000: time for the answer
 * @out_group: the group's id in the unit
 * @out_response: of enum nyx_page_response; not with NYX_PAGE_F_NOWAIT
 *
 * A device asks for pages: each becomes a NYX_EVENT_PAGE_REQUEST. The
 * program that serves the unit maps them and answers with NYX_PAGE_RESPOND. -ENOSPC if
 * NYX_PAGE_GROUPS_MAX groups of the device have no answer, or those of the unit
 * have half as many pages as it holds event records; -EINTR if a signal
 * arrives: the group is withdrawn; -EPERM if the device is quarantined;
 * -EOPNOTSUPP if the domain is not paging, or the unit has a vendor model.
 */
struct nyx_page_request {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 sbdf;
	__u32 pasid;
	__aligned_u64 pages;
	__u32 nr;
	__u32 timeout_ms;
	__u32 out_group;
	__u32 out_response;
};

#define NYX_PAGE_REQUEST _IO(NYX_IOCTL_TYPE, NYX_CMD_PAGE_REQUEST)

/**
 * struct nyx_page_respond - ioctl(NYX_PAGE_RESPOND)
 * @size: sizeof(struct nyx_page_respond)
 * @flags: must be 0
 * @out_err_reason: of enum nyx_reason: why the command failed
 * @out_err_field: the field that is to blame, as its offset, or 0
 * @group: the group
 * @response: NYX_PAGE_SUCCESS, NYX_PAGE_INVALID or NYX_PAGE_FAILURE
 *
 * Answer a group. -ENOENT if no group with this id waits for an answer.
 */
struct nyx_page_respond {
	__u32 size;
	__u32 flags;
	__u32 out_err_reason;
	__u32 out_err_field;
	__u32 group;
	__u32 response;
};

#define NYX_PAGE_RESPOND _IO(NYX_IOCTL_TYPE, NYX_CMD_PAGE_RESPOND)

/**
 * enum nyx_event_type - what happened
 * @NYX_EVENT_LOST: the reader was too slow: &nyx_event.lost
 * @NYX_EVENT_FAULT: an access was refused: &nyx_event.fault
 * @NYX_EVENT_IRQ_FAULT: an interrupt was refused: &nyx_event.irq_fault
 * @NYX_EVENT_DEVICE_STATE: a device's state has changed, or would have:
 *                          &nyx_event.state
 * @NYX_EVENT_IRTE: entries of the interrupt remapping table, or the mode of the
 *                  unit, have changed while a file is open that was asked for with
 *                  NYX_EVENTS_F_IRTE: &nyx_event.irte
 * @NYX_EVENT_PAGE_REQUEST: a device asks for a page: &nyx_event.page
 * @NYX_EVENT_PAGE_RESPONSE: the answer to a group with NYX_PAGE_F_NOWAIT:
 *                           &nyx_event.page, without @iova
 * @NYX_EVENT_MSI: the unit itself sends an interrupt, which is not remapped:
 *                 &nyx_event.msi
 * @NYX_EVENT_VIEW: a view was cut off: &nyx_event.view
 */
enum nyx_event_type {
	NYX_EVENT_LOST = 0,
	NYX_EVENT_FAULT = 1,
	NYX_EVENT_IRQ_FAULT = 2,
	NYX_EVENT_DEVICE_STATE = 3,
	NYX_EVENT_IRTE = 4,
	NYX_EVENT_PAGE_REQUEST = 5,
	NYX_EVENT_PAGE_RESPONSE = 6,
	NYX_EVENT_MSI = 7,
	NYX_EVENT_VIEW = 8,
};

/**
 * struct nyx_event_fault - an access that was refused
 * @sbdf: the device
 * @pasid: its PASID, or NYX_PASID_NONE
 * @domain_id: its domain, or 0
 * @cause: of enum nyx_fault_cause
 * @length: bytes of the access that were left, from the refused one on
 * @fault: where and why
 * @since_ns: NYX_CAUSE_UNMAPPED: how long ago that was, in ns. This and the next three
 *            have one place, which is 0 if the cause has none of them
 * @bytes: NYX_CAUSE_PAST_END: distance from the end of the mapping: 0 right behind it
 * @prot: NYX_CAUSE_PERMISSION: what is granted, of enum nyx_prot
 * @gpa: NYX_CAUSE_MEMORY: what it is mapped to
 * @count: faults of the device that the record stands for: this one, and those
 *         before it that were not recorded one by one
 */
struct nyx_event_fault {
	__u32 sbdf;
	__u32 pasid;
	__u32 domain_id;
	__u32 cause;
	__aligned_u64 length;
	struct nyx_fault fault;
	union {
		__aligned_u64 since_ns;
		__aligned_u64 bytes;
		__aligned_u64 prot;
		__aligned_u64 gpa;
	};
	__aligned_u64 count;
};

/**
 * struct nyx_event_irq_fault - an interrupt that was refused
 * @sbdf: the device
 * @reason: of enum nyx_fault_reason
 * @index: index of the entry, if there is one, or 0xffffffff
 * @data: data of the message
 * @address: address of the message
 * @count: as in struct nyx_event_fault
 * @vendor: as in struct nyx_fault
 * @__reserved: 0
 */
struct nyx_event_irq_fault {
	__u32 sbdf;
	__u32 reason;
	__u32 index;
	__u32 data;
	__aligned_u64 address;
	__aligned_u64 count;
	__u32 vendor;
	__u32 __reserved;
};

/**
 * enum nyx_state_cause - why a device's state changes
 * @NYX_STATE_BY_FAULTS: the threshold of its policy was reached
 * @NYX_STATE_BY_TIME: the time in its state is over
 * @NYX_STATE_BY_COMMAND: NYX_DEVICE_CONTROL
 * @NYX_STATE_WOULD: the threshold was reached, and the policy only observes
 * @NYX_STATE_BY_CHANGES: a change stream that follows the device, or its domain, was late, or
 *                        had more maps than it may have
 * @NYX_STATE_BY_VIEW: a view that held up a command in the name of the device was cut
 *                     off
 */
enum nyx_state_cause {
	NYX_STATE_BY_FAULTS = 0,
	NYX_STATE_BY_TIME = 1,
	NYX_STATE_BY_COMMAND = 2,
	NYX_STATE_WOULD = 3,
	NYX_STATE_BY_VIEW = 4,
	NYX_STATE_BY_CHANGES = 5,
};

#define NYX_SAMPLES_MAX	5u

/**
 * struct nyx_fault_sample - faults that look alike, and led to a change of state
 * @address: address of the first of them: an IOVA, or that of a message
 * @ago_ms: how long before the change the last of them was
 * @reason: of enum nyx_fault_reason
 * @access: of enum nyx_prot
 * @count: faults with this reason and access in the page of @address, at most
 *         65535
 */
struct nyx_fault_sample {
	__aligned_u64 address;
	__u32 ago_ms;
	__u8 reason;
	__u8 access;
	__u16 count;
};

/**
 * struct nyx_event_state - a device's state has changed, or would have
 * @sbdf: the device
 * @old_state: of enum nyx_device_state
 * @new_state: of enum nyx_device_state
 * @cause: of enum nyx_state_cause
 * @nr_samples: how many of @samples are filled in
 * @score: weight of the faults within the window
 * @tries: times that it was quarantined since it was last active for good
 * @next_ns: CLOCK_BOOTTIME of the next change by itself, or 0
 * @samples: the faults, latest first
 */
struct nyx_event_state {
	__u32 sbdf;
	__u8 old_state;
	__u8 new_state;
	__u8 cause;
	__u8 nr_samples;
	__u32 score;
	__u32 tries;
	__aligned_u64 next_ns;
	struct nyx_fault_sample samples[NYX_SAMPLES_MAX];
};

/**
 * struct nyx_event_irte - interrupt remapping has changed
 * @index: first entry
 * @nr: how many; all, if the mode has changed
 * @sbdf: NYX_MODEL_AMDVI: the device whose table it is, or NYX_SBDF_ANY: all
 *        devices' tables; otherwise NYX_SBDF_ANY
 * @__reserved: 0
 */
struct nyx_event_irte {
	__u32 index;
	__u32 nr;
	__u32 sbdf;
	__u32 __reserved;
};

/**
 * enum nyx_msi_flags - flags of struct nyx_event_msi
 * @NYX_MSI_F_FUNCTION: the message is that of the MSI capability of the unit's
 *                      PCI function, which only the VMM knows: it sends it if the
 *                      guest has enabled it; @address and @data are 0
 */
enum nyx_msi_flags {
	NYX_MSI_F_FUNCTION = 1 << 0,
};

/**
 * struct nyx_event_msi - an interrupt of the unit itself
 * @address: of the message, as the guest has programmed it: bits 31:8 of a
 *           32-bit destination are in bits 63:40
 * @data: of the message
 * @flags: of enum nyx_msi_flags
 *
 * VT-d programs the messages in registers of the unit, AMD-Vi likewise with
 * CONTROL.IntCapXTEn; without it NYX_MSI_F_FUNCTION is set.
 */
struct nyx_event_msi {
	__aligned_u64 address;
	__u32 data;
	__u32 flags;
};

/**
 * struct nyx_event_page - a page request, or the answer to a group
 * @sbdf: the device
 * @pasid: its PASID, or NYX_PASID_NONE
 * @domain_id: its domain
 * @group: the group
 * @iova: first IOVA of the page
 * @access: of enum nyx_prot
 * @nr: pages of the group
 * @index: which of them
 * @response: NYX_EVENT_PAGE_RESPONSE: of enum nyx_page_response
 */
struct nyx_event_page {
	__u32 sbdf;
	__u32 pasid;
	__u32 domain_id;
	__u32 group;
	__aligned_u64 iova;
	__u32 access;
	__u32 nr;
	__u32 index;
	__u32 response;
};

/**
 * enum nyx_view_part - what held up a command
 * @NYX_VIEW_SLOT: a section
 * @NYX_VIEW_HOLD: a hold
 */
enum nyx_view_part {
	NYX_VIEW_SLOT = 0,
	NYX_VIEW_HOLD = 1,
};

/**
 * struct nyx_event_view - a view was cut off
 * @view_id: the view
 * @pid: its process, in the process namespace in which the unit was made, or 0
 * @name: name of the process, NUL-terminated
 * @part: of enum nyx_view_part: what the command waited for; one of several
 * @index: index of the slot or hold
 * @sbdf: the device that it named, or NYX_SBDF_ANY: none. All devices that sections and holds
 *        of the view name are quarantined
 * @pasid: its PASID, or NYX_PASID_NONE
 * @domain_id: the domain that the hold is of, or 0: it is a section, which is of none
 * @__reserved: 0
 * @iova: the hold's first IOVA
 * @last: its last IOVA
 */
struct nyx_event_view {
	__u32 view_id;
	__u32 pid;
	__u8 name[16];
	__u32 part;
	__u32 index;
	__u32 sbdf;
	__u32 pasid;
	__u32 domain_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 last;
};

/**
 * struct nyx_event - record of the event stream, 128 bytes
 * @type: of enum nyx_event_type
 * @flags: 0
 * @seq: number of the record in the unit, from 0; for NYX_EVENT_LOST, of the
 *       first record that is missing
 * @time_ns: CLOCK_BOOTTIME
 * @lost: NYX_EVENT_LOST: number of records that are missing
 * @fault: NYX_EVENT_FAULT
 * @irq_fault: NYX_EVENT_IRQ_FAULT
 * @state: NYX_EVENT_DEVICE_STATE
 * @irte: NYX_EVENT_IRTE
 * @page: NYX_EVENT_PAGE_REQUEST, NYX_EVENT_PAGE_RESPONSE
 * @msi: NYX_EVENT_MSI
 * @view: NYX_EVENT_VIEW
 */
struct nyx_event {
	__u32 type;
	__u32 flags;
	__aligned_u64 seq;
	__aligned_u64 time_ns;
	union {
		__aligned_u64 lost;
		struct nyx_event_fault fault;
		struct nyx_event_irq_fault irq_fault;
		struct nyx_event_state state;
		struct nyx_event_irte irte;
		struct nyx_event_page page;
		struct nyx_event_msi msi;
		struct nyx_event_view view;
		/* private: */
		__aligned_u64 __pad[13];
	};
};

#endif /* _UAPI_LINUX_NYX_IOMMU_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: obstacles to passing a PCI device of this host to a guest by VFIO.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * vfio_check() draws conclusions from a struct vfio_host. It reads no file and makes no
 * system call; vfio_host.c collects the facts.
 */
#ifndef NYXCTL_VFIO_CHECK_H
#define NYXCTL_VFIO_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VFIO_NAME_LEN = 64,	/* of a driver, a device, a type of region; with the NUL */
	VFIO_MAX_MEMBERS = 256,
	VFIO_MAX_REGIONS = 128,
	VFIO_MAX_COMMANDS = 4,
	VFIO_COMMAND_LEN = 192,
};

#define VFIO_UNLIMITED	UINT64_MAX

/* Memory of a guest of nyx-vmm without --memory: MEMORY_DEFAULT of nyx-vmm/options.c */
#define VFIO_MEMORY_DEFAULT	(UINT64_C(256) << 20)

/**
 * struct vfio_member - a device of an IOMMU group
 * @name: of the device on its bus
 * @driver: bound to it, or empty
 * @override: driver_override, or empty
 * @class_code: 24 bits; 0: not a PCI device, or not to be read
 * @is_pci: on the PCI bus
 */
struct vfio_member {
	char name[VFIO_NAME_LEN];
	char driver[VFIO_NAME_LEN];
	char override[VFIO_NAME_LEN];
	uint32_t class_code;
	bool is_pci;
};

/**
 * struct vfio_region - IOVAs that a device of the group cannot be given
 * @first: the first address
 * @last: the last one
 * @type: of the kernel: direct, direct-relaxable, reserved, msi
 */
struct vfio_region {
	uint64_t first;
	uint64_t last;
	char type[VFIO_NAME_LEN];
};

enum vfio_module { VFIO_CORE, VFIO_TYPE1, VFIO_PCI, VFIO_NR_MODULES };

enum vfio_module_state {
	VFIO_MODULE_PRESENT,	/* loaded or built in */
	VFIO_MODULE_LOADABLE,
	VFIO_MODULE_UNKNOWN,	/* not loaded; nothing tells if it can be */
	VFIO_MODULE_NONE,	/* the kernel was built without */
};

enum vfio_vendor { VFIO_CPU_OTHER, VFIO_CPU_INTEL, VFIO_CPU_AMD };

enum vfio_remapping {
	VFIO_IR_UNKNOWN,
	VFIO_IR_ON,
	VFIO_IR_OFF,		/* interrupts of an x86 that pass no remapping */
};

/**
 * struct vfio_host - facts about a device and its host
 * @self: the device
 * @vendor: its vendor ID
 * @product: its device ID
 * @ids_known: both were read
 * @boot_vga: the firmware's display
 * @pf: the physical function of a virtual one, or empty
 * @pf_driver: bound to that, or empty
 * @resets: methods, separated by blanks, or empty
 * @can_reset: the kernel knows a method, named in @resets or not
 * @group: number of its IOMMU group, or -1
 * @noiommu: the group is one of VFIO's no-IOMMU mode
 * @group_type: type of the group's domain, or empty
 * @nr_groups: IOMMU groups of the host
 * @members_err: of reading the members, a negative errno or 0
 * @nr_members: other devices of the group
 * @members: these
 * @odd_members: names that the kernel would not give
 * @regions_err: of reading the reserved regions
 * @nr_regions: reserved regions
 * @regions: these
 * @odd_regions: lines that were not understood
 * @cpu: vendor of the processor
 * @firmware: the firmware describes an IOMMU (DMAR or IVRS)
 * @off_word: the word of the kernel command line that switches the IOMMU off, or empty
 * @asked: the kernel command line switches it on
 * @remapping: of interrupts
 * @allow_unsafe: parameter allow_unsafe_interrupts of vfio_iommu_type1
 * @iommufd: the kernel has iommufd, which may make /dev/vfio/vfio in the place of VFIO
 * @iommufd_unsafe: parameter allow_unsafe_interrupts of iommufd
 * @modules: by enum vfio_module
 * @limits_known: the three below were read
 * @memlock_soft: RLIMIT_MEMLOCK in bytes, or VFIO_UNLIMITED
 * @memlock_hard: up to which a process may raise that
 * @ipc_lock: the caller has CAP_IPC_LOCK in the first user namespace, so that no limit
 *	concerns it
 * @uid: the effective user ID of the caller
 * @container_err: of access to /dev/vfio/vfio
 * @node_err: of access to /dev/vfio/GROUP
 */
struct vfio_host {
	struct vfio_member self;
	uint32_t vendor;
	uint32_t product;
	bool ids_known;
	bool boot_vga;
	char pf[VFIO_NAME_LEN];
	char pf_driver[VFIO_NAME_LEN];
	char resets[VFIO_NAME_LEN];
	bool can_reset;
	int group;
	bool noiommu;
	char group_type[VFIO_NAME_LEN];
	unsigned int nr_groups;
	int members_err;
	unsigned int nr_members;
	struct vfio_member members[VFIO_MAX_MEMBERS];
	unsigned int odd_members;
	int regions_err;
	unsigned int nr_regions;
	struct vfio_region regions[VFIO_MAX_REGIONS];
	unsigned int odd_regions;
	enum vfio_vendor cpu;
	bool firmware;
	char off_word[VFIO_NAME_LEN];
	bool asked;
	enum vfio_remapping remapping;
	bool allow_unsafe;
	bool iommufd;
	bool iommufd_unsafe;
	enum vfio_module_state modules[VFIO_NR_MODULES];
	bool limits_known;
	uint64_t memlock_soft;
	uint64_t memlock_hard;
	bool ipc_lock;
	uint32_t uid;
	int container_err;
	int node_err;
};

enum vfio_status {
	VFIO_OK,
	VFIO_NOTE,		/* does not stand in the way, but is worth knowing */
	VFIO_UNKNOWN,		/* the host did not tell */
	VFIO_BLOCKS,
};

/**
 * struct vfio_finding - a result
 * @check: the check
 * @subject: whatever was checked: a device, a module, a group, a range
 * @status: the result
 * @found: the fact
 * @advice: what to do about it, or empty
 * @nr_commands: how many commands do it
 * @commands: for a shell of root, one after the other
 */
struct vfio_finding {
	const char *check;
	char subject[VFIO_NAME_LEN];
	enum vfio_status status;
	char found[192];
	char advice[384];
	unsigned int nr_commands;
	char commands[VFIO_MAX_COMMANDS][VFIO_COMMAND_LEN];
};

/*
 * Call @report for each finding, in the order in which the commands are to be run. @memory:
 * bytes of guest memory that are to be locked, 0: not said, and so VFIO_MEMORY_DEFAULT.
 */
void vfio_check(const struct vfio_host *host, uint64_t memory,
		void (*report)(const struct vfio_finding *finding, void *arg), void *arg);

/* A name that the kernel gives to devices and drivers, and that a shell takes as it is. */
bool vfio_name_is_plain(const char *name);

const char *vfio_module_name(enum vfio_module module);

#endif /* NYXCTL_VFIO_CHECK_H */

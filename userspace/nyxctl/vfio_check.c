// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: obstacles to passing a PCI device of this host to a guest by VFIO.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The rules are those of the kernel's drivers/vfio and drivers/iommu:
 *
 *   - VFIO takes a group only if none of its devices has a driver that does DMA of its own;
 *     vfio-pci and its variants, pci-stub and pcieport do none. The latter drives Root Complex
 *     Event Collectors, too.
 *   - The type 1 back end wants interrupts isolated by the IOMMU, or allow_unsafe_interrupts.
 *   - A region of type "direct" has to be mapped at all times, which no guest can promise, so
 *     the kernel refuses to hand the device out; "direct-relaxable" concerns the host only.
 *   - Nothing can be mapped in a region, but in one of type "direct-relaxable".
 *   - Pinned memory counts against RLIMIT_MEMLOCK of a process without CAP_IPC_LOCK.
 *   - A virtual function whose physical one is bound to vfio-pci wants a token.
 *
 * and those of nyx-vmm: its mirror refuses a device if the guest may use addresses that the
 * host's IOMMU does not map, and without an IOMMU of the guest it maps the guest's memory.
 *
 * Names of the host stand in commands only if they are plain, see vfio_name_is_plain().
 */
#include "vfio_check.h"
#include "vfio_driver.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLASS_BRIDGE_PCI	0x0604
#define CLASS_BRIDGE_CARDBUS	0x0607
#define CLASS_BRIDGE_SEMI	0x0609

/* Memory of a guest of nyx-vmm: GPA_RAM_LOW_END and GPA_RAM_HIGH of nyx-vmm/vmm.h */
#define RAM_LOW_END	UINT64_C(0xc0000000)
#define RAM_HIGH	UINT64_C(0x100000000)
#define RAM_STEP	(UINT64_C(2) << 20)

#define MSI_FIRST	UINT64_C(0xfee00000)
#define MSI_LAST	UINT64_C(0xfeefffff)
/* HyperTransport's, on hosts and in guests that have AMD's IOMMU */
#define AMD_FIRST	UINT64_C(0xfd00000000)
#define AMD_LAST	UINT64_C(0xffffffffff)
/* Widths of nyx-vmm's IOMMUs: the least, and the default for a device of the host */
#define WIDTH_LEAST	39
#define WIDTH_DEFAULT	48

/* Where findings go. */
struct check {
	const struct vfio_host *host;
	uint64_t memory;
	bool is_default;
	void (*report)(const struct vfio_finding *finding, void *arg);
	void *arg;
};

const char *vfio_module_name(enum vfio_module module)
{
	static const char *const names[VFIO_NR_MODULES] = {
		[VFIO_CORE] = "vfio", [VFIO_TYPE1] = "vfio_iommu_type1", [VFIO_PCI] = "vfio-pci",
	};

	return names[module];
}

bool vfio_name_is_plain(const char *name)
{
	const char *s;

	for (s = name; *s; s++) {
		if (!isascii((unsigned char)*s) ||
		    (!isalnum((unsigned char)*s) && !strchr(":._-+@", *s)))
			return false;
	}
	/* A dash in front would be an option, a dot another folder. */
	return *name && *name != '-' && *name != '.';
}

__attribute__((format(printf, 4, 5)))
static struct vfio_finding begin(const char *check, const char *subject, enum vfio_status status,
				 const char *format, ...)
{
	struct vfio_finding f = { .check = check, .status = status };
	va_list args;

	snprintf(f.subject, sizeof(f.subject), "%s", subject);
	va_start(args, format);
	vsnprintf(f.found, sizeof(f.found), format, args);
	va_end(args);
	return f;
}

__attribute__((format(printf, 2, 3)))
static void advise(struct vfio_finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->advice, sizeof(f->advice), format, args);
	va_end(args);
}

/* A command that does not fit would be another command: it is left out. */
__attribute__((format(printf, 2, 3)))
static void command(struct vfio_finding *f, const char *format, ...)
{
	va_list args;
	int len;

	if (f->nr_commands == VFIO_MAX_COMMANDS)
		return;
	va_start(args, format);
	len = vsnprintf(f->commands[f->nr_commands], VFIO_COMMAND_LEN, format, args);
	va_end(args);
	if (len > 0 && len < VFIO_COMMAND_LEN)
		f->nr_commands++;
}

static void done(const struct check *check, const struct vfio_finding *f)
{
	check->report(f, check->arg);
}

static const char *size_text(char *buf, size_t size, uint64_t bytes)
{
	if (bytes == VFIO_UNLIMITED)
		snprintf(buf, size, "unlimited");
	else if (bytes && !(bytes % (UINT64_C(1) << 20)))
		snprintf(buf, size, "%" PRIu64 "M", bytes >> 20);
	else if (bytes && !(bytes % 1024))
		snprintf(buf, size, "%" PRIu64 "K", bytes >> 10);
	else
		snprintf(buf, size, "%" PRIu64 " bytes", bytes);
	return buf;
}

static bool is_bridge(const struct vfio_member *member)
{
	uint32_t class_code = member->class_code >> 8;

	return class_code == CLASS_BRIDGE_PCI || class_code == CLASS_BRIDGE_CARDBUS ||
	       class_code == CLASS_BRIDGE_SEMI;
}

/* vfio-pci, and drivers of vendors that stand for it, like mlx5_vfio_pci */
static void check_device(const struct check *check)
{
	const struct vfio_host *host = check->host;
	const char *name = host->self.name;
	struct vfio_finding f;

	if (!host->ids_known)
		f = begin("device", name, VFIO_UNKNOWN, "the IDs cannot be read");
	else
		f = begin("device", name, VFIO_OK, "%04x:%04x, class %06x", host->vendor,
			  host->product, host->self.class_code);
	if (is_bridge(&host->self)) {
		f.status = VFIO_BLOCKS;
		advise(&f, "VFIO passes no bridges; pass the devices behind it");
	} else if (host->boot_vga) {
		f.status = VFIO_NOTE;
		advise(&f, "this is the display of the firmware; the host's console goes dark");
	}
	done(check, &f);
}

static void advise_iommu(const struct vfio_host *host, struct vfio_finding *f)
{
	const char *where = "(GRUB_CMDLINE_LINUX of /etc/default/grub), then update the boot loader's configuration (Debian: update-grub)";

	if (*host->off_word)
		advise(f, "the kernel was booted with %s; remove that %s and boot again",
		       host->off_word, where);
	else if (host->nr_groups)
		advise(f, "other devices of this host have an IOMMU, this one has none; choose one of those, or another slot");
	else if (!host->firmware)
		advise(f, "the firmware describes no IOMMU; switch it on in the firmware's set-up (Intel: VT-d, AMD: IOMMU or AMD-Vi); in a virtual machine, give it one");
	else if (host->asked)
		advise(f, "the kernel was booted with intel_iommu=on, but uses no IOMMU; 'dmesg | grep DMAR' may say why");
	else if (host->cpu == VFIO_CPU_INTEL)
		advise(f, "boot the kernel with intel_iommu=on %s", where);
	else if (host->cpu == VFIO_CPU_AMD)
		advise(f, "the kernel leaves the AMD IOMMU off although nothing switches it off; 'dmesg | grep AMD-Vi' may say why");
	else
		advise(f, "the kernel does not use the IOMMU; it needs a driver for it");
}

static void check_iommu(const struct check *check)
{
	const struct vfio_host *host = check->host;
	struct vfio_finding f;
	char subject[32];

	if (host->group < 0 || host->noiommu) {
		f = begin("iommu", "", VFIO_BLOCKS, "%s", host->noiommu ?
			  "no-IOMMU mode of VFIO: the device's DMA would reach all memory" :
			  host->nr_groups ? "the device is in no IOMMU group" :
			  "this host has no IOMMU, or the kernel does not use it");
		advise_iommu(host, &f);
		done(check, &f);
		return;
	}
	snprintf(subject, sizeof(subject), "group %d", host->group);
	if (host->members_err)
		f = begin("iommu", subject, VFIO_UNKNOWN, "cannot list the devices: %s",
			  strerror(-host->members_err));
	else
		f = begin("iommu", subject, VFIO_OK, "%s%s%u other device%s", host->group_type,
			  *host->group_type ? ", " : "", host->nr_members,
			  host->nr_members == 1 ? "" : "s");
	if (host->odd_members) {
		f.status = VFIO_UNKNOWN;
		advise(&f, "%u more device%s could not be looked at; see /sys/kernel/iommu_groups/%d/devices",
		       host->odd_members, host->odd_members == 1 ? "" : "s", host->group);
	}
	done(check, &f);
}

static bool does_no_dma(const struct vfio_member *member)
{
	return !*member->driver || vfio_driver_is_harmless(member->driver);
}

/* A kernel without VFIO's containers, where iommufd makes /dev/vfio/vfio */
static bool is_by_iommufd(const struct vfio_host *host)
{
	enum vfio_module_state type1 = host->modules[VFIO_TYPE1];

	return (type1 == VFIO_MODULE_NONE || type1 == VFIO_MODULE_UNKNOWN) && host->iommufd &&
	       host->container_err != -ENOENT;
}

/* The variants of vfio-pci do without it: it matters if anything is to be bound to it. */
static bool wants_vfio_pci(const struct vfio_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_members; i++) {
		if (!does_no_dma(&host->members[i]))
			return true;
	}
	return !vfio_driver_is_own(host->self.driver);
}

static void check_module(const struct check *check, enum vfio_module module)
{
	const struct vfio_host *host = check->host;
	const char *name = vfio_module_name(module);
	struct vfio_finding f;

	if (module == VFIO_PCI && host->modules[module] != VFIO_MODULE_PRESENT &&
	    !wants_vfio_pci(host))
		return;
	if (module == VFIO_TYPE1 && is_by_iommufd(host)) {
		f = begin("module", name, VFIO_NOTE, "not there; iommufd makes /dev/vfio/vfio");
		done(check, &f);
		return;
	}
	switch (host->modules[module]) {
	case VFIO_MODULE_PRESENT:
		f = begin("module", name, VFIO_OK, "loaded or built in");
		break;
	case VFIO_MODULE_NONE:
		f = begin("module", name, VFIO_BLOCKS, "the kernel was built without it");
		advise(&f, "boot a kernel with CONFIG_VFIO_PCI and CONFIG_VFIO_IOMMU_TYPE1");
		break;
	default:
		f = begin("module", name, VFIO_BLOCKS, "not loaded");
		advise(&f, "load it");
		command(&f, "modprobe %s", name);
		break;
	}
	done(check, &f);
}

/* Bind a PCI device to vfio-pci, whatever is bound to it. */
static void command_rebind(struct vfio_finding *f, const struct vfio_member *member)
{
	if (strcmp(member->override, "vfio-pci"))
		command(f, "echo vfio-pci >/sys/bus/pci/devices/%s/driver_override", member->name);
	if (*member->driver)
		command(f, "echo %s >/sys/bus/pci/devices/%s/driver/unbind", member->name,
			member->name);
	command(f, "echo %s >/sys/bus/pci/drivers_probe", member->name);
}

static void check_driver(const struct check *check)
{
	const struct vfio_member *self = &check->host->self;
	struct vfio_finding f;

	if (is_bridge(self))
		return;
	if (vfio_driver_is_own(self->driver)) {
		f = begin("driver", self->name, VFIO_OK, "bound to %s", self->driver);
	} else if (*self->driver) {
		f = begin("driver", self->name, VFIO_BLOCKS, "bound to %s", self->driver);
		advise(&f, "bind it to vfio-pci; the host no longer uses the device then");
		command_rebind(&f, self);
	} else {
		f = begin("driver", self->name, VFIO_BLOCKS, "bound to no driver");
		advise(&f, "bind it to vfio-pci");
		command_rebind(&f, self);
	}
	done(check, &f);
}

static void check_token(const struct check *check)
{
	const struct vfio_host *host = check->host;
	struct vfio_finding f;

	if (strcmp(host->pf_driver, "vfio-pci"))
		return;
	f = begin("token", host->self.name, VFIO_BLOCKS,
		  "the physical function %s is bound to vfio-pci", host->pf);
	advise(&f, "VFIO wants a token for the virtual function then, which nyx-vmm does not give; bind the physical function to the host's driver for it");
	done(check, &f);
}

/* The other devices of the group: VFIO wants their drivers to keep still. */
static void check_member(const struct check *check, const struct vfio_member *member)
{
	const char *kind = is_bridge(member) ? "bridge, " : "";
	struct vfio_finding f;

	if (does_no_dma(member)) {
		f = begin("member", member->name, VFIO_OK, "%s%s%s", kind,
			  *member->driver ? "bound to " : "bound to no driver", member->driver);
		done(check, &f);
		return;
	}
	f = begin("member", member->name, VFIO_BLOCKS, "%sbound to %s", kind, member->driver);
	if (member->is_pci && !is_bridge(member)) {
		advise(&f, "the hardware does not keep it apart from the device: bind it to vfio-pci, too, or move one of them to a slot whose ports have ACS");
		command_rebind(&f, member);
	} else {
		advise(&f, "the hardware does not keep it apart from the device: take its driver away");
		command(&f, "echo %s >/sys/kernel/iommu_groups/%d/devices/%s/driver/unbind",
			member->name, check->host->group, member->name);
	}
	done(check, &f);
}

static bool is_within(const struct vfio_region *region, uint64_t first, uint64_t last)
{
	return region->first >= first && region->last <= last;
}

/* Is any of the region the guest's memory? */
static bool has_ram(const struct vfio_region *region, uint64_t memory)
{
	if (memory <= RAM_LOW_END)
		return region->first < memory;
	return region->first < RAM_LOW_END ||
	       (region->last >= RAM_HIGH && region->first < memory - RAM_LOW_END + RAM_HIGH);
}

/* How much memory a guest may have that has none in the region */
static uint64_t most_ram(const struct vfio_region *region)
{
	uint64_t most = region->first < RAM_LOW_END ? region->first :
			region->first < RAM_HIGH ? RAM_LOW_END :
			region->first - RAM_HIGH + RAM_LOW_END;

	return most - most % RAM_STEP;
}

/* The consequence of a region for the IOMMU of the guest; empty: none */
static const char *iommu_advice(const struct vfio_region *region)
{
	if (is_within(region, MSI_FIRST, MSI_LAST) || region->first >> WIDTH_DEFAULT)
		return "";
	if (is_within(region, AMD_FIRST, AMD_LAST))
		return "with --iommu vtd, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39 or --iommu amdvi";
	if (region->first >> WIDTH_LEAST)
		return "with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39";
	return "with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device";
}

static void check_reserved(const struct check *check, const struct vfio_region *region,
			   const char *range)
{
	const char *iommu = iommu_advice(region);
	struct vfio_finding f;
	char most[32];

	if (!has_ram(region, check->memory)) {
		f = begin("region", range, VFIO_NOTE, "%s: nothing can be mapped there",
			  region->type);
		advise(&f, "%s", iommu);
	} else {
		f = begin("region", range, VFIO_BLOCKS, "%s: the guest's memory is there",
			  region->type);
		if (most_ram(region))
			advise(&f, "with --iommu none, give the guest at most %s of memory%s%s",
			       size_text(most, sizeof(most), most_ram(region)),
			       *iommu ? "; " : "", iommu);
		else
			advise(&f, "VFIO cannot give the guest its first memory%s%s",
			       *iommu ? "; " : "", iommu);
	}
	done(check, &f);
}

static void check_region(const struct check *check, const struct vfio_region *region)
{
	struct vfio_finding f;
	char range[48];

	snprintf(range, sizeof(range), "0x%" PRIx64 "-0x%" PRIx64, region->first, region->last);
	if (!strcmp(region->type, "direct")) {
		f = begin("region", range, VFIO_BLOCKS,
			  "direct: the firmware uses the device there, at all times");
		advise(&f, "the kernel hands out no such device; the firmware's set-up may end that use (USB legacy support, management controller)");
	} else if (!strcmp(region->type, "direct-relaxable")) {
		f = begin("region", range, VFIO_OK, "direct, until the guest has the device");
	} else if (!strcmp(region->type, "msi") && is_within(region, MSI_FIRST, MSI_LAST)) {
		f = begin("region", range, VFIO_OK, "MSI window: nothing can be mapped there");
	} else {
		check_reserved(check, region, range);
		return;
	}
	done(check, &f);
}

static void check_regions(const struct check *check)
{
	const struct vfio_host *host = check->host;
	struct vfio_finding f;
	unsigned int i;

	for (i = 0; i < host->nr_regions; i++)
		check_region(check, &host->regions[i]);
	if (!host->regions_err && !host->odd_regions)
		return;
	if (host->regions_err)
		f = begin("region", "", VFIO_UNKNOWN, "cannot read the reserved regions: %s",
			  strerror(-host->regions_err));
	else
		f = begin("region", "", VFIO_UNKNOWN, "%u line%s not understood",
			  host->odd_regions, host->odd_regions == 1 ? " was" : "s were");
	advise(&f, "see /sys/kernel/iommu_groups/%d/reserved_regions", host->group);
	done(check, &f);
}

static void check_interrupts(const struct check *check)
{
	const struct vfio_host *host = check->host;
	bool by_iommufd = is_by_iommufd(host);
	bool unsafe = by_iommufd ? host->iommufd_unsafe : host->allow_unsafe;
	struct vfio_finding f;

	switch (host->remapping) {
	case VFIO_IR_ON:
		f = begin("interrupts", "", VFIO_OK, "remapped or isolated");
		break;
	case VFIO_IR_UNKNOWN:
		f = begin("interrupts", "", unsafe ? VFIO_NOTE : VFIO_UNKNOWN,
			  "nothing tells whether they are isolated");
		if (!unsafe)
			advise(&f, "if they are not, VFIO refuses the device when it is opened");
		break;
	default:
		f = begin("interrupts", "", unsafe ? VFIO_NOTE : VFIO_BLOCKS,
			  "not remapped%s", unsafe ?
			  "; allowed by allow_unsafe_interrupts" : "");
		advise(&f, "a guest can send any interrupt of the host. Switch interrupt remapping on (firmware's set-up; no intremap=off on the kernel's command line)%s%s%s",
		       unsafe ? "" : ", or, for a guest that you trust, echo Y >/sys/module/",
		       unsafe ? "" : by_iommufd ? "iommufd" : vfio_module_name(VFIO_TYPE1),
		       unsafe ? "" : "/parameters/allow_unsafe_interrupts");
		break;
	}
	done(check, &f);
}

/* root has limits and permissions of its own, which say nothing about a VMM of another user. */
static void check_user(const struct check *check)
{
	struct vfio_finding f;

	if (check->host->uid)
		return;
	f = begin("user", "uid 0", VFIO_NOTE, "limits and permissions are those of root");
	advise(&f, "if another user is to run the VMM, check as that user");
	done(check, &f);
}

static void check_memlock(const struct check *check)
{
	const struct vfio_host *host = check->host;
	const char *whose = check->is_default ? " (nyx-vmm's default)" : "";
	char soft[32], want[32];
	struct vfio_finding f;

	size_text(soft, sizeof(soft), host->memlock_soft);
	size_text(want, sizeof(want), check->memory);
	if (!host->limits_known) {
		f = begin("memlock", "", VFIO_UNKNOWN, "the limit cannot be read");
		advise(&f, "see 'ulimit -l'; all memory that the guest maps is locked");
	} else if (host->ipc_lock || host->memlock_soft == VFIO_UNLIMITED) {
		f = begin("memlock", "", VFIO_OK, "%s", host->ipc_lock ?
			  "no limit concerns you (CAP_IPC_LOCK)" : "unlimited");
	} else if (host->memlock_soft >= check->memory) {
		f = begin("memlock", "", VFIO_OK, "%s%s of %s, if nothing else is locked", want,
			  whose, soft);
	} else {
		f = begin("memlock", "", VFIO_BLOCKS, "at most %s of %s%s", soft, want, whose);
		if (host->memlock_hard >= check->memory) {
			advise(&f, "raise the limit in the shell that starts the VMM");
			command(&f, "ulimit -l %" PRIu64, (check->memory - 1) / 1024 + 1);
		} else {
			advise(&f, "raise the limit in the shell that starts the VMM; for good, by a line 'USER - memlock KIB' in /etc/security/limits.conf");
			command(&f, "sudo prlimit --memlock=%" PRIu64 " --pid $$", check->memory);
		}
	}
	done(check, &f);
}

/* @expected: what makes the node has been done */
static void check_node(const struct check *check, const char *path, int err, bool expected)
{
	struct vfio_finding f;

	switch (-err) {
	case 0:
		f = begin("node", path, VFIO_OK, "can be opened");
		break;
	case ENOENT:
		f = begin("node", path, expected ? VFIO_BLOCKS : VFIO_NOTE, "not there%s",
			  expected ? "" : " yet");
		advise(&f, "%s", expected ? "in a container, give it that node" :
		       "it appears when what is above has been done; check again then");
		break;
	case EPERM:
		f = begin("node", path, VFIO_BLOCKS, "a device cgroup forbids it");
		advise(&f, "allow the device in the container's device rules");
		break;
	case EACCES:
		f = begin("node", path, VFIO_BLOCKS, "you may not open it");
		advise(&f, "give it to the user that runs the VMM; you, if you do");
		command(&f, "chown %u %s", check->host->uid, path);
		break;
	default:
		f = begin("node", path, VFIO_UNKNOWN, "cannot be looked at: %s", strerror(-err));
		break;
	}
	done(check, &f);
}

static void check_nodes(const struct check *check)
{
	const struct vfio_host *host = check->host;
	char path[32];

	check_node(check, "/dev/vfio/vfio", host->container_err,
		   host->modules[VFIO_CORE] == VFIO_MODULE_PRESENT);
	if (host->group < 0 || host->noiommu)
		return;
	snprintf(path, sizeof(path), "/dev/vfio/%d", host->group);
	check_node(check, path, host->node_err, vfio_driver_is_own(host->self.driver));
}

static void check_reset(const struct check *check)
{
	const struct vfio_host *host = check->host;
	struct vfio_finding f;

	if (!host->can_reset) {
		f = begin("reset", host->self.name, VFIO_NOTE, "the kernel knows no way to reset it");
		advise(&f, "a guest may find the device as the one before has left it");
	} else {
		f = begin("reset", host->self.name, VFIO_OK, "by %s",
			  *host->resets ? host->resets : "a method of the kernel");
	}
	done(check, &f);
}

void vfio_check(const struct vfio_host *host, uint64_t memory,
		void (*report)(const struct vfio_finding *finding, void *arg), void *arg)
{
	const struct check check = {
		.host = host, .memory = memory ? memory : VFIO_MEMORY_DEFAULT,
		.is_default = !memory, .report = report, .arg = arg,
	};
	unsigned int i;

	check_device(&check);
	check_iommu(&check);
	for (i = 0; i < VFIO_NR_MODULES; i++)
		check_module(&check, (enum vfio_module)i);
	check_driver(&check);
	check_token(&check);
	for (i = 0; i < host->nr_members; i++)
		check_member(&check, &host->members[i]);
	if (host->group >= 0 && !host->noiommu)
		check_regions(&check);
	check_interrupts(&check);
	check_user(&check);
	check_memlock(&check);
	check_nodes(&check);
	check_reset(&check);
}

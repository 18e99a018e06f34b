// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the command line.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <linux/nyx_iommu.h>

#include "hotplug.h"
#include "number.h"
#include "vfio.h"
#include "vmm.h"

#define MEMORY_DEFAULT	(256 * MIB)
#define MEMORY_MIN	(32 * MIB)
#define MEMORY_MAX	(UINT64_C(1) << 39)
#define EDU_DMA_MASK	0x0fffffff
#define MAX_CPU_STEP	32767

static const char help[] =
"usage: nyx-vmm --kernel FILE [OPTION]...\n"
"       nyx-vmm ctl SOCKET COMMAND...\n"
"\n"
"Run a virtual machine under KVM. Its serial port is standard input and output.\n"
"\n"
"  --kernel FILE         a Linux bzImage, or an ELF file for PVH or Multiboot\n"
"  --initrd FILE         initial RAM disk\n"
"  --append STRING       kernel command line\n"
"  --module 'FILE[ STRING]'\n"
"                        a module for an ELF file, with a command line; repeatable.\n"
"                        --initrd counts as the last module\n"
"  --cpus N[,step=STEP]  processors (default: 1), and the distance of their APIC ids\n"
"                        (default: 1). Ids above 254 need an IOMMU that remaps\n"
"                        interrupts in x2APIC mode\n"
"  --memory SIZE         memory (default: 256M)\n"
"  --disk FILE[,readonly][,queues=N]\n"
"                        a virtio disk; repeatable. It has N queues, each with a thread\n"
"                        (default: one for each processor, at most 16)\n"
"  --net tap=NAME[,vhost]\n"
"                        a virtio network card on an existing tap interface. With vhost,\n"
"                        the kernel serves its queues\n"
"  --net vhost-user=SOCKET[,dpdk=on|off|auto]\n"
"                        or one that another program serves, by the vhost-user protocol.\n"
"                        With dpdk, it is a program with DPDK's library (default: auto,\n"
"                        by the features that it offers)\n"
"  --net socket=FD       or on a datagram socket, one frame per datagram; repeatable\n"
"  --rng                 a virtio source of random numbers\n"
"  --device edu[,dma-mask=MASK]\n"
"                        QEMU's educational device, which reaches the addresses of\n"
"                        MASK by DMA (default: 0xfffffff)\n"
"  --vfio BDF[,isolation=strict|shared]\n"
"                        a PCI device of this machine, like 0000:00:05.0, by VFIO;\n"
"                        repeatable. With shared, devices share an address space of this\n"
"                        machine's IOMMU (default: strict)\n"
"  --vfio-user SOCKET[,memory=shared|messages]\n"
"                        a PCI device that another process serves at a Unix socket;\n"
"                        repeatable. With shared it gets the file of the guest's memory,\n"
"                        with messages it asks for each access (default: shared)\n"
"  --device hpet         a high precision event timer\n"
"  --device testdev      QEMU's pc-testdev, which kvm-unit-tests uses\n"
"  --iommu none[,copy]   no IOMMU. With copy, devices copy instead of mapping memory\n"
"  --iommu vtd[,OPTION]...\n"
"                        Intel VT-d, by the Nyx module. Options: width=39|48 (default:\n"
"                        48), caching-mode, xapic (no x2APIC), small-pages (4K only),\n"
"                        ioapic-any-source (entries of the IOAPIC may name any\n"
"                        source), quarantine (stop devices with too many faults),\n"
"                        shared (other programs of the user, like nyxctl, may open\n"
"                        the unit), copy (the module makes each access)\n"
"  --iommu amdvi[,OPTION]...\n"
"                        AMD-Vi, by the Nyx module. Options: width=48|57|64 (default:\n"
"                        64), np-cache (the guest also reports new mappings), xapic\n"
"                        (no x2APIC), small-irtes (interrupt entries of 32 bits,\n"
"                        without x2APIC), guest-apic (they can name a guest's\n"
"                        APIC), quarantine, shared, copy\n"
"  --name NAME           the name of the IOMMU's unit, for nyxctl (default: none)\n"
"  --hotplug-slots N     PCI Express slots, up to 16, for devices that come while the\n"
"                        machine runs (default: 0)\n"
"  --plug '[slot=N,][ID=]DEVICE'\n"
"                        a device in such a slot from the start; repeatable. DEVICE is\n"
"                        disk,FILE[,readonly][,queues=N], net,tap=NAME[,vhost],\n"
"                        net,vhost-user=SOCKET[,dpdk=on|off], rng,\n"
"                        edu[,dma-mask=MASK], vfio,BDF[,isolation=shared] or\n"
"                        vfio-user,SOCKET[,memory=messages]. ID is its name (default: its\n"
"                        kind and a number), N its slot (default: the first empty one)\n"
"  --control SOCKET      a Unix socket for nyx-vmm ctl (default: none)\n"
"  --no-reboot           exit on reset (default: reboot)\n"
"  -v, --verbose         print what the IOMMU reports, and whether a program of vhost-user\n"
"                        is taken for DPDK\n"
"  -h, --help            print this help, and exit\n"
"  -V, --version         print the release, and exit\n"
"\n"
"Numbers are decimal, like 64M, 1.5G (powers of 1024) or 64MB (of 1000), or hexadecimal,\n"
"like 0x4000000; see nyxctl(1). On a terminal, Ctrl-A x ends the machine.\n"
"\n"
"Exit status:\n"
"  0   the guest powered off\n"
"  1   something on this machine failed\n"
"  2   the command line is wrong\n"
"  3   KVM is missing or lacks a needed capability\n"
"  4   the guest crashed: a triple fault, or KVM could not go on\n"
"  6   the guest reset the machine, with --no-reboot\n"
"  2V+1   the guest wrote V to port 0xf4, as to QEMU's isa-debug-exit\n"
"  128+N  terminated by signal N\n";

enum {
	OPT_KERNEL = 256, OPT_INITRD, OPT_APPEND, OPT_MODULE, OPT_CPUS, OPT_MEMORY, OPT_DISK,
	OPT_NET, OPT_RNG, OPT_VFIO, OPT_VFIO_USER, OPT_DEVICE, OPT_IOMMU, OPT_NAME,
	OPT_HOTPLUG_SLOTS, OPT_PLUG, OPT_REPLUG, OPT_CONTROL, OPT_NO_REBOOT,
};

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "net", required_argument, NULL, OPT_NET },
	{ "rng", no_argument, NULL, OPT_RNG },
	{ "vfio", required_argument, NULL, OPT_VFIO },
	{ "vfio-user", required_argument, NULL, OPT_VFIO_USER },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "iommu", required_argument, NULL, OPT_IOMMU },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "hotplug-slots", required_argument, NULL, OPT_HOTPLUG_SLOTS },
	{ "plug", required_argument, NULL, OPT_PLUG },
	{ "replug", no_argument, NULL, OPT_REPLUG },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int usage(const char *option, const char *word, const char *hint)
{
	say("%s '%s' is wrong; %s", option, word, hint);
	return STATUS_USAGE;
}

/* The first blank ends the name. */
static int parse_module(struct options *opts, char *word)
{
	char *blank = strchr(word, ' ');

	if (blank == word || !*word)
		return usage("--module", word, "write it like FILE or 'FILE STRING'");
	if (opts->nr_modules == MAX_MODULES)
		return usage("--module", word, "at most 16 are supported");
	if (blank)
		*blank = '\0';
	opts->modules[opts->nr_modules].path = word;
	opts->modules[opts->nr_modules++].words = blank ? blank + 1 : "";
	return -1;
}

/* Other words behind a comma are of the file's name. */
int options_disk(struct options *opts, const char *option, char *word)
{
	uint64_t queues = 0;		/* the default */
	bool readonly = false;
	char *comma;

	for (; (comma = strrchr(word, ',')); *comma = '\0') {
		if (!strcmp(comma, ",readonly"))
			readonly = true;
		else if (strncmp(comma, ",queues=", 8))
			break;
		else if (number_size(comma + 8, &queues) || !queues || queues > MAX_DISK_QUEUES)
			return usage(option, word, "queues must be 1 to 16, like FILE,queues=4");
	}
	if (!*word)
		return usage(option, word, "write it like FILE, FILE,readonly or FILE,queues=4");
	if (opts->nr_disks == MAX_DISKS)
		return usage(option, word, "at most 8 are supported");
	opts->disks[opts->nr_disks].path = word;
	opts->disks[opts->nr_disks].queues = (unsigned int)queues;
	opts->disks[opts->nr_disks++].readonly = readonly;
	return -1;
}

static void default_queues(struct options *opts)
{
	unsigned int i;

	for (i = 0; i < opts->nr_disks; i++) {
		if (!opts->disks[i].queues)
			opts->disks[i].queues = default_disk_queues(opts);
	}
}

bool options_vhost(char *word)
{
	char *comma = strrchr(word, ',');

	if (!comma || strcmp(comma, ",vhost"))
		return false;
	*comma = '\0';
	return true;
}

/* The words of --plug are looked at when the device is made, behind the IOMMU. */
static bool plugs_vhost(const char *words)
{
	size_t len = strlen(words), end = strlen(",vhost");

	return strstr(words, "net,vhost-user=") ||
		(strstr(words, "net,tap=") && len > end && !strcmp(words + len - end, ",vhost"));
}

bool options_reports_maps(const struct options *opts)
{
	bool vhost = false;
	unsigned int i;

	for (i = 0; i < opts->nr_nets; i++)
		vhost |= opts->nets[i].vhost || opts->nets[i].path;
	for (i = 0; i < opts->nr_plugs; i++)
		vhost |= plugs_vhost(opts->plugs[i]);
	return opts->unit.caching_mode || opts->unit.np_cache || opts->has_vfio || vhost;
}

static bool cut_suffix(char *word, const char *suffix)
{
	size_t len = strlen(word), cut = strlen(suffix);

	if (len < cut || strcmp(word + len - cut, suffix))
		return false;
	word[len - cut] = '\0';
	return true;
}

/* A comma elsewhere is of the path. */
int options_vhost_user(const char *option, char *word, enum vhost_dpdk *dpdk)
{
	const char *comma;

	*dpdk = VHOST_DPDK_AUTO;
	if (cut_suffix(word, ",dpdk") || cut_suffix(word, ",dpdk=on"))
		*dpdk = VHOST_DPDK_ON;
	else if (cut_suffix(word, ",dpdk=off"))
		*dpdk = VHOST_DPDK_OFF;
	else
		cut_suffix(word, ",dpdk=auto");
	comma = strrchr(word, ',');
	if (comma && (!strcmp(comma, ",dpdk") || !strncmp(comma, ",dpdk=", 6)))
		return usage(option, word, "dpdk is on, off or auto, once");
	if (!*word)
		return usage(option, word, "write it like SOCKET or SOCKET,dpdk=on");
	return -1;
}

static int parse_net(struct options *opts, char *word)
{
	unsigned int nr = opts->nr_nets;
	uint64_t fd;
	int rc;

	if (nr == MAX_NETS)
		return usage("--net", word, "at most 4 are supported");
	opts->nets[nr].fd = -1;
	opts->nets[nr].vhost = !strncmp(word, "tap=", 4) && options_vhost(word);
	if (!strncmp(word, "tap=", 4) && word[4])
		opts->nets[nr].tap = word + 4;
	else if (!strncmp(word, "vhost-user=", 11))
		opts->nets[nr].path = word + 11;
	else if (!strncmp(word, "socket=", 7) && !number_size(word + 7, &fd) && fd <= INT32_MAX)
		opts->nets[nr].fd = (int)fd;
	else
		return usage("--net", word,
			     "write it like tap=NAME, tap=NAME,vhost, vhost-user=SOCKET or socket=FD");
	rc = opts->nets[nr].path ?
	     options_vhost_user("--net vhost-user", word + 11, &opts->nets[nr].dpdk) : -1;
	if (rc >= 0)
		return rc;
	opts->nr_nets++;
	return -1;
}

/* A comma elsewhere is of the path. */
int options_vfio_user(struct options *opts, const char *option, char *word)
{
	unsigned int nr = opts->nr_vfio_users, i;
	bool messages = cut_suffix(word, ",memory=messages");
	const char *comma;

	if (!messages)
		cut_suffix(word, ",memory=shared");
	comma = strrchr(word, ',');
	if (comma && !strncmp(comma, ",memory=", 8))
		return usage(option, word, "memory is shared or messages");
	if (nr == MAX_VFIOS)
		return usage(option, word, "at most 16 are supported");
	if (!*word || strlen(word) >= VFIO_NAME)
		return usage(option, word,
			     "write it like SOCKET or SOCKET,memory=messages, up to 107 bytes");
	for (i = 0; i < nr; i++) {
		if (!strcmp(opts->vfio_users[i].path, word))
			return usage(option, word, "the guest has it already");
	}
	opts->vfio_users[nr].path = word;
	opts->vfio_users[nr].messages = messages;
	opts->nr_vfio_users++;
	opts->has_vfio = true;
	return -1;
}

int options_vfio(struct options *opts, const char *option, char *word)
{
	unsigned int nr = opts->nr_vfios, i;
	char *comma = strchr(word, ',');
	bool shared = comma && !strcmp(comma, ",isolation=shared"), good;

	if (nr == MAX_VFIOS)
		return usage(option, word, "at most 16 are supported");
	if (comma)
		*comma = '\0';
	good = vfio_name_parse(word, opts->vfios[nr].name, sizeof(opts->vfios[nr].name));
	if (comma)
		*comma = ',';
	if (!good || (comma && !shared && strcmp(comma, ",isolation=strict")))
		return usage(option, word,
			     "write it like 0000:00:05.0 or 0000:00:05.0,isolation=shared");
	for (i = 0; i < nr; i++) {
		if (!strcmp(opts->vfios[i].name, opts->vfios[nr].name))
			return usage(option, word, "the guest has it already");
	}
	opts->vfios[nr].shared = shared;
	opts->nr_vfios++;
	opts->has_vfio = true;
	return -1;
}

bool options_edu(const char *words, uint64_t *dma_mask)
{
	*dma_mask = EDU_DMA_MASK;
	return !words || (!strncmp(words, "dma-mask=", 9) && !number_size(words + 9, dma_mask));
}

static int parse_device(struct options *opts, const char *word)
{
	if (!strcmp(word, "hpet")) {
		opts->hpet = true;
		return -1;
	}
	if (!strcmp(word, "testdev")) {
		opts->testdev = true;
		return -1;
	}
	if ((strcmp(word, "edu") && strncmp(word, "edu,", 4)) ||
	    !options_edu(word[3] ? word + 4 : NULL, &opts->edu_dma_mask))
		return usage("--device", word,
			     "write it like edu, edu,dma-mask=0xfffffff, hpet or testdev");
	if (opts->edu)
		return usage("--device", word, "the guest has one; others go into slots, by --plug");
	opts->edu = true;
	return -1;
}

struct word {
	const char *name;
	bool *flag;			/* set, or */
	unsigned int width;		/* the new width */
};

static int unknown_option(const char *word, const char *bad, size_t len,
			  const struct word *words, unsigned int nr)
{
	char why[256];
	size_t at;

	at = (size_t)snprintf(why, sizeof(why), "'%.*s' is not one of", (int)(len < 64 ? len : 64),
			      bad);
	for (; nr && at < sizeof(why); words++, nr--)
		at += (size_t)snprintf(why + at, sizeof(why) - at, " %s%s", words->name,
				       nr > 1 ? "," : "");
	return usage("--iommu", word, why);
}

/* @rest: empty, or a comma before each option */
static int parse_unit(struct options *opts, const char *word, const char *rest,
		      const struct word *words, unsigned int nr)
{
	unsigned int i;
	size_t len;

	while (*rest++ == ',') {
		len = strcspn(rest, ",");
		for (i = 0; i < nr; i++) {
			if (strlen(words[i].name) == len && !strncmp(rest, words[i].name, len))
				break;
		}
		if (i == nr)
			return unknown_option(word, rest, len, words, nr);
		if (words[i].flag)
			*words[i].flag = true;
		else
			opts->unit.width = words[i].width;
		rest += len;
	}
	return -1;
}

static int parse_vtd(struct options *opts, const char *word, const char *rest)
{
	const struct word words[] = {
		{ .name = "width=39", .width = 39 }, { .name = "width=48", .width = 48 },
		{ "caching-mode", .flag = &opts->unit.caching_mode },
		{ "xapic", .flag = &opts->unit.xapic },
		{ "small-pages", .flag = &opts->unit.small_pages },
		{ "ioapic-any-source", .flag = &opts->unit.any_source },
		{ "quarantine", .flag = &opts->unit.quarantine },
		{ "shared", .flag = &opts->unit.shared },
		{ "copy", .flag = &opts->dma_copy },
	};

	return parse_unit(opts, word, rest, words, ARRAY_SIZE(words));
}

static int parse_amdvi(struct options *opts, const char *word, const char *rest)
{
	const struct word words[] = {
		{ .name = "width=48", .width = 48 }, { .name = "width=57", .width = 57 },
		{ .name = "width=64", .width = 64 },
		{ "np-cache", .flag = &opts->unit.np_cache },
		{ "xapic", .flag = &opts->unit.xapic },
		{ "small-irtes", .flag = &opts->unit.small_irtes },
		{ "guest-apic", .flag = &opts->unit.guest_apic },
		{ "quarantine", .flag = &opts->unit.quarantine },
		{ "shared", .flag = &opts->unit.shared },
		{ "copy", .flag = &opts->dma_copy },
	};
	int rc = parse_unit(opts, word, rest, words, ARRAY_SIZE(words));

	if (rc < 0 && opts->unit.small_irtes && opts->unit.guest_apic)
		return usage("--iommu", word, "guest-apic needs large entries, not small-irtes");
	return rc;
}

static int parse_none(struct options *opts, const char *word, const char *rest)
{
	opts->dma_copy = !strcmp(rest, ",copy");
	if (!*rest || opts->dma_copy)
		return -1;
	return usage("--iommu", word, "the only option is copy, as in 'none,copy'");
}

static int parse_iommu(struct options *opts, const char *word)
{
	static const struct {
		const char *name;
		enum iommu_kind kind;
		int (*parse)(struct options *opts, const char *word, const char *rest);
	} kinds[] = {
		{ "none", IOMMU_NONE, parse_none }, { "vtd", IOMMU_VTD, parse_vtd },
		{ "amdvi", IOMMU_AMDVI, parse_amdvi },
	};
	size_t len = strcspn(word, ",");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i].name) != len || strncmp(word, kinds[i].name, len))
			continue;
		/* The last --iommu replaces earlier ones */
		memset(&opts->unit, 0, sizeof(opts->unit));
		opts->dma_copy = false;
		opts->iommu = kinds[i].kind;
		return kinds[i].parse(opts, word, word + len);
	}
	return usage("--iommu", word, "use none, vtd or amdvi");
}

/* Names follow the rule of nyxctl: a word that it would take for an id is not one. */
static int parse_name(struct options *opts, const char *word)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
	uint64_t id;

	if (!*word || strlen(word) >= NYX_NAME_LEN || word[strspn(word, letters)])
		return usage("--name", word, "use 1 to 31 letters, digits and '._:-'");
	if (!number_size(word, &id))
		return usage("--name", word, "nyxctl would take it for an id");
	opts->name = word;
	return -1;
}

/* N, or N,step=STEP */
static int parse_cpus(struct options *opts, char *word)
{
	char *comma = strstr(word, ",step=");
	uint64_t cpus, step = 1;
	bool good;

	if (comma)
		*comma = '\0';
	good = !number_size(word, &cpus) && cpus >= 1 && cpus <= MAX_CPUS &&
		(!comma || !number_size(comma + 6, &step)) && step >= 1 && step <= MAX_CPU_STEP;
	if (comma)
		*comma = ',';
	if (!good)
		return usage("--cpus", word, "it must be 1 to 4096, or like 4,step=100, up to 32767");
	opts->cpus = (unsigned int)cpus;
	opts->cpu_step = (unsigned int)step;
	return -1;
}

static int parse_memory(struct options *opts, const char *word)
{
	uint64_t value;

	if (number_size(word, &value) || value < MEMORY_MIN || value > MEMORY_MAX ||
	    value & (2 * MIB - 1))
		return usage("--memory", word, "it must be 32M to 512G, a multiple of 2M, like 1G");
	opts->memory = value;
	return -1;
}

static int parse_slots(struct options *opts, const char *word)
{
	uint64_t value;

	if (number_size(word, &value) || value > MAX_HOTPLUG_SLOTS)
		return usage("--hotplug-slots", word, "it must be 0 to 16");
	opts->hotplug_slots = (unsigned int)value;
	return -1;
}

/* True for [slot=N,][ID=]vfio,... */
static bool is_vfio(const char *word)
{
	if (!strncmp(word, "slot=", 5) && word[5] && strchr("0123456789", word[5])) {
		word += strcspn(word, ",");
		word += *word == ',';
	}
	if (word[strcspn(word, ",=")] == '=')
		word = strchr(word, '=') + 1;
	return !strncmp(word, "vfio,", 5) || !strncmp(word, "vfio-user,", 10);
}

static int parse_plug(struct options *opts, const char *word)
{
	if (opts->nr_plugs == MAX_HOTPLUG_SLOTS)
		return usage("--plug", word, "at most 16 are supported");
	opts->has_vfio |= is_vfio(word);
	opts->plugs[opts->nr_plugs++] = word;
	return -1;
}

static int parse_control(struct options *opts, const char *word)
{
	struct sockaddr_un address;

	if (!*word || strlen(word) >= sizeof(address.sun_path))
		return usage("--control", word, "it must have 1 to 107 bytes");
	opts->control = word;
	return -1;
}

/* Slots may be given behind the devices in them. */
static int check_plugs(const struct options *opts)
{
	const char *word;
	char why[512] = "";
	int rc;

	say_capture(why, sizeof(why));
	rc = hotplug_check(opts, &word);
	say_capture(NULL, 0);
	if (rc == -ENOMEM) {
		say("%s", why);
		return STATUS_HOST;
	}
	return rc ? usage("--plug", word, why) : -1;
}

static int parse_one(struct options *opts, int option, char *word)
{
	switch (option) {
	case OPT_KERNEL:
		opts->kernel = word;
		return -1;
	case OPT_INITRD:
		opts->initrd = word;
		return -1;
	case OPT_APPEND:
		opts->append = word;
		return -1;
	case OPT_MODULE:
		return parse_module(opts, word);
	case OPT_CPUS:
		return parse_cpus(opts, word);
	case OPT_MEMORY:
		return parse_memory(opts, word);
	case OPT_DISK:
		return options_disk(opts, "--disk", word);
	case OPT_NET:
		return parse_net(opts, word);
	case OPT_RNG:
		opts->rng = true;
		return -1;
	case OPT_VFIO:
		return options_vfio(opts, "--vfio", word);
	case OPT_VFIO_USER:
		return options_vfio_user(opts, "--vfio-user", word);
	case OPT_DEVICE:
		return parse_device(opts, word);
	case OPT_IOMMU:
		return parse_iommu(opts, word);
	case OPT_NAME:
		return parse_name(opts, word);
	case OPT_HOTPLUG_SLOTS:
		return parse_slots(opts, word);
	case OPT_PLUG:
		return parse_plug(opts, word);
	case OPT_REPLUG:
		opts->nr_plugs = 0;
		return -1;
	case OPT_CONTROL:
		return parse_control(opts, word);
	case OPT_NO_REBOOT:
		opts->no_reboot = true;
		return -1;
	case 'v':
		opts->verbose = true;
		return -1;
	case 'h':
		fputs(help, stdout);
		return STATUS_POWEROFF;
	case 'V':
		puts("nyx-vmm " NYX_VMM_VERSION);
		return STATUS_POWEROFF;
	default:	/* getopt_long() has said why */
		return STATUS_USAGE;
	}
}

/*
 * True if interrupts reach all CPUs: messages without remapping, and entries of 32 bits,
 * reach ids up to 254 only.
 */
static bool reaches_all_cpus(const struct options *opts)
{
	return cpu_ids(opts) <= MAX_XAPIC_ID + 1 ||
		(opts->iommu != IOMMU_NONE && !opts->unit.xapic && !opts->unit.small_irtes);
}

int options_parse(struct options *opts, int argc, char **argv)
{
	int option, rc;

	*opts = (struct options){
		.cpus = 1, .cpu_step = 1, .memory = MEMORY_DEFAULT, .append = "",
	};
	/* getopt_long() prints this name before its messages */
	argv[0] = program_invocation_short_name;
	while ((option = getopt_long(argc, argv, "hVv", long_options, NULL)) != -1) {
		rc = parse_one(opts, option, optarg);
		if (rc >= 0)
			return rc;
	}
	if (optind < argc)
		return usage("argument", argv[optind], "options begin with --; see --help");
	if (opts->name && opts->iommu == IOMMU_NONE)
		return usage("--name", opts->name, "it needs --iommu vtd or amdvi");
	default_queues(opts);
	if (!opts->kernel) {
		say("no --kernel; see --help");
		return STATUS_USAGE;
	}
	if (!reaches_all_cpus(opts)) {
		say("--cpus: APIC ids up to %u need --iommu vtd or amdvi, without xapic and small-irtes",
		    cpu_id(opts, opts->cpus - 1));
		return STATUS_USAGE;
	}
	return check_plugs(opts);
}

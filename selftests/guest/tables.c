// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares what the host's IOMMU maps for a device with what a guest of nyx-vmm has mapped for it:
 * tables PID HOST-DEVICE GUEST-DEVICE MOMENTS TRIES. Each is read where it is exact: the host's
 * tables by /proc/kcore, from the root table of VT-d on, the guest's by NYX_WALK. Every page has to
 * be in both, writable or not alike, and to lead to the page of memory that /proc/PID/pagemap has
 * for the guest's address.
 *
 * The guest is stopped at MOMENTS that are random. It may be within a map or an unmap, whose entry
 * one table has and the other has not; but not so when it is stopped again, TRIES times at
 * the most, a millisecond or so apart. A page or a permission that is another one is wrong at once.
 * Status 1: a difference, with each entry; 2: cannot tell.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define PAGE		UINT64_C(4096)
#define ADDRESS		UINT64_C(0x000ffffffffff000)	/* of an entry */
#define MSI_FIRST	UINT64_C(0xfee00000)
#define MSI_END		UINT64_C(0xfef00000)
#define ENTRIES		512
#define SEGMENTS	64
#define MEMORY		8
#define TOLD		16				/* differences that are printed */

/* VT-d, 9.1, 9.3, 9.8, 11.4.6 */
#define REG_ROOT	0x20
#define ROOT_MODE	(UINT64_C(3) << 10)
#define PRESENT		1u
#define TYPE(context)	((context) >> 2 & 3)
#define WIDTH(context)	((context) & 7)
#define LARGE		(1u << 7)

struct page { uint64_t iova, address; unsigned int prot; };
struct table { struct page *pages; size_t nr, room; };
struct segment { uint64_t first, last, offset; };

static pid_t pid;
static uint16_t host_rid, guest_rid;
static struct nyx_unit *unit;
static int kcore, pagemap;
static struct segment segments[SEGMENTS];
static unsigned int nr_segments;
static struct nyx_memory_info memory[MEMORY];
static unsigned int nr_memory;
static unsigned int width;

static void fail(const char *what)
{
	if (pid)
		kill(pid, SIGCONT);
	fprintf(stderr, "tables: %s\n", what);
	exit(2);
}

static void add(struct table *table, uint64_t iova, uint64_t address, unsigned int prot)
{
	if (table->nr == table->room) {
		table->room = table->room ? 2 * table->room : 1024;
		table->pages = realloc(table->pages, table->room * sizeof(*table->pages));
		if (!table->pages)
			fail("no memory");
	}
	table->pages[table->nr++] = (struct page){ iova, address, prot };
}

/* ---- the host's tables ----------------------------------------------------------- */

/* The kernel's map of all memory: which part of the file is which */
static void kcore_open(void)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;
	unsigned int i;

	kcore = open("/proc/kcore", O_RDONLY);
	if (kcore < 0 || pread(kcore, &head, sizeof(head), 0) != sizeof(head))
		fail("/proc/kcore cannot be read");
	for (i = 0; i < head.e_phnum; i++) {
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));

		if (pread(kcore, &part, sizeof(part), at) != sizeof(part))
			fail("/proc/kcore is cut short");
		if (part.p_type != PT_LOAD || part.p_paddr == UINT64_MAX)
			continue;
		if (nr_segments == SEGMENTS)
			fail("/proc/kcore has too many parts");
		segments[nr_segments++] = (struct segment){
			part.p_paddr, part.p_paddr + part.p_memsz - 1, part.p_offset,
		};
	}
}

static void physical_read(uint64_t address, void *to, size_t size)
{
	const struct segment *s;

	for (s = segments; s < segments + nr_segments; s++) {
		if (address < s->first || address + size - 1 > s->last)
			continue;
		if (pread(kcore, to, size, (off_t)(s->offset + address - s->first)) ==
		    (ssize_t)size)
			return;
	}
	fail("a table of the host is not in /proc/kcore");
}

static uint64_t root_table(void)
{
	volatile uint8_t *regs;
	uint64_t base, root;
	FILE *f;
	int fd;

	f = fopen("/sys/class/iommu/dmar0/intel-iommu/address", "r");
	if (!f || fscanf(f, "%" SCNx64, &base) != 1)
		fail("the host has no IOMMU of VT-d");
	fclose(f);
	fd = open("/dev/mem", O_RDONLY);
	if (fd < 0)
		fail("/dev/mem cannot be opened");
	regs = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)base);
	if (regs == MAP_FAILED)
		fail("/dev/mem does not map registers; boot the host with iomem=relaxed");
	root = *(volatile uint64_t *)(regs + REG_ROOT);
	munmap((void *)regs, PAGE);
	close(fd);
	if (root & ROOT_MODE || !(root & ADDRESS))
		fail("the host's root table is none of legacy mode");
	return root & ADDRESS;
}

static void host_level(struct table *table, uint64_t at, unsigned int level, uint64_t iova,
		       unsigned int prot)
{
	uint64_t entries[ENTRIES], size = PAGE << 9 * level, offset;
	unsigned int i, granted;

	physical_read(at, entries, sizeof(entries));
	for (i = 0; i < ENTRIES; i++, iova += size) {
		granted = prot & (unsigned int)entries[i];
		if (!granted)
			continue;
		if (level && !(entries[i] & LARGE)) {
			host_level(table, entries[i] & ADDRESS, level - 1, iova, granted);
			continue;
		}
		for (offset = 0; offset < size; offset += PAGE)
			add(table, iova + offset, (entries[i] & ADDRESS & -size) + offset, granted);
	}
}

static void host_table(struct table *table)
{
	uint64_t entry[2];

	physical_read(root_table() + 16 * (host_rid >> 8), entry, 16);
	if (!(entry[0] & PRESENT))
		return;
	physical_read((entry[0] & ADDRESS) + 16 * (host_rid & 0xff), entry, 16);
	if (!(entry[0] & PRESENT))
		return;
	if (TYPE(entry[0]) || WIDTH(entry[1]) < 1 || WIDTH(entry[1]) > 3)
		fail("the host's context entry does not translate by a second-level table");
	/* Read and write are bits 0 and 1, as those of enum nyx_prot */
	host_level(table, entry[0] & ADDRESS, (unsigned int)WIDTH(entry[1]) + 1, 0,
		   NYX_PROT_READ | NYX_PROT_WRITE);
}

/* ---- the guest's ------------------------------------------------------------------ */

static int take_unit(const struct nyx_unit_info *info, void *arg)
{
	*(uint32_t *)arg = info->unit_id;
	width = info->address_width;
	return 0;
}

static int take_memory(const struct nyx_memory_info *info, void *arg)
{
	(void)arg;
	if (nr_memory == MEMORY)
		return -1;
	memory[nr_memory++] = *info;
	return 0;
}

/* Where nyx-vmm has what is at an offset of the file of the guest's memory */
static uint64_t user_address(uint64_t offset)
{
	uint64_t first, last, at, found = 0;
	char line[512], path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, "/memfd:nyx-vmm-ram") &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &first, &last, &at) == 3 &&
		    offset >= at && offset - at < last - first)
			found = first + offset - at;
	}
	if (f)
		fclose(f);
	if (!found)
		fail("nyx-vmm does not map the guest's memory");
	return found;
}

static void guest_open(void)
{
	uint32_t id = NYX_ID_ANY;
	struct nyx_ctx *ctx;
	char path[64];
	unsigned int i;

	if (nyx_ctx_open(NULL, &ctx) || nyx_unit_foreach(ctx, take_unit, &id) ||
	    id == NYX_ID_ANY || nyx_unit_open_id(ctx, id, &unit) ||
	    nyx_memory_foreach(unit, take_memory, NULL))
		fail("cannot open the guest's unit");
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY);
	if (pagemap < 0)
		fail("cannot open pagemap");
	for (i = 0; i < nr_memory; i++)
		memory[i].backing = user_address(memory[i].backing);
}

/* Where a page of the guest is in the host's memory; 0: not in memory */
static uint64_t physical(uint64_t gpa)
{
	const struct nyx_memory_info *m;
	uint64_t entry, user;

	for (m = memory; m < memory + nr_memory; m++) {
		if (gpa < m->gpa || gpa - m->gpa >= m->length)
			continue;
		user = m->backing + gpa - m->gpa;
		if (pread(pagemap, &entry, 8, (off_t)(user / PAGE * 8)) == 8 && entry >> 63)
			return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
	}
	return 0;
}

static void guest_table(struct table *table)
{
	const struct nyx_walk_step *step, *last;
	uint64_t iova = 0, size, offset;
	unsigned int prot;
	int rc;

	while (iova < UINT64_C(1) << width) {
		struct nyx_walk walk = {
			.size = sizeof(walk), .pasid = NYX_PASID_NONE, .sbdf = guest_rid,
			.flags = NYX_WALK_F_DEVICE, .iova = iova,
		};

		rc = nyx_walk_get(unit, &walk);
		/* No table translates messages of interrupts. */
		if (!rc && !walk.out_nr_steps && iova == MSI_FIRST) {
			iova = MSI_END;
			continue;
		}
		/* The table has fewer bits than the unit. */
		if (!rc && walk.out_levels && !walk.out_nr_steps && iova >= UINT64_C(1) << 30)
			break;
		if (rc || !walk.out_nr_steps) {
			fprintf(stderr, "tables: iova 0x%" PRIx64 ": %s, %s, %u levels\n", iova,
				strerror(-rc), nyx_fault_reason_name(walk.out_fault.reason),
				walk.out_levels);
			fail("the guest's table cannot be walked");
		}
		last = &walk.out_steps[walk.out_nr_steps - 1];
		size = PAGE << 9 * last->level;
		if (last->kind == NYX_WALK_PAGE) {
			size = UINT64_C(1) << last->page_size_lg2;
			prot = NYX_PROT_READ | NYX_PROT_WRITE;
			for (step = walk.out_steps; step <= last; step++)
				prot &= step->kind == NYX_WALK_SKIPPED ? prot : step->prot;
			for (offset = 0; offset < size && prot; offset += PAGE)
				add(table, iova + offset, physical(last->address + offset), prot);
		}
		iova = (iova & -size) + size;
	}
}

/* ---- the comparison --------------------------------------------------------------- */

/* All threads: a call of VFIO that one of them makes ends before. */
static bool all_stopped(void)
{
	char path[128], line[256];
	const struct dirent *entry;
	bool stopped = true;
	const char *state;
	ssize_t len;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		fail("the guest has ended");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", pid, entry->d_name);
		fd = open(path, O_RDONLY);
		len = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
		if (fd >= 0)
			close(fd);
		line[len > 0 ? len : 0] = '\0';
		state = strrchr(line, ')');
		if (state && state[2] != 'T')
			stopped = false;
	}
	closedir(dir);
	return stopped;
}

static void stop(void)
{
	unsigned int i;

	kill(pid, SIGSTOP);
	for (i = 0; i < 10000; i++) {
		if (all_stopped())
			return;
		usleep(100);
	}
	fail("the guest does not stop");
}

struct difference { size_t only_host, only_guest, other; };

static void tell(bool aloud, const char *what, const struct page *page)
{
	if (aloud)
		printf("%s: iova 0x%" PRIx64 " address 0x%" PRIx64 " %s%s\n", what, page->iova,
		       page->address, page->prot & NYX_PROT_READ ? "r" : "",
		       page->prot & NYX_PROT_WRITE ? "w" : "");
}

static struct difference compare(const struct table *host, const struct table *guest, bool aloud)
{
	struct difference diff = { 0 };
	size_t h = 0, g = 0, nr = 0;

	while (h < host->nr || g < guest->nr) {
		const struct page *a = &host->pages[h], *b = &guest->pages[g];

		if (g == guest->nr || (h < host->nr && a->iova < b->iova)) {
			tell(aloud && nr++ < TOLD, "only the host maps", a);
			diff.only_host++;
			h++;
		} else if (h == host->nr || b->iova < a->iova) {
			tell(aloud && nr++ < TOLD, "only the guest maps", b);
			diff.only_guest++;
			g++;
		} else {
			/* Linux sets the bit of reading in all entries of VT-d. */
			if (a->address != b->address || a->prot != (b->prot | NYX_PROT_READ)) {
				tell(aloud && nr++ < TOLD, "the host maps", a);
				tell(aloud && nr <= TOLD, "and the guest", b);
				diff.other++;
			}
			h++;
			g++;
		}
	}
	return diff;
}

static bool same(const struct difference *diff)
{
	return !diff->only_host && !diff->only_guest && !diff->other;
}

static unsigned int below(unsigned int n)
{
	unsigned int value;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		fail("no random numbers");
	return value % n;
}

static uint16_t rid_of(const char *name)
{
	nyx_device_t device;

	if (nyx_sbdf_parse(name, &device))
		fail("no name of a device");
	return (uint16_t)device.sbdf;
}

int main(int argc, char **argv)
{
	size_t pages = 0, most = 0, waited = 0, mapped = 0;
	unsigned int moment, moments, tries, try;
	struct table host = { 0 }, guest = { 0 };
	struct difference diff;

	if (argc != 6)
		fail("PID HOST-DEVICE GUEST-DEVICE MOMENTS TRIES");
	pid = atoi(argv[1]);
	host_rid = rid_of(argv[2]);
	guest_rid = rid_of(argv[3]);
	moments = (unsigned int)atoi(argv[4]);
	tries = (unsigned int)atoi(argv[5]);
	kcore_open();
	guest_open();
	for (moment = 0; moment < moments; moment++) {
		usleep(below(100000));
		for (try = 1;; try++) {
			host.nr = guest.nr = 0;
			stop();
			host_table(&host);
			guest_table(&guest);
			kill(pid, SIGCONT);
			diff = compare(&host, &guest, false);
			if (same(&diff) || diff.other || try == tries)
				break;
			waited++;
			if (most < diff.only_host + diff.only_guest)
				most = diff.only_host + diff.only_guest;
			usleep(2000 + below(10000));
		}
		if (!same(&diff)) {
			compare(&host, &guest, true);
			printf("the host maps %zu pages, the guest %zu: %zu only the host, %zu only the guest, %zu others\n",
			       host.nr, guest.nr, diff.only_host, diff.only_guest, diff.other);
			return 1;
		}
		pages += host.nr;
		mapped = mapped > host.nr ? mapped : host.nr;
	}
	printf("moments %u pages %zu most %zu within a change %zu largest %zu\n", moments, pages, mapped,
	       waited, most);
	return !mapped;
}

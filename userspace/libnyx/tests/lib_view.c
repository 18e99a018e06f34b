// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: views, beside a kernel that is a part of the program. They need no module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The file of a view is a memfd, into which the kernel's side writes words and entries.
 * ioctl(2) is replaced: a fill walks a table of mappings.
 */
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define K		UINT64_C(4096)
#define M		(K * 256)
#define DEV_OFFSET	4096u
#define DOM_OFFSET	8192u
#define SET_OFFSET	12288u
#define NR_DEVS		256u
#define NR_DOMS		64u
#define NR_SETS		64u
#define WINDOW_SIZE	(SET_OFFSET + NR_SETS * NYX_WINDOW_WAYS * 32u)
#define SLOTS		4u
#define HOLDS		130u

#define DOM		3u
#define TAG		9u
#define RAM		(64 * K)

/* The GPA of a mapped IOVA is this much higher. */
#define SHIFT		(1024 * M)

static const nyx_device_t device = { NYX_SBDF(0, 1, 2, 3) };

struct mapping {
	uint64_t iova;
	uint64_t length;
	uint64_t gpa;
	uint32_t prot;
};

/**
 * struct kernel - the unit
 * @fd: the file of the view
 * @head: head of the window
 * @devs: device words
 * @doms: domain words
 * @entries: the cache
 * @ctl: the writable area
 * @slots: of it
 * @holds: of it
 * @index: of the device
 * @serial: of the device
 * @maps: what is mapped
 * @nr_maps: how many
 * @memory: what guest memory there is
 * @nr_memory: how many ranges
 * @limited: fills are refused, as the device has limits
 * @dirty: fills for writing are refused, as writes are tracked
 * @fills: calls of NYX_VIEW_FILL, also in arrays
 * @items: fills
 * @lists: calls of NYX_LIST
 * @commands: other calls
 */
static struct kernel {
	int fd;
	struct nyx_window_head *head;
	struct nyx_window_dev *devs;
	struct nyx_window_dom *doms;
	struct nyx_window_entry *entries;
	struct nyx_view_ctl *ctl;
	struct nyx_view_slot *slots;
	struct nyx_view_hold *holds;
	uint32_t index;
	uint32_t serial;
	struct mapping maps[64];
	unsigned int nr_maps;
	struct nyx_memory_info memory[8];
	unsigned int nr_memory;
	bool limited;
	bool dirty;
	unsigned int fills, items, lists, commands;
} k;

static char ram[RAM] __attribute__((aligned(4096)));

/* ---- the kernel's side ------------------------------------------------------------ */

static bool in_section(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (__atomic_load_n(&k.slots[i].seq, __ATOMIC_RELAXED) & 1)
			return true;
	}
	return false;
}

static void set_device(uint32_t bits)
{
	k.devs[k.index].sbdf = device.sbdf;
	k.devs[k.index].pasid = NYX_PASID_NONE;
	k.devs[k.index].word = (uint64_t)k.serial << NYX_WINDOW_DEV_SERIAL_SHIFT |
		DOM << NYX_WINDOW_DEV_DOMAIN_SHIFT | NYX_WINDOW_DEV_LIVE | bits;
}

static void cache(uint64_t iova, uint64_t gpa, uint32_t prot)
{
	uint64_t key = iova / K << 2 | 1;
	uint64_t set = (key + TAG * NYX_WINDOW_HASH_TAG) * NYX_WINDOW_HASH >> k.head->set_shift;
	struct nyx_window_entry *e = &k.entries[set * NYX_WINDOW_WAYS];
	unsigned int way;

	for (way = 0; way < NYX_WINDOW_WAYS - 1 && e->key && e->key != key; way++)
		e++;
	__atomic_exchange_n(&e->seq, e->seq + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&e->key, key, __ATOMIC_RELAXED);
	__atomic_store_n(&e->tag, TAG, __ATOMIC_RELAXED);
	__atomic_store_n(&e->val, gpa / K * K | prot << NYX_WINDOW_VAL_PROT_SHIFT | 12,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
}

static const struct mapping *find_mapping(uint64_t iova)
{
	unsigned int i;

	for (i = 0; i < k.nr_maps; i++) {
		if (iova - k.maps[i].iova < k.maps[i].length)
			return &k.maps[i];
	}
	return NULL;
}

static const struct nyx_memory_info *find_memory(uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < k.nr_memory; i++) {
		if (gpa - k.memory[i].gpa < k.memory[i].length)
			return &k.memory[i];
	}
	return NULL;
}

/* Translate page by page; a page that goes on where the last one ended is of its extent. */
static int fill(struct nyx_view_fill *f)
{
	struct nyx_view_extent *ext = (void *)(uintptr_t)f->extents;
	const struct nyx_memory_info *memory;
	const struct mapping *map;
	uint64_t iova, gpa, n;

	k.items++;
	if (!in_section() || f->pasid != NYX_PASID_NONE || f->sbdf != device.sbdf || !f->length)
		return -EINVAL;
	f->out_nr_extents = 0;
	f->out_done = 0;
	f->out_device = k.index;
	f->out_domain = DOM;
	f->out_fault.reason = NYX_FAULT_NONE;
	if (k.dirty && f->access & NYX_PROT_WRITE) {
		f->out_err_reason = NYX_REASON_TRACKED;
		return -EOPNOTSUPP;
	}
	if (k.limited) {
		f->out_err_reason = NYX_REASON_HAS_LIMITS;
		return -EOPNOTSUPP;
	}
	while (f->out_done < f->length) {
		iova = f->iova + f->out_done;
		map = find_mapping(iova);
		gpa = map ? map->gpa + (iova - map->iova) : 0;
		memory = map ? find_memory(gpa) : NULL;
		if (!map)
			f->out_fault.reason = NYX_FAULT_NOT_PRESENT;
		else if (f->access & ~map->prot)
			f->out_fault.reason = NYX_FAULT_WRITE_DENIED;
		else if (!memory)
			f->out_fault.reason = NYX_FAULT_NO_MEMORY;
		else if (f->access & NYX_PROT_WRITE && memory->flags & NYX_MEMORY_F_READONLY)
			f->out_fault.reason = NYX_FAULT_READONLY_MEMORY;
		if (f->out_fault.reason != NYX_FAULT_NONE) {
			f->out_fault.iova = iova;
			return 0;
		}
		n = K - iova % K;
		if (n > f->length - f->out_done)
			n = f->length - f->out_done;
		if (f->out_nr_extents && ext[-1].gpa + ext[-1].length == gpa) {
			ext[-1].length += n;
			ext[-1].last = iova / K;
		} else {
			if (f->out_nr_extents == f->nr_extents)
				return 0;
			*ext++ = (struct nyx_view_extent) {
				.iova = iova, .length = n, .gpa = gpa, .first = iova / K,
				.last = iova / K, .prot = map->prot,
			};
			f->out_nr_extents++;
		}
		cache(iova, gpa, map->prot);
		f->out_done += n;
	}
	return 0;
}

static int fill_array(struct nyx_array *a)
{
	struct nyx_view_fill *f = (void *)(uintptr_t)a->items;
	int ret;

	if (a->cmd != NYX_CMD_VIEW_FILL || a->item_size != sizeof(*f) ||
	    a->flags != NYX_ARRAY_F_STOP)
		return -EINVAL;
	for (a->out_done = 0; a->out_done < a->nr; a->out_done++, f++) {
		ret = fill(f);
		if (ret) {
			a->out_err_reason = f->out_err_reason;
			a->out_err_field = offsetof(struct nyx_array, items);
			return ret;
		}
		if (f->out_fault.reason != NYX_FAULT_NONE)
			return 0;
	}
	return 0;
}

static int list(struct nyx_list *l)
{
	unsigned char *to = (void *)(uintptr_t)l->entries;
	unsigned int i;

	k.lists++;
	if (l->type != NYX_LIST_MEMORY)
		return -EOPNOTSUPP;
	memset(to, 0, (size_t)l->nr * l->entry_size);
	for (i = 0; i < k.nr_memory; i++)
		memcpy(to + (size_t)i * l->entry_size, &k.memory[i], sizeof(k.memory[i]));
	l->out_nr = k.nr_memory;
	l->out_more = 0;
	return 0;
}

static void remove_memory(unsigned int nr)
{
	memmove(&k.memory[nr], &k.memory[nr + 1], (k.nr_memory - nr - 1) * sizeof(k.memory[0]));
	k.nr_memory--;
	__atomic_fetch_add(&k.head->memory_gen, 1, __ATOMIC_SEQ_CST);
}

static int memory_remove(const struct nyx_memory_remove *req)
{
	unsigned int i;

	for (i = 0; i < k.nr_memory; i++) {
		if (k.memory[i].gpa == req->gpa && k.memory[i].length == req->length) {
			remove_memory(i);
			return 0;
		}
	}
	return -ENOENT;
}

static int view_open(struct nyx_view_open *req)
{
	if (!req->nr_slots || req->nr_slots > SLOTS || req->nr_holds > HOLDS)
		return -EINVAL;
	k.ctl->version = NYX_VIEW_VERSION;
	req->out_fd = dup(k.fd);
	req->out_view_id = 77;
	req->out_window_size = WINDOW_SIZE;
	req->out_view_size = 3 * K;
	return 0;
}

static int command(unsigned long request, void *arg)
{
	switch (request) {
	case NYX_VIEW_OPEN:
		return view_open(arg);
	case NYX_VIEW_FILL:
		k.fills++;
		return fill(arg);
	case NYX_ARRAY:
		k.fills++;
		return fill_array(arg);
	case NYX_LIST:
		return list(arg);
	}
	k.commands++;
	switch (request) {
	case NYX_UNIT_INFO:
		((struct nyx_unit_info *)arg)->unit_id = 5;
		return 0;
	case NYX_MEMORY_REMOVE:
		return memory_remove(arg);
	}
	return -ENOTTY;
}

int ioctl(int fd, unsigned long request, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;
	void *arg;
	int ret;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	pthread_mutex_lock(&lock);
	ret = command(request, arg);
	pthread_mutex_unlock(&lock);
	errno = -ret;
	return ret ? -1 : 0;
}

static void add_memory(uint64_t gpa, uint64_t length, uint32_t flags)
{
	unsigned int i;

	/* The list is by GPA. */
	for (i = k.nr_memory++; i && k.memory[i - 1].gpa > gpa; i--)
		k.memory[i] = k.memory[i - 1];
	k.memory[i] = (struct nyx_memory_info) {
		.gpa = gpa, .length = length, .flags = flags,
	};
}

static void map(uint64_t iova, uint64_t length, uint64_t gpa, uint32_t prot)
{
	k.maps[k.nr_maps++] = (struct mapping) { iova, length, gpa, prot };
}

static void boot(void)
{
	char *window, *area;

	k.fd = memfd_create("view", MFD_CLOEXEC);
	ASSERT_TRUE(k.fd >= 0);
	ASSERT_EQ(0, ftruncate(k.fd, (off_t)(NYX_VIEW_RW + 3 * K)));
	window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, k.fd, 0);
	area = mmap(NULL, 3 * K, PROT_READ | PROT_WRITE, MAP_SHARED, k.fd, (off_t)NYX_VIEW_RW);
	ASSERT_TRUE(window != MAP_FAILED && area != MAP_FAILED);
	k.head = (void *)window;
	*k.head = (struct nyx_window_head) {
		.version = NYX_WINDOW_VERSION, .head_size = sizeof(*k.head), .unit = 5,
		.set_shift = 64 - 6, .dev_offset = DEV_OFFSET, .nr_devs = NR_DEVS,
		.dom_offset = DOM_OFFSET, .nr_doms = NR_DOMS, .set_offset = SET_OFFSET,
		.nr_sets = NR_SETS,
	};
	k.devs = (void *)(window + DEV_OFFSET);
	k.doms = (void *)(window + DOM_OFFSET);
	k.entries = (void *)(window + SET_OFFSET);
	k.ctl = (void *)area;
	k.slots = (void *)(area + 64);
	k.holds = (void *)(area + K);
	k.index = 7;
	k.serial = 1;
	set_device(NYX_WINDOW_DEV_READ | NYX_WINDOW_DEV_WRITE);
	k.doms[DOM].word = (uint64_t)TAG << NYX_WINDOW_DOM_TAG_SHIFT | NYX_WINDOW_DOM_LIVE |
			   NYX_WINDOW_DOM_4K;
}

/* ---- a program with a view --------------------------------------------------------- */

static struct nyx_unit *unit;
static struct nyx_view *view;
static struct nyx_view_thread *thread;
static struct nyx_view_device dev;

/* The first 32 pages are mapped in order, to where @ram is. */
static void start(void)
{
	boot();
	ASSERT_EQ(0, nyx_unit_adopt(dup(k.fd), &unit));
	ASSERT_EQ(0, nyx_view_open(unit, SLOTS, HOLDS, &view));
	ASSERT_EQ(77, nyx_view_id(view));
	ASSERT_EQ(0, nyx_view_thread_open(view, &thread));
	add_memory(SHIFT, RAM, 0);
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM, ram, 0));
	map(0, 32 * K, SHIFT, NYX_PROT_READ | NYX_PROT_WRITE);
	dev = nyx_view_device_of(device);
	k.fills = k.items = k.lists = k.commands = 0;
}

static struct nyx_view_run runs[64];
static size_t nr_runs;
static struct nyx_fault fault;

/* A section with one translation. */
static int translate(uint64_t iova, uint64_t length, uint32_t access)
{
	int ret;

	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	ret = nyx_view_translate(thread, iova, length, access, runs, ARRAY_SIZE(runs), &nr_runs,
				 &fault);
	ASSERT_EQ(0, nyx_view_end(thread));
	return ret;
}

static int read_at(uint64_t iova, uint64_t length)
{
	return translate(iova, length, NYX_PROT_READ);
}

/* The domain has a table of VT-d in pages 40 to 42 of @ram, which has page @n where page n is. */
static uint64_t *guest_table(void)
{
	uint64_t *top = (uint64_t *)(ram + 40 * K), *leaf = top + 1024;
	unsigned int i;

	memset(top, 0, 3 * K);
	top[0] = (SHIFT + 41 * K) | 3;
	top[512] = (SHIFT + 42 * K) | 3;
	for (i = 0; i < 32; i++)
		leaf[i] = (SHIFT + i * K) | 3;
	k.doms[DOM].last = (UINT64_C(1) << 39) - 1;
	k.doms[DOM].root = SHIFT + 40 * K;
	k.doms[DOM].page_sizes = K;
	k.doms[DOM].format = NYX_FORMAT_VTDSS;
	k.doms[DOM].levels = 3;
	k.doms[DOM].word |= NYX_WINDOW_DOM_TABLE;
	return leaf;
}

TEST(walk_takes_no_call)
{
	const struct nyx_dma_seg segs[] = { { 7 * K + 5, 10 }, { 3 * K, 2 * K } };
	uint64_t *leaf, done;

	start();
	leaf = guest_table();
	ASSERT_EQ(0, read_at(5 * K + 8, 64));	/* learns where the device's word is */
	ASSERT_EQ(1, k.fills);
	ASSERT_EQ(0, read_at(6 * K + 8, 64));
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(SHIFT + 6 * K + 8, runs[0].gpa);
	EXPECT_TRUE(runs[0].host == ram + 6 * K + 8);
	EXPECT_EQ(64, runs[0].length);
	EXPECT_EQ(6, runs[0].first);
	EXPECT_EQ(6, runs[0].last);
	EXPECT_EQ(DOM, runs[0].domain);
	/* The guest has another page there, which it need not tell. */
	leaf[6] = (SHIFT + 9 * K) | 1;
	ASSERT_EQ(0, read_at(6 * K + 8, 64));
	EXPECT_EQ(SHIFT + 9 * K + 8, runs[0].gpa);
	EXPECT_EQ(NYX_PROT_READ, runs[0].prot);
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	ASSERT_EQ(0, nyx_view_translatev(thread, segs, 2, NYX_PROT_READ, runs, 64, &nr_runs, &done,
					 &fault));
	ASSERT_EQ(0, nyx_view_end(thread));
	ASSERT_EQ(2, nr_runs);
	EXPECT_EQ(2 * K + 10, done);
	EXPECT_EQ(1, k.fills);
	EXPECT_EQ(5, k.slots[0].walks);	/* a page each */
	EXPECT_EQ(0, k.slots[0].hits);
	EXPECT_EQ(1, k.slots[0].misses);
	/* The cache comes first, */
	ASSERT_EQ(0, read_at(5 * K, 1));
	EXPECT_EQ(1, k.slots[0].hits);
	/* but where the table grants more by now, it is the table that counts. */
	cache(20 * K, SHIFT + 20 * K, NYX_PROT_READ);
	ASSERT_EQ(0, translate(20 * K, 1, NYX_PROT_WRITE));
	EXPECT_EQ(6, k.slots[0].walks);
	EXPECT_EQ(1, k.fills);
}

/* A walk that cannot allow the access leaves it to the kernel. */
TEST(walk_never_refuses)
{
	uint64_t *leaf;

	start();
	leaf = guest_table();
	ASSERT_EQ(0, read_at(5 * K, 1));
	k.lists = 0;
	leaf[6] = 0;
	ASSERT_EQ(0, read_at(6 * K, 1));
	EXPECT_EQ(2, k.fills);
	leaf[7] |= UINT64_C(1) << 62;
	ASSERT_EQ(0, read_at(7 * K, 1));
	EXPECT_EQ(3, k.fills);
	/* To where no memory is. */
	leaf[8] = SHIFT + RAM + 3;
	ASSERT_EQ(0, read_at(8 * K, 1));
	EXPECT_EQ(4, k.fills);
	leaf[9] = (SHIFT + 9 * K) | 1;
	ASSERT_EQ(0, translate(9 * K, 1, NYX_PROT_WRITE));
	EXPECT_EQ(5, k.fills);
	/* A table that is in no memory, or not yet known to be in any. */
	k.doms[DOM].root = SHIFT + RAM;
	ASSERT_EQ(0, read_at(10 * K, 1));
	EXPECT_EQ(6, k.fills);
	k.doms[DOM].root = SHIFT + 40 * K;
	__atomic_fetch_add(&k.head->memory_gen, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, read_at(11 * K, 1));
	EXPECT_EQ(7, k.fills);
	EXPECT_EQ(1, k.lists);
	EXPECT_EQ(0, k.slots[0].walks);
	ASSERT_EQ(0, read_at(12 * K, 1));
	EXPECT_EQ(1, k.slots[0].walks);
}

/* The entries of a table are read in one piece, or not at all. */
TEST(walk_of_memory_that_is_not_aligned)
{
	start();
	guest_table();
	ASSERT_EQ(0, read_at(5 * K, 1));
	ASSERT_EQ(0, nyx_view_memory_remove(view, SHIFT, RAM));
	add_memory(SHIFT, RAM, 0);
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM - K, ram + 4, 0));
	ASSERT_EQ(0, read_at(6 * K, 1));
	EXPECT_EQ(2, k.fills);
	EXPECT_EQ(0, k.slots[0].walks);
}

TEST(hit_takes_no_call)
{
	start();
	ASSERT_EQ(0, read_at(5 * K + 8, 64));
	EXPECT_EQ(1, k.fills);
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(5 * K + 8, runs[0].iova);
	EXPECT_EQ(64, runs[0].length);
	EXPECT_EQ(SHIFT + 5 * K + 8, runs[0].gpa);
	EXPECT_TRUE(runs[0].host == ram + 5 * K + 8);
	EXPECT_EQ(NYX_PROT_READ | NYX_PROT_WRITE, runs[0].prot);
	EXPECT_EQ(DOM, runs[0].domain);
	EXPECT_EQ(5, runs[0].first);
	EXPECT_EQ(5, runs[0].last);
	EXPECT_EQ(NYX_FAULT_NONE, fault.reason);
	memset(runs, 0, sizeof(runs));
	ASSERT_EQ(0, translate(5 * K, K, NYX_PROT_WRITE));
	EXPECT_EQ(1, k.fills);
	EXPECT_EQ(1, k.lists);
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(K, runs[0].length);
	EXPECT_TRUE(runs[0].host == ram + 5 * K);
	EXPECT_EQ(5, runs[0].first);
	EXPECT_EQ(1, k.slots[0].hits);
	EXPECT_EQ(1, k.slots[0].misses);
	EXPECT_EQ(64, k.slots[0].read_bytes);
	EXPECT_EQ(K, k.slots[0].write_bytes);
	/* The event about a section names the device. */
	EXPECT_EQ(k.index, k.slots[0].dev);
	EXPECT_EQ(4, k.slots[0].seq);
}

TEST(pieces_are_merged)
{
	start();
	/* Filled in one extent, and then found in four entries. */
	ASSERT_EQ(0, read_at(5 * K + 8, 3 * K));
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(3 * K, runs[0].length);
	EXPECT_EQ(8, runs[0].last);
	ASSERT_EQ(0, read_at(5 * K + 8, 3 * K));
	EXPECT_EQ(1, k.fills);
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(3 * K, runs[0].length);
	EXPECT_EQ(5, runs[0].first);
	EXPECT_EQ(8, runs[0].last);
	EXPECT_EQ(4, k.slots[0].hits);
	/* Partly cached. */
	ASSERT_EQ(0, read_at(7 * K, 4 * K));
	EXPECT_EQ(2, k.fills);
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(4 * K, runs[0].length);
	EXPECT_EQ(7, runs[0].first);
	EXPECT_EQ(10, runs[0].last);
}

TEST(pieces_that_are_apart_are_not_merged)
{
	char other[2 * 4096];

	start();
	/* Contiguous in GPA, not in the process; then not in GPA. */
	add_memory(SHIFT + RAM, 2 * K, 0);
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT + RAM, 2 * K, other, 0));
	map(100 * K, 4 * K, SHIFT + RAM - 2 * K, NYX_PROT_READ);
	map(104 * K, K, SHIFT, NYX_PROT_READ);
	for (k.fills = 0; k.fills < 2; k.fills++) {
		ASSERT_EQ(0, read_at(100 * K, 5 * K));
		ASSERT_EQ(3, nr_runs);
		EXPECT_EQ(2 * K, runs[0].length);
		EXPECT_TRUE(runs[0].host == ram + RAM - 2 * K);
		EXPECT_EQ(2 * K, runs[1].length);
		EXPECT_EQ(102 * K, runs[1].iova);
		EXPECT_TRUE(runs[1].host == other);
		EXPECT_EQ(K, runs[2].length);
		EXPECT_TRUE(runs[2].host == ram);
	}
}

TEST(faults_are_the_kernels)
{
	start();
	ASSERT_EQ(0, read_at(30 * K, 4 * K));
	EXPECT_EQ(NYX_FAULT_NOT_PRESENT, fault.reason);
	EXPECT_EQ(32 * K, fault.iova);
	ASSERT_EQ(1, nr_runs);
	EXPECT_EQ(2 * K, runs[0].length);
	/* Each time anew. */
	ASSERT_EQ(0, read_at(32 * K, 1));
	EXPECT_EQ(NYX_FAULT_NOT_PRESENT, fault.reason);
	EXPECT_EQ(0, nr_runs);
	EXPECT_EQ(2, k.fills);
	ASSERT_EQ(0, read_at(32 * K, 1));
	EXPECT_EQ(3, k.fills);
	map(50 * K, K, SHIFT, NYX_PROT_READ);
	ASSERT_EQ(0, read_at(50 * K, 1));
	ASSERT_EQ(0, translate(50 * K, 1, NYX_PROT_WRITE));
	EXPECT_EQ(NYX_FAULT_WRITE_DENIED, fault.reason);
	EXPECT_EQ(5, k.fills);

	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	EXPECT_EQ(-EREMOTEIO, nyx_view_translate(thread, 32 * K, 1, NYX_PROT_READ, runs, 1,
						 &nr_runs, NULL));
	ASSERT_EQ(0, nyx_view_end(thread));
}

TEST(bad_input_is_refused)
{
	const struct nyx_dma_seg seg = { .iova = UINT64_MAX, .length = 2 };

	start();
	EXPECT_EQ(-EINVAL, read_at(0, 0));
	EXPECT_EQ(-EINVAL, translate(0, 1, 0));
	EXPECT_EQ(-EINVAL, translate(0, 1, 4));
	EXPECT_EQ(-EOVERFLOW, read_at(UINT64_MAX, 2));
	EXPECT_EQ(0, nr_runs);
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	EXPECT_EQ(-EINVAL, nyx_view_translate(thread, 0, 1, NYX_PROT_READ, runs, 0, &nr_runs,
					      &fault));
	EXPECT_EQ(-EOVERFLOW, nyx_view_translatev(thread, &seg, 1, NYX_PROT_READ, runs, 1,
						  &nr_runs, NULL, &fault));
	ASSERT_EQ(0, nyx_view_end(thread));
	EXPECT_EQ(0, k.fills);
	/* Outside a section. */
	EXPECT_EQ(-EINVAL, nyx_view_end(thread));
	EXPECT_EQ(-EINVAL, nyx_view_translate(thread, 0, 1, NYX_PROT_READ, runs, 1, &nr_runs,
					      &fault));
	EXPECT_EQ(-EINVAL, nyx_view_memory_add(view, 1, K, ram, 0));
	EXPECT_EQ(-EINVAL, nyx_view_memory_add(view, 0, 0, ram, 0));
	EXPECT_EQ(-EINVAL, nyx_view_memory_add(view, 0, K, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, nyx_view_memory_add(view, 0, K, ram, NYX_MEMORY_F_FILE));
	EXPECT_EQ(-EOVERFLOW, nyx_view_memory_add(view, -2 * K, 3 * K, ram, 0));
	EXPECT_EQ(-EEXIST, nyx_view_memory_add(view, SHIFT + RAM - K, 2 * K, ram, 0));
	EXPECT_EQ(-ENOENT, nyx_view_memory_remove(view, SHIFT, K));
}

TEST(limits_are_for_other_commands)
{
	start();
	k.limited = true;
	EXPECT_EQ(-EOPNOTSUPP, read_at(0, 8));
	EXPECT_EQ(NYX_REASON_HAS_LIMITS, nyx_last_reason(-EOPNOTSUPP));
	EXPECT_EQ(0, nr_runs);
}

TEST(tracked_writes_are_for_other_commands)
{
	start();
	EXPECT_EQ(0, translate(0, 8, NYX_PROT_WRITE));
	k.dirty = true;
	k.doms[DOM].word |= NYX_WINDOW_DOM_DIRTY;
	/* The translation is cached, and serves reads. */
	EXPECT_EQ(0, read_at(0, 8));
	EXPECT_EQ(NYX_PROT_READ, runs[0].prot);
	EXPECT_EQ(-EOPNOTSUPP, translate(0, 8, NYX_PROT_WRITE));
	EXPECT_EQ(NYX_REASON_TRACKED, nyx_last_reason(-EOPNOTSUPP));
	EXPECT_EQ(0, nr_runs);
}

/* ---- chains ------------------------------------------------------------------------ */

static uint64_t done;

static int translatev(const struct nyx_dma_seg *segs, size_t n, size_t room)
{
	int ret;

	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	ret = nyx_view_translatev(thread, segs, n, NYX_PROT_READ, runs, room, &nr_runs, &done,
				  &fault);
	ASSERT_EQ(0, nyx_view_end(thread));
	return ret;
}

TEST(chain_is_filled_by_one_call)
{
	static const struct nyx_dma_seg segs[] = {
		{ 0, 0 }, { 3 * K, 16 }, { 4 * K, 0 }, { 9 * K - 8, 16 }, { 9 * K + 8, 8 },
		{ 20 * K, 3 * K }, { 0, 0 },
	};
	unsigned int i;

	start();
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, translatev(segs, ARRAY_SIZE(segs), 8));
		EXPECT_EQ(1, k.fills);
		EXPECT_EQ(16 + 16 + 8 + 3 * K, done);
		ASSERT_EQ(4, nr_runs);
		EXPECT_TRUE(runs[0].host == ram + 3 * K);
		EXPECT_EQ(16, runs[0].length);
		EXPECT_TRUE(runs[1].host == ram + 9 * K - 8);
		EXPECT_EQ(16, runs[1].length);
		EXPECT_EQ(8, runs[1].first);
		EXPECT_EQ(9, runs[1].last);
		/* Though it goes on where the last one ends. */
		EXPECT_TRUE(runs[2].host == ram + 9 * K + 8);
		EXPECT_EQ(8, runs[2].length);
		EXPECT_EQ(3 * K, runs[3].length);
	}
	EXPECT_EQ(4, k.items);
	ASSERT_EQ(0, translatev(segs, 0, 8));
	EXPECT_EQ(0, nr_runs);
	EXPECT_EQ(0, done);
}

TEST(chain_ends_at_the_first_fault)
{
	static const struct nyx_dma_seg segs[] = {
		{ 0, 8 }, { 31 * K, 2 * K }, { 40 * K, 8 }, { 5 * K, 8 },
	};

	start();
	ASSERT_EQ(0, translatev(segs, ARRAY_SIZE(segs), 8));
	EXPECT_EQ(NYX_FAULT_NOT_PRESENT, fault.reason);
	EXPECT_EQ(32 * K, fault.iova);
	EXPECT_EQ(8 + K, done);
	EXPECT_EQ(2, nr_runs);
	/* Nothing behind it was tried. */
	EXPECT_EQ(2, k.items);
}

TEST(chain_is_longer_than_a_call)
{
	struct nyx_dma_seg segs[40];
	unsigned int i;

	start();
	for (i = 0; i < ARRAY_SIZE(segs); i++) {
		segs[i].iova = (i * 3 % 32) * K + i;
		segs[i].length = 10 + i;
	}
	ASSERT_EQ(0, translatev(segs, ARRAY_SIZE(segs), ARRAY_SIZE(runs)));
	ASSERT_EQ(ARRAY_SIZE(segs), nr_runs);
	for (i = 0; i < ARRAY_SIZE(segs); i++) {
		EXPECT_TRUE(runs[i].host == ram + segs[i].iova);
		EXPECT_EQ(segs[i].length, runs[i].length);
	}
	EXPECT_TRUE(k.fills <= 3);
}

TEST(room_may_be_too_small)
{
	static const struct nyx_dma_seg segs[] = { { 0, 8 }, { 5 * K, 8 }, { 9 * K, 8 } };
	unsigned int i;

	start();
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, translatev(segs, ARRAY_SIZE(segs), 2));
		EXPECT_EQ(2, nr_runs);
		EXPECT_EQ(16, done);
		EXPECT_EQ(NYX_FAULT_NONE, fault.reason);
	}
}

TEST(extents_are_more_than_a_call_has_room_for)
{
	unsigned int i, j;

	start();
	/* Backwards, so that no two pages are one extent. */
	for (i = 0; i < 30; i++)
		map((100 + i) * K, K, SHIFT + (30 - i) * K, NYX_PROT_READ);
	for (j = 0; j < 2; j++) {
		ASSERT_EQ(0, read_at(100 * K, 30 * K));
		ASSERT_EQ(30, nr_runs);
		for (i = 0; i < 30; i++)
			EXPECT_TRUE(runs[i].host == ram + (30 - i) * K);
	}
}

/* ---- memory -------------------------------------------------------------------------- */

TEST(memory_that_is_not_known_has_no_address)
{
	start();
	add_memory(2 * SHIFT, 4 * K, 0);
	map(100 * K, 4 * K, 2 * SHIFT, NYX_PROT_READ | NYX_PROT_WRITE);
	ASSERT_EQ(0, read_at(100 * K, 4 * K));
	ASSERT_EQ(1, nr_runs);
	EXPECT_TRUE(!runs[0].host);
	EXPECT_EQ(4 * K, runs[0].length);
	/* A part of it is. */
	ASSERT_EQ(0, nyx_view_memory_add(view, 2 * SHIFT + K, 2 * K, ram, 0));
	ASSERT_EQ(0, read_at(100 * K, 4 * K));
	ASSERT_EQ(3, nr_runs);
	EXPECT_TRUE(!runs[0].host && !runs[2].host);
	EXPECT_TRUE(runs[1].host == ram);
	EXPECT_EQ(K, runs[0].length);
	EXPECT_EQ(2 * K, runs[1].length);
	EXPECT_EQ(K, runs[2].length);
}

TEST(removed_memory_is_not_used)
{
	start();
	ASSERT_EQ(0, read_at(0, 8));
	/* Another process removes it, and adds it again. */
	remove_memory(0);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(NYX_FAULT_NO_MEMORY, fault.reason);
	add_memory(SHIFT, RAM, 0);
	ASSERT_EQ(0, read_at(0, 8));
	ASSERT_EQ(1, nr_runs);
	EXPECT_TRUE(!runs[0].host);
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM, ram, 0));
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_TRUE(runs[0].host == ram);
}

TEST(own_removal_is_noticed)
{
	start();
	add_memory(4 * SHIFT, K, 0);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(-ENOENT, nyx_memory_remove(unit, SHIFT, K));
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_TRUE(runs[0].host == ram);
	ASSERT_EQ(0, nyx_memory_remove(unit, SHIFT, RAM));
	add_memory(SHIFT, RAM, 0);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_TRUE(!runs[0].host);
	/* A removal elsewhere takes one more look. */
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM, ram, 0));
	ASSERT_EQ(0, read_at(0, 8));
	k.fills = k.lists = 0;
	ASSERT_EQ(0, nyx_memory_remove(unit, 4 * SHIFT, K));
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_TRUE(runs[0].host == ram);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(1, k.lists);
	EXPECT_EQ(1, k.fills);
}

TEST(range_is_compared_with_several)
{
	start();
	/* One range here is three of the unit's; one that has a gap is none. */
	add_memory(2 * SHIFT, 2 * K, 0);
	add_memory(2 * SHIFT + 2 * K, K, NYX_MEMORY_F_READONLY);
	add_memory(2 * SHIFT + 3 * K, K, 0);
	add_memory(3 * SHIFT, K, 0);
	add_memory(3 * SHIFT + 2 * K, K, 0);
	ASSERT_EQ(0, nyx_view_memory_add(view, 2 * SHIFT, 4 * K, ram, 0));
	ASSERT_EQ(0, nyx_view_memory_add(view, 3 * SHIFT, 3 * K, ram, 0));
	map(100 * K, 4 * K, 2 * SHIFT, NYX_PROT_READ | NYX_PROT_WRITE);
	map(200 * K, 3 * K, 3 * SHIFT, NYX_PROT_READ | NYX_PROT_WRITE);
	ASSERT_EQ(0, read_at(100 * K, 4 * K));
	ASSERT_EQ(1, nr_runs);
	EXPECT_TRUE(runs[0].host == ram);
	EXPECT_EQ(NYX_PROT_READ, runs[0].prot);
	ASSERT_EQ(0, translate(102 * K, 1, NYX_PROT_WRITE));
	EXPECT_EQ(NYX_FAULT_READONLY_MEMORY, fault.reason);
	ASSERT_EQ(0, read_at(200 * K, K));
	EXPECT_TRUE(!runs[0].host);
}

TEST(readonly_memory_is_read)
{
	start();
	ASSERT_EQ(0, nyx_view_memory_remove(view, SHIFT, RAM));
	ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM, ram, NYX_MEMORY_F_READONLY));
	ASSERT_EQ(0, read_at(0, 8));
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_TRUE(runs[0].host == ram);
	EXPECT_EQ(NYX_PROT_READ, runs[0].prot);
	/* The unit may be of another opinion; the pointer is not for writes. */
	ASSERT_EQ(0, translate(0, 8, NYX_PROT_WRITE));
	ASSERT_EQ(1, nr_runs);
	EXPECT_TRUE(!runs[0].host);
}

/* ---- sections and holds ---------------------------------------------------------------- */

TEST(sections_make_no_commands)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	start();
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	EXPECT_EQ(-EDEADLK, nyx_view_begin(thread, &dev));
	EXPECT_EQ(-EDEADLK, nyx_unit_get(unit, &info));
	EXPECT_EQ(-EDEADLK, nyx_memory_remove(unit, SHIFT, RAM));
	EXPECT_EQ(-EDEADLK, nyx_view_memory_add(view, 8 * SHIFT, K, ram, 0));
	EXPECT_EQ(-EDEADLK, nyx_view_memory_remove(view, SHIFT, RAM));
	EXPECT_EQ(-EDEADLK, nyx_view_thread_close(thread));
	EXPECT_EQ(0, k.commands);
	/* A miss is none. */
	ASSERT_EQ(0, nyx_view_translate(thread, 0, 1, NYX_PROT_READ, runs, 1, &nr_runs, &fault));
	EXPECT_EQ(-EDEADLK, nyx_unit_get(unit, &info));
	ASSERT_EQ(0, nyx_view_end(thread));
	EXPECT_EQ(0, nyx_unit_get(unit, &info));
}

static void *other_thread(void *arg)
{
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	if (arg) {
		nyx_view_hold_release(view, *(uint32_t *)arg);
		return NULL;
	}
	EXPECT_EQ(-EPERM, nyx_view_thread_close(thread));
	/* It is in no section. */
	EXPECT_EQ(0, nyx_unit_get(unit, &info));
	return NULL;
}

static void in_other_thread(void *arg)
{
	pthread_t other;

	ASSERT_EQ(0, pthread_create(&other, NULL, other_thread, arg));
	pthread_join(other, NULL);
}

TEST(slots_are_of_their_threads)
{
	struct nyx_view_thread *more[SLOTS];
	unsigned int i;

	start();
	for (i = 1; i < SLOTS; i++)
		ASSERT_EQ(0, nyx_view_thread_open(view, &more[i]));
	EXPECT_EQ(-ENOSPC, nyx_view_thread_open(view, &more[0]));
	ASSERT_EQ(0, nyx_view_begin(more[2], &dev));
	in_other_thread(NULL);
	ASSERT_EQ(0, nyx_view_end(more[2]));
	EXPECT_EQ(2, k.slots[2].seq);
	ASSERT_EQ(0, nyx_view_thread_close(more[2]));
	ASSERT_EQ(0, nyx_view_thread_open(view, &more[2]));
	/* The count goes on. */
	ASSERT_EQ(0, nyx_view_begin(more[2], &dev));
	EXPECT_EQ(3, k.slots[2].seq);
	ASSERT_EQ(0, nyx_view_end(more[2]));
	EXPECT_EQ(-EBUSY, nyx_view_close(view));
	for (i = 1; i < SLOTS; i++)
		ASSERT_EQ(0, nyx_view_thread_close(more[i]));
	ASSERT_EQ(0, nyx_view_thread_close(thread));
	EXPECT_EQ(0, nyx_view_thread_close(NULL));
	EXPECT_EQ(0, nyx_view_close(view));
	EXPECT_EQ(0, nyx_view_close(NULL));
	nyx_unit_unref(unit);
}

TEST(holds_keep_what_they_name)
{
	static const struct nyx_dma_seg segs[] = { { 9 * K, 8 }, { 2 * K, 3 * K } };
	uint32_t hold;

	start();
	k.head->phase = 44;
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	EXPECT_EQ(44, k.slots[0].phase);
	k.head->phase = 45;
	ASSERT_EQ(0, nyx_view_translatev(thread, segs, 2, NYX_PROT_READ, runs, 8, &nr_runs, NULL,
					 &fault));
	ASSERT_EQ(0, nyx_view_hold_take(thread, runs, nr_runs, &hold));
	EXPECT_EQ(-EINVAL, nyx_view_hold_take(thread, runs, 0, &hold));
	runs[1].domain++;
	EXPECT_EQ(-EXDEV, nyx_view_hold_take(thread, runs, 2, &hold));
	runs[0].domain = 0;
	runs[0].first = 0;
	runs[0].last = UINT64_C(1) << 32;
	EXPECT_EQ(-ERANGE, nyx_view_hold_take(thread, runs, 1, &hold));
	runs[0].last--;
	EXPECT_EQ(-ENOSPC, nyx_view_hold_take(thread, runs, 1, &hold));
	ASSERT_EQ(0, nyx_view_end(thread));
	EXPECT_EQ(-EINVAL, nyx_view_hold_take(thread, runs, 1, &hold));
	EXPECT_EQ(0, hold);
	EXPECT_EQ(1, k.ctl->holds_used);
	EXPECT_EQ(1, k.holds[0].seq);
	EXPECT_EQ(DOM, k.holds[0].dom);
	EXPECT_EQ(k.index, k.holds[0].dev);
	EXPECT_EQ(2, k.holds[0].first);
	EXPECT_EQ(7, k.holds[0].nr);
	EXPECT_EQ(44, k.holds[0].phase);
	ASSERT_EQ(0, nyx_view_thread_close(thread));
	EXPECT_EQ(-EBUSY, nyx_view_close(view));
	in_other_thread(&hold);
	EXPECT_EQ(2, k.holds[0].seq);
	EXPECT_EQ(0, nyx_view_close(view));
}

TEST(lowest_hold_is_taken)
{
	uint32_t hold[HOLDS], again, i;

	start();
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	ASSERT_EQ(0, nyx_view_translate(thread, 0, 8, NYX_PROT_READ, runs, 8, &nr_runs, &fault));
	for (i = 0; i < HOLDS; i++) {
		ASSERT_EQ(0, nyx_view_hold_take(thread, runs, 1, &hold[i]));
		EXPECT_EQ(i, hold[i]);
	}
	EXPECT_EQ(-ENOSPC, nyx_view_hold_take(thread, runs, 1, &again));
	EXPECT_EQ(HOLDS, k.ctl->holds_used);
	nyx_view_hold_release(view, 100);
	nyx_view_hold_release(view, 3);
	nyx_view_hold_release(view, 129);
	ASSERT_EQ(0, nyx_view_hold_take(thread, runs, 1, &again));
	EXPECT_EQ(3, again);
	ASSERT_EQ(0, nyx_view_hold_take(thread, runs, 1, &again));
	EXPECT_EQ(100, again);
	ASSERT_EQ(0, nyx_view_hold_take(thread, runs, 1, &again));
	EXPECT_EQ(129, again);
	EXPECT_EQ(3, k.holds[129].seq);
	EXPECT_EQ(-ENOSPC, nyx_view_hold_take(thread, runs, 1, &again));
	ASSERT_EQ(0, nyx_view_end(thread));
}

/* ---- ends --------------------------------------------------------------------------------- */

TEST(cut_view_is_stale)
{
	start();
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	k.slots[0].cut = 1;
	EXPECT_EQ(-ESTALE, nyx_view_end(thread));
	EXPECT_EQ(-ESTALE, nyx_view_begin(thread, &dev));
	EXPECT_EQ(0, k.slots[0].seq & 1);
	EXPECT_EQ(0, nyx_view_thread_close(thread));
	EXPECT_EQ(0, nyx_view_close(view));
}

/* The device leaves, and comes back: another serial, or another index. */
TEST(device_is_found_again)
{
	start();
	ASSERT_EQ(0, read_at(0, 8));
	k.serial++;
	set_device(NYX_WINDOW_DEV_READ);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(2, k.fills);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(2, k.fills);
	k.devs[k.index].word = 0;
	k.index = 200;
	set_device(NYX_WINDOW_DEV_READ);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(3, k.fills);
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(3, k.fills);
	EXPECT_EQ(200, k.slots[0].dev);
	/* An index that the window does not have. */
	k.devs[k.index].word = 0;
	k.index = NR_DEVS;
	ASSERT_EQ(0, read_at(0, 8));
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(5, k.fills);
}

TEST(unit_that_has_ended)
{
	struct nyx_view_thread *late;

	start();
	ASSERT_EQ(0, read_at(0, 8));
	k.head->version = 0;
	memset(k.devs, 0, NR_DEVS * sizeof(*k.devs));
	EXPECT_EQ(-ENODEV, nyx_view_thread_open(view, &late));
	k.fills = 0;
	ASSERT_EQ(0, read_at(0, 8));
	EXPECT_EQ(1, k.fills);
}

TEST(unknown_layouts_are_refused)
{
	struct nyx_view *other;

	start();
	k.head->version = 2;
	EXPECT_EQ(-EPROTONOSUPPORT, nyx_view_open(unit, 1, 0, &other));
	k.head->version = NYX_WINDOW_VERSION;
	k.head->nr_sets *= 2;
	EXPECT_EQ(-EPROTONOSUPPORT, nyx_view_open(unit, 1, 0, &other));
	k.head->nr_sets /= 2;
	EXPECT_EQ(-EINVAL, nyx_view_open(unit, 0, 0, &other));
	ASSERT_EQ(0, nyx_view_open(unit, 1, 0, &other));
	EXPECT_EQ(0, nyx_view_close(other));
}

/* The module's areas are not there in a child. */
static int unmap_areas(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to, found = 0;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/memfd:view") || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		munmap((void *)from, to - from);
		found++;
	}
	if (maps)
		fclose(maps);
	/* Those of the library, and those of the kernel's side. */
	return found < 4;
}

TEST(child_has_no_view)
{
	struct nyx_view_thread *more;
	int fd, status;
	uint32_t hold;
	pid_t pid;

	start();
	ASSERT_EQ(0, nyx_view_begin(thread, &dev));
	ASSERT_EQ(0, nyx_view_translate(thread, 0, 8, NYX_PROT_READ, runs, 8, &nr_runs, &fault));
	ASSERT_EQ(0, nyx_view_hold_take(thread, runs, 1, &hold));
	k.fills = 0;
	fd = nyx_view_fd(view);
	ASSERT_TRUE(fcntl(fd, F_GETFD) != -1);
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		int bad = unmap_areas();

		bad |= nyx_view_translate(thread, 0, 8, NYX_PROT_READ, runs, 8, &nr_runs,
					  &fault) != -ESTALE;
		bad |= nyx_view_hold_take(thread, runs, 1, &hold) != -ESTALE;
		bad |= nyx_view_begin(thread, &dev) != -ESTALE;
		bad |= nyx_view_thread_open(view, &more) != -ESTALE;
		bad |= nyx_view_memory_add(view, 0, K, ram, 0) != -ESTALE;
		/* The file, too, which would keep the holds of the parent. */
		bad |= nyx_view_fd(view) != -1 || fcntl(fd, F_GETFD) != -1;
		nyx_view_hold_release(view, hold);
		bad |= nyx_view_close(view) != 0;
		_exit(bad || k.fills);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, k.slots[0].seq);
	EXPECT_EQ(1, k.holds[hold].seq);
	EXPECT_EQ(0, nyx_view_end(thread));
	nyx_view_hold_release(view, hold);
	ASSERT_EQ(0, nyx_view_thread_close(thread));
	EXPECT_EQ(fd, nyx_view_fd(view));
	EXPECT_EQ(0, nyx_view_close(view));
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
}

/* ---- all at once ----------------------------------------------------------------------------- */

static bool stop;

/* Translates, and takes holds, beside ranges that come and go. */
static void *worker(void *arg)
{
	struct nyx_view_thread *own;
	struct nyx_view_run run;
	unsigned long n = 0, *count = arg;
	uint32_t hold;
	size_t nr;

	ASSERT_EQ(0, nyx_view_thread_open(view, &own));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		ASSERT_EQ(0, nyx_view_begin(own, &dev));
		ASSERT_EQ(0, nyx_view_translate(own, n % 32 * K, 8, NYX_PROT_READ, &run, 1, &nr,
						NULL));
		ASSERT_EQ(1, nr);
		if (run.host)
			ASSERT_EQ(n % 32, *(volatile uint64_t *)run.host);
		if (!(n % 8) && !nyx_view_hold_take(own, &run, 1, &hold))
			nyx_view_hold_release(view, hold);
		ASSERT_EQ(0, nyx_view_end(own));
		n++;
		__atomic_store_n(count, n, __ATOMIC_RELAXED);
	}
	ASSERT_EQ(0, nyx_view_thread_close(own));
	return NULL;
}

static bool busy(const unsigned long *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

TEST(ranges_change_beside_sections)
{
	unsigned long i, n[2] = { 0, 0 }, rounds = ktap_iterations(200);
	char *spare[2];
	pthread_t t[2];

	start();
	for (i = 0; i < 32; i++) {
		*(uint64_t *)(ram + i * K) = i;
		cache(i * K, SHIFT + i * K, NYX_PROT_READ);
	}
	for (i = 0; i < 2; i++) {
		spare[i] = aligned_alloc(4096, RAM);
		ASSERT_TRUE(spare[i]);
		memcpy(spare[i], ram, RAM);
	}
	ASSERT_EQ(0, read_at(0, 8));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, worker, &n[i]));
	/* Memory that is not in use any more may hold anything. */
	for (i = 0; i < rounds || !busy(&n[0]) || !busy(&n[1]); i++) {
		ASSERT_EQ(0, nyx_view_memory_remove(view, SHIFT, RAM));
		memset(i ? spare[(i + 1) % 2] : ram, 0xa5, RAM);
		memset(spare[i % 2], 0, RAM);
		for (unsigned int j = 0; j < 32; j++)
			*(uint64_t *)(spare[i % 2] + j * K) = j;
		ASSERT_EQ(0, nyx_view_memory_add(view, SHIFT, RAM, spare[i % 2], 0));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, k.commands);
}

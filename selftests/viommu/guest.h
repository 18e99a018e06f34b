/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest with a unit of a vendor model.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The vendors share memory, registers, devices and events. vtd_guest.h and amdvi_guest.h
 * add the driver.
 */
#ifndef NYX_SELFTESTS_GUEST_H
#define NYX_SELFTESTS_GUEST_H

#include "changes.h"
#include "nyx_env.h"

#define BIT(n)	(1ull << (n))

/* Where the guest has its things. The first two pages are not used. */
#define AT_TABLES	0x20000ull	/* grows, */
#define AT_TABLES_END	0x100000ull	/* up to this */
#define AT_DATA		0x400000ull	/* for whatever a case wants */
#define GUEST_RAM	(64 * SZ_1M)
#define NOWHERE		0x100000000ull	/* no memory */

#define DEV		NYX_SBDF(0, 0, 3, 0)
#define DEV_FN		NYX_SBDF(0, 0, 3, 1)	/* another function of it */
#define DEV2		NYX_SBDF(0, 0, 4, 0)
#define DEV_BUS		NYX_SBDF(0, 5, 4, 2)	/* on another bus */
#define DEV_ABSENT	NYX_SBDF(0, 0, 9, 0)
#define DID		7u

/**
 * struct guest - a guest
 * @fd: its unit
 * @events: the unit's events, not blocking
 * @ram: its memory, from address 0
 * @faults: VT-d: fault records
 * @gcmd: VT-d: what is on of TE, QIE, IRE, CFI
 * @control: AMD-Vi: CONTROL
 * @tail: slot of the queue that is next
 * @slots: of the queue
 * @queue: address of the queue
 * @cookie: what the last wait stored
 * @next_table: next free page
 * @s: the last message that was sent
 * @stream: an inline change stream, of which writes of registers handle the changes; or NULL
 * @put_off: they do not: what a write has left to do is up to the case
 * @pending: the last write has left something
 */
struct guest {
	int fd;
	int events;
	unsigned char *ram;
	unsigned int faults;
	__u32 gcmd;
	__u64 control;
	unsigned int tail;
	unsigned int slots;
	__u64 queue;
	__u32 cookie;
	__u64 next_table;
	struct nyx_irq_send s;
	struct stream *stream;
	bool put_off;
	bool pending;
};

/* A unit with memory, with DEV and its kin, and a policy that never intervenes. */
void guest_create(struct guest *g, struct nyx_unit_create *u);

/*
 * Other processes may open the unit, and reach its memory. The memory is pinned: a
 * signal ends no access to it, but what looks for one.
 */
void guest_share(struct guest *g);

/* ---- registers ---- */

int mmio(int fd, __u32 flags, __u32 offset, __u32 width, __u64 *value);
/* How often interrupt entries have changed, as an access to a register tells. */
__u64 irte_changes(struct guest *g);
__u32 r32(struct guest *g, __u32 offset);
__u64 r64(struct guest *g, __u32 offset);
void w32(struct guest *g, __u32 offset, __u32 value);
void w64(struct guest *g, __u32 offset, __u64 value);

#define R32(offset, want)	ASSERT_EQ(want, r32(g, offset))
#define R64(offset, want)	ASSERT_EQ(want, r64(g, offset))
#define W32(offset, value)	w32(g, offset, value)
#define W64(offset, value)	w64(g, offset, value)

/* Each register that is listed has the value that the guest reads; returns how many. */
unsigned int check_listed(struct guest *g);
/* The one of that name, and bit field or element. */
__u64 listed_value(struct guest *g, const char *name, __u32 index);

/* ---- dirty tracking ---- */

/* Exactly these pages of the guest's memory are dirty; they are clean from now on. */
void expect_dirty(struct guest *g, const __u64 *gpas, unsigned int nr);
#define EXPECT_DIRTY(...)	expect_dirty(g, (const __u64[]){ __VA_ARGS__ },		\
				     sizeof((const __u64[]){ __VA_ARGS__ }) / sizeof(__u64))

/* ---- memory ---- */

static inline __u64 *words(struct guest *g, __u64 gpa)
{
	return (__u64 *)(g->ram + gpa);
}

/* Words that the kernel, or another thread, reads and writes meanwhile. */
static inline __u32 load32(struct guest *g, __u64 gpa)
{
	return __atomic_load_n((__u32 *)(g->ram + gpa), __ATOMIC_SEQ_CST);
}

static inline __u64 load64(struct guest *g, __u64 gpa)
{
	return __atomic_load_n(words(g, gpa), __ATOMIC_SEQ_CST);
}

static inline void store32(struct guest *g, __u64 gpa, __u32 value)
{
	__atomic_store_n((__u32 *)(g->ram + gpa), value, __ATOMIC_SEQ_CST);
}

static inline void store64(struct guest *g, __u64 gpa, __u64 value)
{
	__atomic_store_n(words(g, gpa), value, __ATOMIC_SEQ_CST);
}

__u64 new_table(struct guest *g);	/* of zeros */

/**
 * struct flipper - changes an entry of two words, both at once
 * @at: the entry
 * @nth: what it is after so many changes; no two have a word in common
 * @sent: interrupts so far
 * @stop: it is enough
 */
struct flipper {
	__u64 *at;
	void (*nth)(unsigned int n, __u64 entry[2]);
	unsigned int sent;
	bool stop;
};

/* A thread: changes it once for an interrupt at most. Ended by flipper_end(). */
pthread_t flipper_start(struct flipper *f);
void flipper_sends(struct flipper *f);		/* before each interrupt */
void flipper_end(struct flipper *f, pthread_t t);

/* ---- what devices do ---- */

/* A byte; returns the reason of the fault. */
__u32 poke(struct guest *g, __u32 sbdf, __u64 iova);
__u32 peek(struct guest *g, __u32 sbdf, __u64 iova);

/* Both go to @gpa. */
void reaches(struct guest *g, __u32 sbdf, __u64 iova, __u64 gpa);
/* A write reaches @gpa. */
void writes_to(struct guest *g, __u32 sbdf, __u64 iova, __u64 gpa);

/* Sends a message; the answer is in g->s. Returns the result. */
__u32 send_msi(struct guest *g, __u32 sbdf, __u64 address, __u32 data);

/* A message of DEV, between two new eventfds. */
void bind_irq(struct guest *g, struct nyx_irq_bind *b, __u64 address, __u32 data);
void unbind_irq(struct guest *g, const struct nyx_irq_bind *b);

/* ---- events ---- */

/* Interrupts of the unit since the last call. The last of them is in @e. */
unsigned int msis(struct guest *g, struct nyx_event *e);
/* Events of a type since the last call. */
unsigned int events(struct guest *g, __u32 type, struct nyx_event *e);

/* ---- views ---- */

struct view;

/*
 * A view of the unit reads the guest's table itself, and asks the kernel for what that does not
 * allow. DEV has a table of four levels and 48 bits, in which @leaf maps 0x5000 to AT_DATA,
 * which is cached; the page behind that is not mapped. @flush empties the cache. DEV ends in
 * quarantine.
 */
void view_walks(struct guest *g, struct view *v, __u64 *leaf, void (*flush)(struct guest *g));

#endif /* NYX_SELFTESTS_GUEST_H */

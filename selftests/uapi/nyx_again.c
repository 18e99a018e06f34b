// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a command, issued again before the first one has waited.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A command that takes something away waits for the accesses that use it. If it
 * is killed in its wait, or still waits, the same command issued by another
 * thread finds nothing to take away: it has to wait nevertheless, since success
 * and ENOENT alike say that no access is under way. EBUSY says nothing of the
 * kind.
 *
 * userfaultfd(2) holds an access, or an interrupt that is posted, for as long as
 * the test wants. A thread that is slow makes a case weaker, never wrong.
 */
#include "msi.h"
#include "nyx_env.h"

#define ENTRY	5u	/* posts to the page that is held */

struct again_case;

/**
 * struct scene - an access that is held, a command that waits, the same again
 * @e: the unit
 * @v: which commands
 * @stall: where the access is held: the second page of guest memory
 * @other: a second domain
 */
struct scene {
	struct env e;
	const struct again_case *v;
	struct stall stall;
	__u32 other;
};

/* ---- commands, and whether they have taken effect ---- */

static int do_unmap(struct scene *s)
{
	return cmd_unmap(s->e.fd, s->e.domain, 0, SZ_64K, NULL);
}

static int do_unmap_page(struct scene *s)
{
	return cmd_unmap(s->e.fd, s->e.domain, SZ_4K, SZ_4K, NULL);
}

static int do_unmap_all(struct scene *s)
{
	return cmd_unmap_all(s->e.fd, s->e.domain, NULL);
}

/* Stops at the second item, with what the first has begun. */
static int do_unmap_array(struct scene *s)
{
	struct nyx_unmap u[3];

	for (int i = 0; i < 3; i++)
		u[i] = (struct nyx_unmap) {
			.size = sizeof(u[i]), .domain_id = s->e.domain, .iova = SZ_4K,
			.length = SZ_4K,
		};
	return cmd_array(s->e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), 3, NULL);
}

static bool is_unmapped(struct scene *s)
{
	struct nyx_domain_info info;

	domain_info(s->e.fd, s->e.domain, &info);
	return info.mapped_bytes < SZ_64K;
}

static int do_detach(struct scene *s)
{
	return cmd_device_detach(s->e.fd, s->e.sbdf);
}

static int do_attach_other(struct scene *s)
{
	return cmd_device_attach(s->e.fd, s->e.sbdf, s->other, 0);
}

static int do_replace(struct scene *s)
{
	return cmd_device_attach(s->e.fd, s->e.sbdf, s->other, NYX_ATTACH_F_REPLACE);
}

static int do_device_remove(struct scene *s)
{
	return cmd_device_remove(s->e.fd, s->e.sbdf);
}

static int do_domain_destroy(struct scene *s)
{
	return cmd_domain_destroy(s->e.fd, s->e.domain);
}

static int do_invalidate_device(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_DEVICE, 0, s->e.sbdf, 0, 0);
}

static int do_invalidate_domain(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_DOMAIN, s->e.domain, 0, 0, 0);
}

static bool has_left(struct scene *s)
{
	struct nyx_device_info info;

	device_info(s->e.fd, s->e.sbdf, &info);
	return info.domain_id != s->e.domain;
}

static int do_quarantine(struct scene *s)
{
	return cmd_device_control(s->e.fd, s->e.sbdf, NYX_DEVICE_DO_QUARANTINE);
}

static bool is_quarantined(struct scene *s)
{
	return device_state(s->e.fd, s->e.sbdf) == NYX_DEVICE_QUARANTINED;
}

static int do_memory_remove(struct scene *s)
{
	return cmd_memory_remove(s->e.fd, 0, s->e.mem_size);
}

static struct nyx_unit_info unit_info(struct scene *s)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(s->e.fd, &info));
	return info;
}

static bool memory_is_gone(struct scene *s)
{
	return !unit_info(s).nr_memory;
}

static int do_irte_clear(struct scene *s)
{
	return cmd_irte_clear(s->e.fd, ENTRY, 1);
}

static int do_irte_set(struct scene *s)
{
	return cmd_irte_simple(s->e.fd, ENTRY, 0, 0x44);
}

static bool entry_is_gone(struct scene *s)
{
	return !unit_info(s).nr_irtes;
}

static int do_irq_setup(struct scene *s)
{
	return cmd_irq_setup(s->e.fd, NYX_IRQ_MODE_XAPIC);
}

static bool mode_is_set(struct scene *s)
{
	return unit_info(s).irq_mode;
}

/**
 * struct again_case - two commands
 * @name: for the report
 * @first: takes something away, and waits
 * @took: has it taken it away? NULL: that cannot be seen
 * @second: must wait as well
 * @after: what it answers if the first was killed
 * @beside: what it answers while the first waits
 * @posted: what is held is an interrupt that is posted, not a DMA
 */
static const struct again_case {
	const char *name;
	int (*first)(struct scene *s);
	bool (*took)(struct scene *s);
	int (*second)(struct scene *s);
	int after;
	int beside;
	bool posted;
} again_cases[] = {
	{ "unmap", do_unmap, is_unmapped, do_unmap, -ENOENT, -ENOENT, false },
	{ "unmap_page", do_unmap, is_unmapped, do_unmap_page, -ENOENT, -ENOENT, false },
	{ "unmap_array", do_unmap, is_unmapped, do_unmap_array, -ENOENT, -ENOENT, false },
	{ "unmap_after_all", do_unmap_all, is_unmapped, do_unmap_page, -ENOENT, -ENOENT,
	  false },
	{ "unmap_after_array", do_unmap_array, is_unmapped, do_unmap_page, -ENOENT, -ENOENT,
	  false },
	{ "invalidate", do_unmap, is_unmapped, do_invalidate_domain, 0, 0, false },
	{ "detach", do_detach, has_left, do_detach, -ENOENT, -EBUSY, false },
	{ "detach_remove", do_detach, has_left, do_device_remove, 0, -EBUSY, false },
	{ "detach_attach", do_detach, has_left, do_attach_other, 0, -EBUSY, false },
	{ "detach_destroy", do_detach, has_left, do_domain_destroy, 0, -EBUSY, false },
	{ "detach_invalidate", do_detach, has_left, do_invalidate_device, 0, 0, false },
	{ "replace", do_replace, has_left, do_replace, 0, -EBUSY, false },
	{ "replace_invalidate", do_replace, has_left, do_invalidate_device, 0, 0, false },
	{ "remove", do_device_remove, has_left, do_device_remove, 0, -EBUSY, false },
	{ "remove_detach", do_device_remove, has_left, do_detach, -ENOENT, -EBUSY, false },
	{ "remove_invalidate", do_device_remove, has_left, do_invalidate_device, 0, 0, false },
	{ "quarantine", do_quarantine, is_quarantined, do_quarantine, 0, -EBUSY, false },
	{ "memory", do_memory_remove, memory_is_gone, do_memory_remove, -ENOENT, -ENOENT,
	  false },
	{ "irte_clear", do_irte_clear, entry_is_gone, do_irte_clear, -ENOENT, -ENOENT, true },
	{ "irte_set", do_irte_set, NULL, do_irte_set, 0, 0, true },
	{ "irte_set_clear", do_irte_set, NULL, do_irte_clear, 0, 0, true },
	{ "irq_setup", do_irq_setup, mode_is_set, do_irq_setup, 0, 0, true },
	{ "memory_posted", do_memory_remove, memory_is_gone, do_memory_remove, -ENOENT,
	  -ENOENT, true },
	{ "remove_posted", do_device_remove, has_left, do_device_remove, 0, -EBUSY, true },
};

/* ---- the scene ---- */

static void scene_open(struct scene *s, const struct again_case *v)
{
	struct nyx_irte_set entry = {
		.flags = NYX_IRTE_F_POSTED, .index = ENTRY, .vector = 0x66, .posted = SZ_4K,
	};

	*s = (struct scene){ .v = v };
	env_open(&s->e, .memory = MEM_USER, .mem_size = SZ_64K);
	test_cmd(cmd_map(s->e.fd, s->e.domain, 0, 0, SZ_64K, RW));
	test_cmd(cmd_domain_paging(s->e.fd, 0, &s->other));
	test_cmd(cmd_irte_set(s->e.fd, &entry));
}

static int hold_dma(void *arg)
{
	static unsigned char buf[3 * SZ_4K];
	struct scene *s = arg;
	struct nyx_dma c;

	return cmd_dma_write(s->e.fd, &c, s->e.sbdf, 0, buf, sizeof(buf));
}

static int hold_irq(void *arg)
{
	struct scene *s = arg;
	struct nyx_irq_send c;

	return cmd_irq_send(s->e.fd, &c, s->e.sbdf, msi_index(ENTRY));
}

static void hold(struct caller *c, struct scene *s)
{
	stall_arm(&s->stall, s->e.mem + SZ_4K, SZ_4K);
	caller_start(c, s->v->posted ? hold_irq : hold_dma, s);
	stall_wait(&s->stall);
}

static int first(void *arg)
{
	struct scene *s = arg;

	return s->v->first(s);
}

static int second(void *arg)
{
	struct scene *s = arg;

	return s->v->second(s);
}

/* Issues the second command, and lets the access go. */
static void again(struct scene *s, struct caller *held, int expect)
{
	struct caller c;
	bool waits;

	caller_start(&c, second, s);
	waits = caller_waits(&c);
	stall_release(&s->stall, 0);
	ASSERT_EQ(expect, caller_end(&c));
	test_cmd(caller_end(held));
	if (!waits && expect != -EBUSY)
		FAIL("the second command did not wait");
}

TEST_EACH(after_a_kill, again_cases)
{
	struct caller held;
	struct scene s;
	pid_t pid;

	scene_open(&s, v);
	hold(&held, &s);
	pid = caller_fork(first, &s);
	if (v->took)
		WAIT_FOR(v->took(&s));
	caller_kill(pid);
	again(&s, &held, v->after);
}

TEST_EACH(beside_the_first, again_cases)
{
	struct caller held, c;
	struct scene s;

	scene_open(&s, v);
	hold(&held, &s);
	caller_start(&c, first, &s);
	if (v->took)
		WAIT_FOR(v->took(&s));
	ASSERT_TRUE(caller_waits(&c));
	again(&s, &held, v->beside);
	/* An array that names a page twice stops there. */
	ASSERT_EQ(v->first == do_unmap_array ? -ENOENT : 0, caller_end(&c));
}

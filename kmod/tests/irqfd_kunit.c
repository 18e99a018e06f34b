// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_irqfd: bound interrupts that the worker is at.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The vIOMMU model is the suite's own: the worker waits in it, while it brings in an
 * entry of the guest's table, for as long as a case wants.
 *
 * Only user space can make eventfds. Module parameter: eventfds is the descriptors of
 * two, a source and a target, of the process that loads the module, which do not block.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "base/reason.h"
#include "compat.h"
#include "core/access/device.h"
#include "core/account/qos.h"
#include "core/irq/irq.h"
#include "core/irq/irqfd.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "viommu/msi.h"
#include "waiter.h"

#define SBDF		0x0018u
#define ENTRIES		64u
#define MSI		(0xfee00010ull | 5 << 5)	/* of entry 5 */
#define MSI_OTHER	(0xfee00010ull | 6 << 5)

static int eventfds[2] = { -1, -1 };
module_param_array(eventfds, int, NULL, 0444);
MODULE_PARM_DESC(eventfds, "descriptors of two eventfds");

/* The files of those. */
static struct file *source, *target;

/**
 * struct fixture - a unit with a bound interrupt, kunit.priv
 * @viommu: the vIOMMU model of the unit
 * @unit: the unit
 * @id: the binding
 * @came: the worker is in the vIOMMU model
 * @go: it may go on
 * @stall: the memory of the entry is not at hand, for one time
 */
struct fixture {
	struct suite_viommu viommu;
	struct nyx_unit *unit;
	u32 id;
	struct completion came;
	struct completion go;
	bool stall;
};

static int viommu_decode_irte(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			      struct irt_entry *e, struct nyx_fault_info *fault)
{
	struct fixture *f = container_of(viommu, struct fixture, viommu.base);

	complete(&f->came);
	wait_for_completion(&f->go);
	if (xchg(&f->stall, false))
		return -EAGAIN;
	*e = (struct irt_entry){ .vector = 0x41 };
	return 0;
}

static const struct nyx_viommu_ops viommu_ops = {
	.destroy = suite_viommu_destroy,
	.decode_msg = msi_decode,
	.decode_irte = viommu_decode_irte,
};

/* A descriptor of this thread for a file. */
static int fd_of(struct kunit *test, struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, get_file(file));
	return fd;
}

/* Was the target signalled since the last time? */
static bool heard(void)
{
	loff_t pos = 0;
	u64 n;

	return kernel_read(target, &n, sizeof(n), &pos) == sizeof(n);
}

static void give(struct kunit *test)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fileget(source);

	KUNIT_ASSERT_FALSE(test, IS_ERR(ctx));
	compat_eventfd_signal(ctx);
	eventfd_ctx_put(ctx);
}

static int irqfd_suite_init(struct kunit_suite *suite)
{
	source = eventfd_fget(eventfds[0]);
	target = eventfd_fget(eventfds[1]);
	return 0;
}

static void irqfd_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR(source))
		fput(source);
	if (!IS_ERR(target))
		fput(target);
}

static int irqfd_init(struct kunit *test)
{
	static const struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 48), .irt_entries = ENTRIES,
	};
	const struct nyx_binding_config binding = {
		.sbdf = SBDF,
		.address = MSI,
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	int from, to, ret;

	if (IS_ERR(source) || IS_ERR(target)) {
		kunit_skip(test, "no eventfds");
		return 0;
	}
	KUNIT_ASSERT_NOT_NULL(test, f);
	init_completion(&f->came);
	init_completion(&f->go);
	f->unit = suite_unit_open(test, &cfg);
	test->priv = f;
	suite_viommu_use(&f->viommu, f->unit, &viommu_ops);
	KUNIT_ASSERT_EQ(test, nyx_device_add(f->unit, SBDF), 0);
	from = fd_of(test, source);
	to = fd_of(test, target);
	ret = nyx_irq_bind(f->unit, &binding, from, to, &f->id);
	close_fd(from);
	close_fd(to);
	heard();
	return ret;
}

/* Let a worker go on, before the unit is closed. */
static void irqfd_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		complete_all(&f->go);
}

static int do_unbind(void *fixture)
{
	struct fixture *f = fixture;

	return nyx_irq_unbind(f->unit, f->id);
}

static int set_mask(struct fixture *f, bool masked)
{
	const struct nyx_binding_config cfg = { .masked = masked };

	return nyx_irq_change(f->unit, f->id, NYX_CHANGE_F_MASK, &cfg);
}

static int do_mask(void *fixture)
{
	return set_mask(fixture, true);
}

static int do_change_gone(void *fixture)
{
	/* Gone for others by now. */
	return set_mask(fixture, true);
}

/* The target is not signalled when it is unbound, also by the worker. */
static void unbind_waits_for_worker(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct waiter w;
	bool waits;

	give(test);
	wait_for_completion(&f->came);
	waiter_start(test, &w, do_unbind, f);
	waits = waiter_sleeps(&w);
	KUNIT_EXPECT_FALSE(test, heard());
	complete_all(&f->go);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_TRUE(test, waits);
	heard();
	give(test);
	KUNIT_EXPECT_FALSE(test, heard());
}

/* Nor for another thread that finds no such binding any more. */
static void finder_of_none_waits_for_worker(struct kunit *test)
{
	int (*const fn[])(void *fixture) = { do_unbind, do_unbind, do_change_gone };
	struct fixture *f = test->priv;
	struct waiter w[ARRAY_SIZE(fn)];
	bool waits[ARRAY_SIZE(fn)];
	unsigned int i;

	give(test);
	wait_for_completion(&f->came);
	for (i = 0; i < ARRAY_SIZE(fn); i++) {
		waiter_start(test, &w[i], fn[i], f);
		waits[i] = waiter_sleeps(&w[i]);
	}
	complete_all(&f->go);
	for (i = 0; i < ARRAY_SIZE(fn); i++) {
		KUNIT_EXPECT_EQ(test, waiter_end(&w[i]),
				i ? NYX_ERR(NO_SUCH_BINDING) : 0);
		KUNIT_EXPECT_TRUE(test, waits[i]);
	}
	heard();
}

/* The worker sends by the mask as it was: nothing comes when the mask is set. */
static void mask_waits_for_worker(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct waiter w;
	bool waits;

	give(test);
	wait_for_completion(&f->came);
	waiter_start(test, &w, do_mask, f);
	waits = waiter_sleeps(&w);
	complete_all(&f->go);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_TRUE(test, waits);
	KUNIT_EXPECT_TRUE(test, heard());
	give(test);
	KUNIT_EXPECT_FALSE(test, heard());
	KUNIT_EXPECT_EQ(test, set_mask(f, false), 0);
}

/* Until it is so; 20 s, as the machine may be busy. */
#define UNTIL(cond) ({						\
	unsigned int __n;					\
								\
	for (__n = 0; __n < 20000 && !(cond); __n++)		\
		usleep_range(1000, 2000);			\
	__n < 20000;						\
})

/* All ones if the binding is gone. The case may not end here: a thread may use its stack. */
static u32 flags_of(struct fixture *f)
{
	struct nyx_binding_info info;

	return nyx_binding_next(f->unit, f->id, &info) ? info.flags : ~0u;
}

/*
 * A signal is being sent when it is masked, and then cannot be: it is not lost, but
 * pending.
 */
static void masked_while_it_is_sent(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct waiter w;

	f->stall = true;
	give(test);
	wait_for_completion(&f->came);
	waiter_start(test, &w, do_mask, f);
	KUNIT_EXPECT_TRUE(test, waiter_sleeps(&w));
	KUNIT_EXPECT_EQ(test, flags_of(f), NYX_BIND_F_MASKED);
	complete_all(&f->go);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_TRUE(test, UNTIL(flags_of(f) == (NYX_BIND_F_MASKED | NYX_BIND_F_PENDING)));
	KUNIT_EXPECT_FALSE(test, heard());
	KUNIT_EXPECT_EQ(test, set_mask(f, false), 0);
	KUNIT_EXPECT_TRUE(test, UNTIL(heard()));
	KUNIT_EXPECT_EQ(test, flags_of(f), 0u);
}

static int set_message(struct fixture *f, u64 address)
{
	const struct nyx_binding_config cfg = { .address = address };

	return nyx_irq_change(f->unit, f->id, NYX_CHANGE_F_MESSAGE, &cfg);
}

static int do_message(void *fixture)
{
	return set_message(fixture, MSI);
}

/**
 * struct wait_state - what a binding waits for
 * @due: its deadline, or the last one
 * @waited_ms: for how long it has waited for memory
 * @nr_stalled: bindings of the unit that wait for memory
 * @limit: it waits for a limit
 */
struct wait_state {
	ktime_t due;
	u32 waited_ms;
	int nr_stalled;
	bool limit;
};

static struct wait_state wait_state(struct fixture *f)
{
	struct nyx_binding *b = xa_load(&f->unit->irq.bindings, f->id);
	struct wait_state s;

	spin_lock_irq(&b->lock);
	s = (struct wait_state){
		.due = b->due.expires,
		.waited_ms = b->waited_ms,
		.nr_stalled = atomic_read(&f->unit->irq.fds->nr_stalled),
		.limit = b->limit.charged,
	};
	spin_unlock_irq(&b->lock);
	return s;
}

/* A signal has come, and the worker tries it again: the memory was not at hand. */
static void stall_once(struct kunit *test, struct fixture *f)
{
	f->stall = true;
	give(test);
	wait_for_completion(&f->came);
	complete(&f->go);
	wait_for_completion(&f->came);
	KUNIT_EXPECT_GT(test, wait_state(f).waited_ms, 0u);
	KUNIT_EXPECT_EQ(test, wait_state(f).nr_stalled, 1);
}

/*
 * A new message does not wait as long as the old one would, also if the worker tries the old
 * one meanwhile, in vain.
 */
static void message_while_it_stalls(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct waiter w;
	ktime_t changed;

	stall_once(test, f);
	f->stall = true;
	waiter_start(test, &w, do_message, f);
	KUNIT_EXPECT_TRUE(test, waiter_sleeps(&w));
	changed = ktime_get();
	complete(&f->go);
	wait_for_completion(&f->came);
	KUNIT_EXPECT_LE(test, wait_state(f).due, changed);
	complete_all(&f->go);
	KUNIT_EXPECT_EQ(test, waiter_end(&w), 0);
	KUNIT_EXPECT_TRUE(test, UNTIL(heard()));
	KUNIT_EXPECT_TRUE(test, UNTIL(!wait_state(f).nr_stalled));
}

/* An interrupt that waits for a limit does not wait for memory any more. */
static void limit_ends_the_stall(struct kunit *test)
{
	const struct nyx_limits limits = { .irqs_per_s = 1, .burst_ms = 10 };
	const struct nyx_irq_req other = { .sbdf = SBDF, .address = MSI };
	struct fixture *f = test->priv;
	struct nyx_irq_reply reply;
	struct wait_state s;

	/* The entry of @other is in the cache. */
	give(test);
	wait_for_completion(&f->came);
	complete(&f->go);
	KUNIT_EXPECT_TRUE(test, UNTIL(heard()));
	KUNIT_EXPECT_EQ(test, set_message(f, MSI_OTHER), 0);
	stall_once(test, f);
	KUNIT_EXPECT_EQ(test, nyx_limits_set(f->unit, NYX_SCOPE_DEVICE, SBDF, &limits), 0);
	KUNIT_EXPECT_EQ(test, nyx_irq_send(f->unit, &other, &reply), 0);
	complete_all(&f->go);
	KUNIT_EXPECT_TRUE(test, UNTIL((s = wait_state(f)).limit));
	KUNIT_EXPECT_EQ(test, s.waited_ms, 0u);
	KUNIT_EXPECT_EQ(test, s.nr_stalled, 0);
	/* Another message is no reason to send it before its turn. */
	KUNIT_EXPECT_EQ(test, set_message(f, MSI), 0);
	KUNIT_EXPECT_EQ(test, wait_state(f).due, s.due);
	KUNIT_EXPECT_TRUE(test, UNTIL(heard()));
}

static struct kunit_case irqfd_cases[] = {
	KUNIT_CASE(unbind_waits_for_worker),
	KUNIT_CASE(finder_of_none_waits_for_worker),
	KUNIT_CASE(mask_waits_for_worker),
	KUNIT_CASE(masked_while_it_is_sent),
	KUNIT_CASE(message_while_it_stalls),
	KUNIT_CASE(limit_ends_the_stall),
	{}
};

static struct kunit_suite irqfd_suite = {
	.name = "nyx_irqfd",
	.suite_init = irqfd_suite_init,
	.suite_exit = irqfd_suite_exit,
	.init = irqfd_init,
	.exit = irqfd_exit,
	.test_cases = irqfd_cases,
};

kunit_test_suite(irqfd_suite);

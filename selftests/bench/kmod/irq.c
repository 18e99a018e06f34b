// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: interrupts, in the kernel. Row I2.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An interrupt of a device: remapped, counted, and delivered by signalling an
 * eventfd, which is that of the process that loads the module. The peer signals
 * the same eventfd, and nothing else. No thread waits for it, or a function that
 * the signal calls takes it, as KVM's irqfd does.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include "bench.h"

#include "compat.h"
#include "core/space/inval.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/unit.h"

#define ENTRIES	1024u

struct irq_rows {
	struct world *w;
	struct eventfd_ctx *signal;
	u64 taken;
	wait_queue_entry_t wait;
	poll_table poll;
	u32 address[ENTRIES];
};

static void run_send(void *ctx, unsigned long n)
{
	struct irq_rows *r = ctx;
	struct nyx_irq_req req = { .sbdf = WORLD_SBDF, .signal = r->signal };
	struct nyx_irq_reply reply;
	unsigned long i;

	for (i = 0; i < n; i++) {
		req.address = r->address[i % ENTRIES];
		bench_check(!nyx_irq_send(r->w->unit, &req, &reply));
		bench_check(reply.result == NYX_IRQ_DELIVER);
	}
}

static void run_send_only(void *ctx, unsigned long n)
{
	struct irq_rows *r = ctx;
	struct eventfd_ctx *signal = r->signal;

	r->signal = NULL;
	run_send(ctx, n);
	r->signal = signal;
}

static void run_signal(void *ctx, unsigned long n)
{
	struct irq_rows *r = ctx;

	while (n--)
		compat_eventfd_signal(r->signal);
}

static int take(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irq_rows *r = container_of(wait, struct irq_rows, wait);
	u64 n;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(r->signal, &n);
	r->taken += n;
	return 1;
}

static void queue(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	struct irq_rows *r = container_of(poll, struct irq_rows, poll);

	add_wait_queue(head, &r->wait);
}

static void fill(struct irq_rows *r)
{
	struct irt_entry e = {
		.vector = 0x40, .check = NYX_SOURCE_RID, .source = WORLD_SBDF,
	};
	struct nyx_ticket ticket = NYX_TICKET(r->w->unit);
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		e.dest = i;
		bench_check(!nyx_irte_write(r->w->unit, i, 1, &e, &ticket));
		r->address[i] = 0xfee00010 | i << 5;
	}
	for (i = ENTRIES - 1; i; i--)
		swap(r->address[i], r->address[bench_random() % (i + 1)]);
	bench_check(!nyx_inval_wait(&ticket));
}

static void rows(struct irq_rows *r, struct file *file)
{
	struct bench_side alone = { .ctx = r, .run = run_send_only };
	struct bench_side ours = { .ctx = r, .run = run_send };
	struct bench_side peer = {
		.name = "eventfd_signal", .ctx = r, .run = run_signal, .ratio = 83,
	};
	u64 n;

	bench_row("I2", "nyx_irq_send, 1024 entries, nobody is signalled", 0, &alone,
		  NULL, 0);
	bench_row("I2", "nyx_irq_send + eventfd_signal, nobody waits", NS(95), &ours,
		  &peer, 1);
	init_waitqueue_func_entry(&r->wait, take);
	init_poll_funcptr(&r->poll, queue);
	vfs_poll(file, &r->poll);
	bench_row("I2", "nyx_irq_send + eventfd_signal, taken by a function", NS(95),
		  &ours, &peer, 1);
	eventfd_ctx_remove_wait_queue(r->signal, &r->wait, &n);
	bench_check(r->taken);
}

void bench_irq_rows(struct world *w, int fd)
{
	struct irq_rows *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct file *file = fd < 0 ? NULL : fget(fd);

	if (!r) {
		bench_fail(__LINE__, "memory");
	} else if (!file) {
		bench_skip("I2", "U", "no eventfd");
	} else {
		r->w = w;
		r->signal = eventfd_ctx_fileget(file);
		if (IS_ERR(r->signal)) {
			bench_skip("I2", "U", "no eventfd");
		} else {
			fill(r);
			rows(r, file);
			eventfd_ctx_put(r->signal);
		}
	}
	if (file)
		fput(file);
	kfree(r);
}

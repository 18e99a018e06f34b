// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the module that calls nyx-iommu.ko from within the kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Runs when it is loaded, in the process that loads it, whose memory serves as
 * guest memory. debugfs nyx-bench/results has the lines that measure.h describes.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"

#define TEXT_SIZE	SZ_64K

static unsigned long seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "where random numbers begin");
module_param_named(reps, bench_reps, uint, 0444);
MODULE_PARM_DESC(reps, "repetitions, at least 15");

static int eventfd = -1;
module_param(eventfd, int, 0444);
MODULE_PARM_DESC(eventfd, "an eventfd of the process that loads the module");

static bool growth;
module_param(growth, bool, 0444);
MODULE_PARM_DESC(growth, "measure what grows with devices and domains, and nothing else");

static char *text;
static size_t used;
static bool failed;
static struct dentry *dir;

u64 bench_clock(void)
{
	return bench_cpu_time();
}

void bench_print(const char *fmt, ...)
{
	va_list ap;

	/* Others want to run, too: this is between two rows. */
	cond_resched();
	if (failed)
		return;
	va_start(ap, fmt);
	used += vscnprintf(text + used, TEXT_SIZE - used, fmt, ap);
	va_end(ap);
}

void bench_fail(int line, const char *what)
{
	if (!failed)
		pr_err("nyx_bench: line %d: %s\n", line, what);
	failed = true;
}

static int results_show(struct seq_file *m, void *v)
{
	seq_write(m, text, used);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int __init measure_world(void)
{
	struct world w = {};
	int ret = world_begin(&w);

	if (!ret) {
		bench_sync_rows(&w);
		bench_rows(&w);
		bench_irq_rows(&w, eventfd);
		bench_fault_rows(&w);
	}
	world_end(&w);
	return ret;
}

static int __init bench_module_init(void)
{
	int ret = 0;

	text = kvmalloc(TEXT_SIZE, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	bench_reps = clamp(bench_reps, 15u, (unsigned int)BENCH_MAX_REPS);
	bench_init(seed);
	if (growth)
		bench_growth_rows();
	else
		ret = measure_world();
	if (failed)
		ret = -EIO;
	if (ret) {
		kvfree(text);
		return ret;
	}
	dir = debugfs_create_dir("nyx-bench", NULL);
	debugfs_create_file("results", 0400, dir, NULL, &results_fops);
	return 0;
}

static void __exit bench_module_exit(void)
{
	debugfs_remove_recursive(dir);
	kvfree(text);
}

module_init(bench_module_init);
module_exit(bench_module_exit);
MODULE_IMPORT_NS(NYX_INTERNAL);
MODULE_IMPORT_NS(IOMMUFD);	/* AMD v1's dirty bitmap */
MODULE_AUTHOR("The Nyx authors");
MODULE_DESCRIPTION("Nyx: benchmarks");
MODULE_LICENSE("GPL");

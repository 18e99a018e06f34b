// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: allocations and copies of the kernel that fail.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "fail.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void set_knob(const char *dir, const char *file, const char *value)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		ktap_print("%s: %s", path, strerror(errno));
	close(fd);
}

/* Leaves a kind of failure to fail-nth, or keeps it out by an impossible caller. */
static void select_kind(const char *dir, bool wanted)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", dir);
	if (stat(path, &st))
		return;
	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/require-start", dir);
	if (!wanted && stat(path, &st))
		NOT_HERE("%s cannot be told apart in this kernel", dir);
	set_knob(dir, "require-start", wanted ? "0x0" : "0x1");
	set_knob(dir, "require-end", wanted ? "0xffffffffffffffff" : "0x2");
}

static const char *const dirs[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

int fail_open(bool copies)
{
	struct stat st;
	int fd;

	fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		NOT_HERE("no fault injection in this kernel");
	if (stat("/sys/kernel/debug/failslab", &st))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (stat("/sys/kernel/debug/failslab", &st))
		NOT_HERE("no failslab in debugfs");
	if (copies && stat("/sys/kernel/debug/fail_usercopy", &st))
		NOT_HERE("no fail_usercopy in this kernel");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		set_knob(dirs[i], "ignore-gfp-wait", "N");
		set_knob(dirs[i], "ignore-gfp-highmem", "N");
		set_knob(dirs[i], "min-order", "0");
		set_knob(dirs[i], "verbose", "0");
		select_kind(dirs[i], copies == (i == 2));
	}
	return fd;
}

/* The function's first address and the next one's, false if it is not known. */
static bool function_range(const char *function, unsigned long long *first,
			   unsigned long long *end)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	unsigned long long at;
	char type;

	*first = 0;
	*end = ~0ull;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %c %255s", &at, &type, name) == 3 && !strcmp(name, function))
			*first = at;
	if (f)
		rewind(f);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %c", &at, &type) == 2 && at > *first && at < *end)
			*end = at;
	if (f)
		fclose(f);
	return *first;
}

void fail_only_below(const char *function)
{
	unsigned long long first, end;
	char text[2][24];

	if (!function_range(function, &first, &end))
		SKIP("no address of %s in /proc/kallsyms", function);
	snprintf(text[0], sizeof(text[0]), "0x%llx", first);
	snprintf(text[1], sizeof(text[1]), "0x%llx", end);
	for (size_t i = 0; i < 2; i++) {
		set_knob(dirs[i], "stacktrace-depth", "32");
		set_knob(dirs[i], "require-start", text[0]);
		set_knob(dirs[i], "require-end", text[1]);
	}
}

void fail_arm(int nth, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	while (pwrite(nth, text, len, 0) != len)
		if (errno != EFAULT)	/* met the failure itself */
			FAIL("fail-nth: %s", strerror(errno));
}

bool fail_disarm(int nth)
{
	char text[16] = { 0 };
	ssize_t n = pread(nth, text, sizeof(text) - 1, 0);

	if (n < 0 && errno == EFAULT)
		return false;	/* met the failure itself */
	if (n <= 0)
		FAIL("fail-nth: %s", strerror(errno));
	fail_arm(nth, 0);
	return !atoi(text);
}

static void set_budget(const char *probability, const char *times, unsigned int bytes)
{
	char space[16];

	snprintf(space, sizeof(space), "%u", bytes);
	for (size_t i = 0; i < 2; i++) {
		set_knob(dirs[i], "task-filter", "Y");
		set_knob(dirs[i], "space", space);
		set_knob(dirs[i], "times", times);
		set_knob(dirs[i], "probability", probability);
	}
}

int fail_open_budget(void)
{
	int fd = open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		NOT_HERE("no fault injection in this kernel");
	close(fail_open(false));
	return fd;
}

static void write_switch(int fd, const char *text)
{
	ASSERT_EQ(1, pwrite(fd, text, 1, 0));
}

void fail_budget(int fd, unsigned int bytes)
{
	set_budget("100", "-1", bytes);
	write_switch(fd, "1");
}

void fail_budget_end(int fd)
{
	write_switch(fd, "0");
	set_budget("0", "1", 0);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: memory cgroups, to see what kernel memory is charged.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "memcg.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nyx_env.h"

static char group[100] = MEMCG_ROOT "/caller";

static bool put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool ok = f && fputs(text, f) >= 0;

	if (f && fclose(f))
		ok = false;
	return ok;
}

void memcg_select(const char *name)
{
	snprintf(group, sizeof(group), MEMCG_ROOT "/%s", name);
}

bool memcg_put(const char *file, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return put_file(path, text);
}

void memcg_make(void)
{
	mkdir(MEMCG_ROOT, 0755);
	mount("none", MEMCG_ROOT, "cgroup2", 0, NULL);
	if (!put_file(MEMCG_ROOT "/cgroup.subtree_control", "+memory"))
		SKIP("no memory controller of cgroup v2");
	/* The memory of the case before may still be on its way. */
	rmdir(group);
	mkdir(group, 0755);
	memcg_put("memory.max", "max");
}

void memcg_enter(void)
{
	ASSERT_TRUE(memcg_put("cgroup.procs", "0"));
}

void memcg_make_and_enter(void)
{
	memcg_make();
	memcg_enter();
}

void memcg_leave(void)
{
	ASSERT_TRUE(put_file(MEMCG_ROOT "/cgroup.procs", "0"));
}

long long memcg_stat(const char *field)
{
	size_t length = strlen(field);
	long long bytes = -1;
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "%s/memory.stat", group);
	f = fopen(line, "r");
	ASSERT_TRUE(f);
	while (bytes < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, length))
			sscanf(line + length, " %lld", &bytes);
	fclose(f);
	if (bytes < 0)
		SKIP("the kernel does not tell");
	return bytes;
}

void memcg_let_it_add_up(void)
{
	pause_ms(2500);
}

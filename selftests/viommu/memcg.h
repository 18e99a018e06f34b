/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: memory cgroups, to see what kernel memory is charged.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A thread works with one cgroup at a time, which memcg_select() names.
 */
#ifndef NYX_SELFTESTS_MEMCG_H
#define NYX_SELFTESTS_MEMCG_H

#include <stdbool.h>

#define MEMCG_ROOT	"/run/nyx-memcg"

/* The other functions are about this one. */
void memcg_select(const char *name);
/* Makes it, or skips the case. */
void memcg_make(void);
/* Moves this process into it. */
void memcg_enter(void);
/* As memcg_make(), and moves this process. */
void memcg_make_and_enter(void);
/* Writes to a file of it. */
bool memcg_put(const char *file, const char *text);
/* Moves this process to the root. */
void memcg_leave(void);
/* A line of its memory.stat, in bytes: "kernel" is all kernel memory that it is charged for. */
long long memcg_stat(const char *field);
/* Until the kernel has added up all that there is: it does so every two seconds. */
void memcg_let_it_add_up(void);

#endif /* NYX_SELFTESTS_MEMCG_H */

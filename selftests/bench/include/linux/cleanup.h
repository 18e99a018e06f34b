/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: the kernel's scope-based locks and pointers, as far as core/
 * may use them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/memory.h"

#ifndef NYX_BENCH_CLEANUP_H
#define NYX_BENCH_CLEANUP_H

#define __cleanup(fn)		__attribute__((__cleanup__(fn)))

static inline struct mutex *bench_guard_mutex(struct mutex *l)
{
	mutex_lock(l);
	return l;
}

static inline void bench_unguard_mutex(struct mutex **l)
{
	mutex_unlock(*l);
}

static inline int bench_guard_rcu(void)
{
	rcu_read_lock();
	return 0;
}

static inline void bench_unguard_rcu(int *unused)
{
	rcu_read_unlock();
}

#define BENCH_GUARD_mutex	struct mutex *__UNIQUE_ID(guard) \
				__cleanup(bench_unguard_mutex) = bench_guard_mutex
#define BENCH_GUARD_rcu		int __UNIQUE_ID(guard) \
				__cleanup(bench_unguard_rcu) = bench_guard_rcu
#define guard(kind)		BENCH_GUARD_##kind
#define scoped_guard(kind, ...)						\
	for (bool __once = true; __once; )				\
		for (guard(kind)(__VA_ARGS__); __once; __once = false)

#define DEFINE_FREE(name, type, expr)					\
	static inline void __free_##name(void *p)			\
	{ type _T = *(type *)p; expr; }
#define __free(name)		__cleanup(__free_##name)
#define no_free_ptr(p)		({ __auto_type _p = (p); (p) = NULL; _p; })
#define return_ptr(p)		return no_free_ptr(p)

DEFINE_FREE(kfree, void *, if (!IS_ERR_OR_NULL(_T)) kfree(_T))

#endif /* NYX_BENCH_CLEANUP_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: atomics, RCU, locks, threads in user space.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Kernel threads are POSIX threads, and each thread is a CPU of its own. RCU has
 * real grace periods; callbacks run in a thread. No thread is ever killed, except
 * by host_kill_nth().
 */
#ifndef NYX_HOST_SYNC_H
#define NYX_HOST_SYNC_H

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "host/kernel.h"

/* ---- barriers and atomics ----------------------------------------------- */

#ifdef NYX_HOST_TSAN
/* TSan does not model fences; a read-modify-write of one word comes close. */
extern int host_fence;
#define smp_mb()		((void)__atomic_fetch_add(&host_fence, 0, __ATOMIC_SEQ_CST))
#else
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define smp_rmb()		smp_mb()
#define smp_wmb()		smp_mb()
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()
#define smp_mb__after_spinlock() smp_mb()
#define smp_load_acquire(p)	({ host_step(); __atomic_load_n(p, __ATOMIC_ACQUIRE); })
#define smp_store_release(p, v) ({ typeof(*(p)) _v = (typeof(*(p)))(v);	\
	host_step();							\
	__atomic_store_n(p, _v, __ATOMIC_RELEASE); })

#if defined(NYX_HOST_STEP)
#define cpu_relax()		((void)host_yield())
#elif defined(__x86_64__)
#define cpu_relax()		__builtin_ia32_pause()
#else
#define cpu_relax()		barrier()
#endif

#define xchg(p, v)		({ host_step(); __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); })
#define cmpxchg(p, o, n) ({ typeof(*(p)) _o = (o);			\
	host_step();							\
	__atomic_compare_exchange_n(p, &_o, n, false, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST);			\
	_o; })
#define cmpxchg64		cmpxchg
#define try_cmpxchg(p, o, n)						\
	({ host_step();							\
	   __atomic_compare_exchange_n(p, o, n, false, __ATOMIC_SEQ_CST, \
				       __ATOMIC_SEQ_CST); })

#define HOST_ATOMIC(name, type)						\
typedef struct { type counter; } name##_t;				\
static inline type name##_read(const name##_t *v)			\
{ host_step(); return __atomic_load_n(&v->counter, __ATOMIC_RELAXED); }	\
static inline type name##_read_acquire(const name##_t *v)		\
{ host_step(); return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE); }	\
static inline void name##_set(name##_t *v, type i)			\
{ host_step(); __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline void name##_set_release(name##_t *v, type i)		\
{ host_step(); __atomic_store_n(&v->counter, i, __ATOMIC_RELEASE); }	\
static inline void name##_add(type i, name##_t *v)			\
{ host_step(); __atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline void name##_sub(type i, name##_t *v)			\
{ host_step(); __atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline void name##_or(type i, name##_t *v)			\
{ host_step(); __atomic_fetch_or(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline void name##_and(type i, name##_t *v)			\
{ host_step(); __atomic_fetch_and(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline void name##_inc(name##_t *v)				\
{ name##_add(1, v); }							\
static inline void name##_dec(name##_t *v)				\
{ name##_sub(1, v); }							\
static inline type name##_add_return(type i, name##_t *v)		\
{ host_step(); return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST); } \
static inline type name##_fetch_add(type i, name##_t *v)		\
{ host_step(); return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST); } \
static inline type name##_fetch_or(type i, name##_t *v)			\
{ host_step(); return __atomic_fetch_or(&v->counter, i, __ATOMIC_SEQ_CST); } \
static inline type name##_fetch_andnot(type i, name##_t *v)		\
{ host_step(); return __atomic_fetch_and(&v->counter, ~i, __ATOMIC_SEQ_CST); } \
static inline type name##_inc_return(name##_t *v)			\
{ return name##_add_return(1, v); }					\
static inline type name##_dec_return(name##_t *v)			\
{ return name##_add_return(-1, v); }					\
static inline bool name##_dec_and_test(name##_t *v)			\
{ return !name##_dec_return(v); }					\
static inline bool name##_inc_not_zero(name##_t *v)			\
{									\
	type _o = name##_read(v);					\
	while (_o && !try_cmpxchg(&v->counter, &_o, _o + 1))		\
		;							\
	return _o;							\
}									\
static inline type name##_xchg(name##_t *v, type i)			\
{ return xchg(&v->counter, i); }					\
static inline type name##_cmpxchg(name##_t *v, type o, type n)		\
{ return cmpxchg(&v->counter, o, n); }					\
static inline bool name##_try_cmpxchg(name##_t *v, type *o, type n)	\
{ return try_cmpxchg(&v->counter, o, n); }

HOST_ATOMIC(atomic, int)
HOST_ATOMIC(atomic_long, long)
HOST_ATOMIC(atomic64, s64)

/* ---- RCU ---------------------------------------------------------------- */

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void rcu_barrier(void);

#define rcu_dereference(p)		smp_load_acquire(&(p))
#define rcu_dereference_raw(p)		smp_load_acquire(&(p))
#define rcu_dereference_protected(p, c)	(p)
#define rcu_access_pointer(p)		READ_ONCE(p)
#define rcu_assign_pointer(p, v)	smp_store_release(&(p), v)
#define RCU_INIT_POINTER(p, v)		WRITE_ONCE(p, v)
#define rcu_replace_pointer(p, v, c) ({ typeof(p) _p = (p); rcu_assign_pointer(p, v); _p; })
#define rcu_read_lock_held()		1
/* A function below 4096 is the offset of the head in what kfree() gets. */
#define kfree_rcu(ptr, field)						\
	call_rcu(&(ptr)->field, (void (*)(struct rcu_head *))(unsigned long) \
		 offsetof(typeof(*(ptr)), field))
#define kvfree_rcu			kfree_rcu

/* ---- the current thread -------------------------------------------------- */

struct task_struct;
#define current			((struct task_struct *)NULL)
bool host_killed(void);
unsigned int host_cpu(void);

#ifdef NYX_HOST_STEP
#define HOST_NR_CPUS		4	/* fewer steps to add them up */
#else
#define HOST_NR_CPUS		64
#endif
#define nr_cpu_ids		((unsigned int)HOST_NR_CPUS)
#define num_online_cpus()	((unsigned int)sysconf(_SC_NPROCESSORS_ONLN))
#define for_each_possible_cpu(cpu) \
	for ((cpu) = 0; (unsigned int)(cpu) < nr_cpu_ids; (cpu)++)

#define preempt_disable()	barrier()
#define preempt_enable()	barrier()
#define cond_resched()		do { } while (0)
#define might_sleep()		do { } while (0)
#define schedule()		sched_yield()
#define fatal_signal_pending(t)	host_killed()
#define signal_pending(t)	host_killed()
#define lockdep_assert_held(l)	do { } while (0)
#define lockdep_is_held(l)	1
#define local_irq_save(f)	((void)(f))
#define local_irq_restore(f)	((void)(f))

/* ---- per-CPU data -------------------------------------------------------- */

void *host_alloc_percpu(size_t size);
/* The same for all types, so that it is that of a member, too. */
#define HOST_PERCPU_STRIDE	512ul
#define alloc_percpu_gfp(t, gfp) ({					\
	_Static_assert(sizeof(t) <= HOST_PERCPU_STRIDE, "per-CPU data");	\
	(t *)host_alloc_percpu(HOST_PERCPU_STRIDE * HOST_NR_CPUS);	\
})
#define alloc_percpu(t)		alloc_percpu_gfp(t, 0)
void free_percpu(void *p);
#define per_cpu_ptr(p, cpu) \
	((typeof(p))((char *)(p) + (cpu) * HOST_PERCPU_STRIDE))
#define raw_cpu_ptr(p)		per_cpu_ptr(p, host_cpu())
#define this_cpu_ptr(p)		raw_cpu_ptr(p)
#define this_cpu_add(pcp, n)	((void)(*raw_cpu_ptr(&(pcp)) += (n)))
#define this_cpu_inc(pcp)						\
	({ host_step(); (void)__atomic_fetch_add(raw_cpu_ptr(&(pcp)), 1, __ATOMIC_RELAXED); })

/* ---- locks, waiting ------------------------------------------------------ */

struct mutex { pthread_mutex_t m; };
#define DEFINE_MUTEX(n)		struct mutex n = { PTHREAD_MUTEX_INITIALIZER }
#define mutex_init(l)		((void)pthread_mutex_init(&(l)->m, NULL))
#define mutex_destroy(l)	((void)pthread_mutex_destroy(&(l)->m))
#ifdef NYX_HOST_STEP
/* The signals that end a wait. */
enum host_signals { HOST_NO_SIGNAL, HOST_FATAL_SIGNAL, HOST_ANY_SIGNAL };

int host_lock(pthread_mutex_t *m, enum host_signals heed);
#define mutex_lock(l)		((void)host_lock(&(l)->m, HOST_NO_SIGNAL))
#define mutex_lock_killable(l)	host_lock(&(l)->m, HOST_FATAL_SIGNAL)
#define mutex_lock_interruptible(l) host_lock(&(l)->m, HOST_ANY_SIGNAL)
#else
#define mutex_lock(l)		((void)pthread_mutex_lock(&(l)->m))
#define mutex_lock_killable(l)	pthread_mutex_lock(&(l)->m)
#define mutex_lock_interruptible(l) pthread_mutex_lock(&(l)->m)
#endif
#define mutex_trylock(l)	(!pthread_mutex_trylock(&(l)->m))
#define mutex_unlock(l)		((void)pthread_mutex_unlock(&(l)->m))

typedef struct { pthread_mutex_t m; } spinlock_t;
#define spin_lock_init(l)	((void)pthread_mutex_init(&(l)->m, NULL))
#define spin_lock(l)		((void)pthread_mutex_lock(&(l)->m))
#define spin_unlock(l)		((void)pthread_mutex_unlock(&(l)->m))
#define spin_lock_irq		spin_lock
#define spin_unlock_irq		spin_unlock
#define spin_lock_irqsave(l, f)	((void)(f), spin_lock(l))
#define spin_unlock_irqrestore(l, f) spin_unlock(l)

/* So many jiffies, which are milliseconds here, from now on. */
struct timespec host_until(unsigned long timeout);

typedef struct wait_queue_head {
	pthread_mutex_t m;
	pthread_cond_t c;
} wait_queue_head_t;

#define init_waitqueue_head(q)						\
	do {								\
		pthread_mutex_init(&(q)->m, NULL);			\
		pthread_cond_init(&(q)->c, NULL);			\
	} while (0)
#ifdef NYX_HOST_STEP
void host_queue_enter(wait_queue_head_t *q);
void host_queue_leave(wait_queue_head_t *q);
int host_queue_sleep(wait_queue_head_t *q, enum host_signals heed);
bool host_queue_active(const wait_queue_head_t *q);
void host_queue_wake(const wait_queue_head_t *q);
#define wake_up_all(q)		host_queue_wake(q)
#define waitqueue_active(q)	host_queue_active(q)
/* As the kernel's: into the queue, a look, and to sleep if there was no wake-up meanwhile. */
#define host_wait(q, cond, heed) ({ int _ret = 0;			\
	if (!(cond)) {							\
		for (;;) {						\
			host_queue_enter(&(q));				\
			if (cond)					\
				break;					\
			_ret = host_queue_sleep(&(q), heed);		\
			if (_ret)					\
				break;					\
		}							\
		host_queue_leave(&(q));					\
	}								\
	_ret; })
#define wait_event(q, cond)	((void)host_wait(q, cond, HOST_NO_SIGNAL))
#define wait_event_killable(q, cond) host_wait(q, cond, HOST_FATAL_SIGNAL)
#define wait_event_interruptible(q, cond) host_wait(q, cond, HOST_ANY_SIGNAL)
/* No time passes: a wait that only its time-out would end is a lost wake-up. */
#define wait_event_timeout(q, cond, t)	((void)(t), host_wait(q, cond, HOST_NO_SIGNAL), 1l)
#define wait_event_killable_timeout(q, cond, t)				\
	({ int _err = host_wait(q, cond, HOST_FATAL_SIGNAL); (void)(t); _err ?: 1l; })
#define wait_event_interruptible_timeout(q, cond, t)			\
	({ int _err = host_wait(q, cond, HOST_ANY_SIGNAL); (void)(t); _err ?: 1l; })
#else
#define wake_up_all(q)							\
	do {								\
		pthread_mutex_lock(&(q)->m);				\
		pthread_cond_broadcast(&(q)->c);			\
		pthread_mutex_unlock(&(q)->m);				\
	} while (0)
#define waitqueue_active(q)	1
#define wait_event(q, cond)						\
	do {								\
		pthread_mutex_lock(&(q).m);				\
		while (!(cond))						\
			pthread_cond_wait(&(q).c, &(q).m);		\
		pthread_mutex_unlock(&(q).m);				\
	} while (0)
#define wait_event_killable(q, cond)	({ wait_event(q, cond); 0; })
#define wait_event_interruptible(q, cond) ({ wait_event(q, cond); 0; })
#define wait_event_timeout(q, cond, t) ({				\
	struct timespec _until = host_until(t);				\
	bool _ok;							\
	int _err = 0;							\
	pthread_mutex_lock(&(q).m);					\
	while (!(_ok = (cond)) && !_err)				\
		_err = pthread_cond_timedwait(&(q).c, &(q).m, &_until);	\
	pthread_mutex_unlock(&(q).m);					\
	(long)_ok; })
#define wait_event_killable_timeout	wait_event_timeout
#endif
#define wq_has_sleeper(q)	waitqueue_active(q)

struct completion {
	wait_queue_head_t q;
	int done;
};

void init_completion(struct completion *c);
void complete(struct completion *c);
void complete_all(struct completion *c);
void wait_for_completion(struct completion *c);
/* Jiffies are milliseconds here. Returns those that are left, 0 for none. */
unsigned long wait_for_completion_timeout(struct completion *c,
					  unsigned long timeout);
bool try_wait_for_completion(struct completion *c);
bool completion_done(struct completion *c);

/* ---- threads -------------------------------------------------------------- */

/* Milliseconds by which each thread begins late, as on a busy machine. */
extern unsigned int host_late;

struct task_struct *host_thread_run(int (*fn)(void *arg), void *arg);
/*
 * Asks the thread to end, and waits; once for each thread. One that has not
 * begun never does: -EINTR.
 */
int kthread_stop(struct task_struct *task);
void __attribute__((__noreturn__))
kthread_complete_and_exit(struct completion *c, long ret);
bool kthread_should_stop(void);
/* Waits for all threads that kthread_stop() was not called for. */
void host_threads_join(void);
#define kthread_run(fn, arg, name...)	host_thread_run(fn, arg)

/* ---- time ----------------------------------------------------------------- */

#define HZ			1000
#define NSEC_PER_SEC		1000000000L
#define NSEC_PER_MSEC		1000000L
#define NSEC_PER_USEC		1000L
#define MSEC_PER_SEC		1000L
#define MAX_JIFFY_OFFSET	((LONG_MAX >> 1) - 1)

typedef s64 ktime_t;

static inline u64 host_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * (u64)NSEC_PER_SEC + ts.tv_nsec;
}

#define ktime_get_ns()			host_clock_ns(CLOCK_MONOTONIC)
#define ktime_get()			((ktime_t)ktime_get_ns())
#define ktime_add_ns(t, ns)		((t) + (s64)(ns))
#define ktime_before(a, b)		((a) < (b))
#define ktime_get_boottime_ns()		host_clock_ns(CLOCK_BOOTTIME)
#define ktime_get_coarse_boottime_ns()	host_clock_ns(CLOCK_MONOTONIC_COARSE)
#define nsecs_to_jiffies64(ns)		((u64)(ns) / NSEC_PER_MSEC)
#define jiffies			((unsigned long)(ktime_get_ns() / NSEC_PER_MSEC))
#define msecs_to_jiffies(ms)	((unsigned long)(ms))
#define time_before(a, b)	((long)((a) - (b)) < 0)
#define time_after(a, b)	time_before(b, a)
#define msleep(ms)		usleep((ms) * 1000)
#define usleep_range(lo, hi)	usleep(lo)

#endif /* NYX_HOST_SYNC_H */

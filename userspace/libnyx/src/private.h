/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: what its files share.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Everything is hidden but what is marked NYX_EXPORT, which libnyx.map and the
 * public headers list too. nyx__ioctl() is the only caller of ioctl(2).
 */
#ifndef LIBNYX_PRIVATE_H
#define LIBNYX_PRIVATE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#define NYX_EXPORT	__attribute__((visibility("default")))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct nyx_ctx {
	atomic_uint refs;
	int fd;			/* const after open; bound to no unit */
	char *path;		/* const after open */
};

struct nyx_unit {
	atomic_uint refs;
	int fd;			/* const after open; bound to the unit */
	uint32_t id;		/* const after open */
};

/**
 * struct nyx__error - outcome of the last command of a thread
 * @error: 0 or the negative errno
 * @reason: of enum nyx_reason
 * @field: offset of the field to blame in the structure of @cmd, or 0
 * @cmd: of enum nyx_cmd; of an array whose item failed, that of the item
 */
struct nyx__error {
	int error;
	uint32_t reason;
	uint32_t field;
	uint32_t cmd;
};

extern _Thread_local struct nyx__error nyx__last;

/* Fail with an error of the library itself: clear the reason of the last command. */
static inline int nyx__fail(int error)
{
	nyx__last = (struct nyx__error){ .error = error };
	return error;
}

/* Fail with an error of the library itself that has a reason. */
static inline int nyx__fail_for(int error, uint32_t reason)
{
	nyx__last = (struct nyx__error){ .error = error, .reason = reason };
	return error;
}

/* ctx.c: open a node, without binding it. Returns the descriptor or -errno. */
int nyx__open_node(const char *path);

/*
 * Limit on the size that a caller gives, so that an uninitialised size does not clear
 * gigabytes.
 */
#define SIZE_GIVEN_MAX	4096u

static inline int nyx__size_check(uint32_t size)
{
	return size >= sizeof(size) && size <= SIZE_GIVEN_MAX ? 0 :
	       nyx__fail(size < sizeof(size) ? -EINVAL : -E2BIG);
}

/* ioctl.c. All return 0 or -errno; nyx__ioctl() repeats the command after EINTR. */
int nyx__ioctl_once(int fd, unsigned long request, void *arg);
int nyx__ioctl(int fd, unsigned long request, void *arg);
/* For files that are not Nyx's. Returns what ioctl(2) does, or -errno. */
int nyx__ioctl_other(int fd, unsigned long request, void *arg);
int nyx__name_copy(__u8 out[NYX_NAME_LEN], const char *name);
int nyx__opts_copy(void *opts, size_t opts_size, const void *user, size_t user_size);

/*
 * After @array failed, record the command and the field of the item that is to blame, if
 * one is.
 */
void nyx__item_error(const struct nyx_array *array);

/*
 * Run an array command in as many system calls as needed. All items must have the same
 * size. With @resume, repeat an item that a signal interrupted.
 */
int nyx__array(struct nyx_unit *unit, uint32_t cmd, void *items, size_t nr, bool resume,
	       size_t *done);

/*
 * view.c: is the calling thread inside a section of a view? Then a command could wait for
 * that section.
 */
bool nyx__in_section(void);
/* The process has removed memory of the unit: its views use it no more. */
void nyx__view_memory_gone(const struct nyx_unit *unit, uint64_t gpa, uint64_t length);

/*
 * list.c: walk over NYX_LIST. Entries are handed out at least NYX__ENTRY_SIZE
 * bytes long, completed with zeros: so a program that was built with a newer
 * header than the library does not read beyond them.
 */
#define NYX__ENTRY_SIZE		256u

typedef int (*nyx__entry_fn)(const void *entry, void *arg);

/*
 * Defines struct @_name_call, which holds the caller's function and its argument, and the
 * function that calls it for an entry.
 */
#define NYX__ENTRY(_name, _fn)						\
	struct _name##_call {						\
		_fn fn;							\
		void *arg;						\
	};								\
									\
	static int _name##_entry(const void *entry, void *arg)		\
	{								\
		const struct _name##_call *call = arg;			\
									\
		return call->fn(entry, call->arg);			\
	}

int nyx__list(int fd, uint32_t type, uint32_t domain_id, uint64_t start, nyx__entry_fn fn,
	      void *arg);
/* The one entry with the key @key, cut or completed to @size; -ENOENT. */
int nyx__list_one(int fd, uint32_t type, uint64_t key, void *entry, size_t size);

#endif /* LIBNYX_PRIVATE_H */

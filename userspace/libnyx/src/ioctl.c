// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the only caller of ioctl(2), and what goes with it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * After EINTR a command has changed nothing or has said what it did, so trying
 * again is safe for all but four: NYX_UNMAP, which has unmapped the range and
 * only gave up waiting, NYX_DMA, whose progress dma.c accounts for,
 * NYX_PAGE_REQUEST, which has withdrawn the request, and a write of NYX_MMIO,
 * which has written the register. Their callers use nyx__ioctl_once().
 */
#include "private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

int nyx__ioctl_once(int fd, unsigned long request, void *arg)
{
	struct nyx_head *head = arg;
	/* The caller's structure may be shorter than struct nyx_head. */
	bool told = head->size >= sizeof(*head);
	int ret;

	if (nyx__in_section())
		return nyx__fail(-EDEADLK);
	if (told)
		head->out_err_reason = NYX_REASON_NONE;
	ret = ioctl(fd, request, arg) < 0 ? -errno : 0;
	nyx__last = (struct nyx__error){ .error = ret, .cmd = _IOC_NR(request) };
	if (ret && told && head->out_err_reason != NYX_REASON_NONE) {
		nyx__last.reason = head->out_err_reason;
		nyx__last.field = head->out_err_field;
	}
	return ret;
}

void nyx__item_error(const struct nyx_array *array)
{
	const struct nyx_head *head;
	const unsigned char *items;

	/* -EFAULT: the item may be inaccessible, so do not read it. */
	if (nyx__last.error == -EFAULT || array->out_done >= array->nr ||
	    array->item_size < sizeof(*head) ||
	    nyx__last.field != offsetof(struct nyx_array, items))
		return;
	items = (const unsigned char *)(uintptr_t)array->items;
	head = (const struct nyx_head *)(items + (size_t)array->out_done * array->item_size);
	/*
	 * If the reasons differ, the module could not write to the item, and the item's is
	 * stale.
	 */
	if (head->out_err_reason != nyx__last.reason)
		return;
	nyx__last.cmd = array->cmd;
	nyx__last.field = head->out_err_field;
}

int nyx__ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = nyx__ioctl_once(fd, request, arg);
	} while (ret == -EINTR);
	return ret;
}

int nyx__ioctl_other(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int nyx__name_copy(__u8 out[NYX_NAME_LEN], const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len >= NYX_NAME_LEN)
		return nyx__fail(-ENAMETOOLONG);
	memset(out, 0, NYX_NAME_LEN);
	if (len)
		memcpy(out, name, len);
	return 0;
}

/* Treats structures as the kernel does: completes them with zeros, refuses unknown bytes. */
int nyx__opts_copy(void *opts, size_t opts_size, const void *user, size_t user_size)
{
	const unsigned char *bytes = user;
	size_t i;

	if (!user)
		return 0;
	if (user_size < sizeof(uint32_t))
		return nyx__fail(-EINVAL);
	for (i = opts_size; i < user_size; i++) {
		if (bytes[i])
			return nyx__fail(-E2BIG);
	}
	memcpy(opts, user, user_size < opts_size ? user_size : opts_size);
	return 0;
}

int nyx__array(struct nyx_unit *unit, uint32_t cmd, void *items, size_t nr, bool resume,
	       size_t *done)
{
	unsigned char *item = items;
	struct nyx_array array;
	uint32_t size, count;
	size_t ok = 0, i;
	int ret = 0;

	if (done)
		*done = 0;
	if (!nr)
		return 0;
	memcpy(&size, item, sizeof(size));
	if (size < sizeof(size) || size % sizeof(uint64_t))
		return nyx__fail(-EINVAL);
	for (i = 1; i < nr; i++) {
		if (memcmp(item + i * size, &size, sizeof(size)))
			return nyx__fail(-EINVAL);
	}

	while (ok < nr) {
		count = nr - ok < NYX_ARRAY_MAX ? (uint32_t)(nr - ok) : NYX_ARRAY_MAX;
		memset(&array, 0, sizeof(array));
		array.size = sizeof(array);
		array.cmd = cmd;
		array.item_size = size;
		array.items = (uintptr_t)(item + ok * size);
		array.nr = count;
		ret = nyx__ioctl_once(unit->fd, NYX_ARRAY, &array);
		ok += array.out_done;
		if (ret && !(ret == -EINTR && resume)) {
			nyx__item_error(&array);
			break;
		}
		ret = 0;
	}
	if (done)
		*done = ok;
	return ret;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: texts that are written piece by piece.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef LIBNYX_TEXT_H
#define LIBNYX_TEXT_H

#include <errno.h>
#include <inttypes.h>
#include <nyx/device.h>
#include <nyx/text.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/**
 * struct text - a text in a buffer of limited size
 * @at: its end
 * @room: bytes behind it
 * @err: 0, or -EMSGSIZE: it did not fit
 * @guest: show domains by the guest's ids
 */
struct text {
	char *at;
	size_t room;
	int err;
	bool guest;
};

__attribute__((format(printf, 2, 3)))
static inline void put(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->err)
		return;
	va_start(args, format);
	n = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->room) {
		text->err = -EMSGSIZE;
		return;
	}
	text->at += n;
	text->room -= (size_t)n;
}

static inline void put_device(struct text *text, uint32_t sbdf, uint32_t pasid)
{
	char name[NYX_SBDF_TEXT_LEN];

	nyx_sbdf_format((nyx_device_t){ sbdf }, name, sizeof(name));
	put(text, "device %s", name);
	if (pasid != NYX_PASID_NONE)
		put(text, " PASID %" PRIu32, pasid);
}

#endif /* LIBNYX_TEXT_H */

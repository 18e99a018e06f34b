/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/kernel.h"

#ifndef NYX_HOST_RANDOM_H
#define NYX_HOST_RANDOM_H

#include <sys/random.h>

static inline u32 get_random_u32(void)
{
	u32 v;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		abort();
	return v;
}

#endif

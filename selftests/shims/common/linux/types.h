/* SPDX-License-Identifier: GPL-2.0-only */
/* The C library includes this file too, so the host's own comes first. */
#include_next <linux/types.h>
#ifndef __ASSEMBLY__
#include "host/kernel.h"
#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/kernel.h"

#ifndef NYX_HOST_UIDGID_H
#define NYX_HOST_UIDGID_H

typedef struct { unsigned int val; } kuid_t;
typedef struct { unsigned int val; } kgid_t;

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: one process, whose number is 0.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_PID_H
#define NYX_HOST_PID_H

struct pid;
struct mm_struct;

#define TASK_COMM_LEN		16
#define get_task_comm(buf, t)	((void)memset(buf, 0, TASK_COMM_LEN))
#define task_tgid(t)		((struct pid *)NULL)
#define get_pid(p)		(p)
#define put_pid(p)		((void)(p))
#define pid_vnr(p)		((void)(p), 0)
#define pid_nr_ns(p, ns)	((void)(p), 0)
#define ns_of_pid(p)		NULL
#define mmgrab(mm)		((void)(mm))
#define mmdrop(mm)		((void)(mm))

#endif

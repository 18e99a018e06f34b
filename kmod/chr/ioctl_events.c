// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the event stream as a file.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/anon_inodes.h>
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/fault/event.h"
#include "core/irq/irte.h"
#include "core/unit.h"

/* Records that are copied out at once. */
#define EVENT_CHUNK	4u

static_assert(sizeof(struct nyx_event) == 128);

/**
 * struct reader - an open event file
 * @events: the ring
 * @irte: it wants NYX_EVENT_IRTE; const after init
 * @lock: serialises read(2)
 * @pos: number of the record that is read next
 */
struct reader {
	struct nyx_events *events;
	bool irte;
	struct mutex lock;
	u64 pos;
};

static bool reader_ready(struct reader *r)
{
	return READ_ONCE(r->pos) != READ_ONCE(r->events->head) ||
	       READ_ONCE(r->events->ended);
}

/* Copy out the available records. Returns bytes, or -EAGAIN if there is no record yet. */
static ssize_t reader_copy(struct reader *r, char __user *buf, size_t count)
{
	struct nyx_event chunk[EVENT_CHUNK];
	unsigned int n;
	size_t done = 0;
	bool ended;
	u64 pos;

	lockdep_assert_held(&r->lock);
	while (count - done >= sizeof(chunk[0])) {
		pos = r->pos;
		n = nyx_events_pull(r->events, &pos, chunk,
				    min_t(size_t, EVENT_CHUNK,
					  (count - done) / sizeof(chunk[0])),
				    &ended);
		if (!n)
			return done || ended ? done : -EAGAIN;
		if (copy_to_user(buf + done, chunk, n * sizeof(chunk[0]))) {
			/*
			 * Copying the count of lost records has failed: the next
			 * read returns the count.
			 */
			if (chunk[0].type == NYX_EVENT_LOST)
				atomic64_sub(chunk[0].lost, &r->events->lost);
			return done ?: -EFAULT;
		}
		WRITE_ONCE(r->pos, pos);
		done += n * sizeof(chunk[0]);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

static ssize_t reader_read(struct file *filp, char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct reader *r = filp->private_data;
	ssize_t ret;

	if (count < sizeof(struct nyx_event))
		return -EINVAL;
	for (;;) {
		if (mutex_lock_interruptible(&r->lock))
			return -ERESTARTSYS;
		ret = reader_copy(r, buf, count);
		mutex_unlock(&r->lock);
		if (ret != -EAGAIN || (filp->f_flags & O_NONBLOCK))
			return ret;
		if (wait_event_interruptible(r->events->wait, reader_ready(r)))
			return -ERESTARTSYS;
	}
}

static __poll_t reader_poll(struct file *filp, poll_table *wait)
{
	struct reader *r = filp->private_data;
	__poll_t mask = 0;

	poll_wait(filp, &r->events->wait, wait);
	/*
	 * Enter the wait queue before reading the ring. Pairs with
	 * wq_has_sleeper() in nyx_events_push(). poll_wait() is not a barrier
	 * in all kernels.
	 */
	smp_mb();
	if (READ_ONCE(r->pos) != READ_ONCE(r->events->head))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(r->events->ended))
		mask |= EPOLLHUP;
	return mask;
}

static void reader_free(struct reader *r)
{
	if (r->irte)
		nyx_irq_unfollow_changes(r->events);
	nyx_events_put(r->events);
	mutex_destroy(&r->lock);
	kfree(r);
}

static int reader_release(struct inode *inode, struct file *filp)
{
	reader_free(filp->private_data);
	return 0;
}

static const struct file_operations reader_fops = {
	.owner = THIS_MODULE,
	.read = reader_read,
	.poll = reader_poll,
	.release = reader_release,
	.llseek = noop_llseek,
};

int nyx_ioctl_events_open(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_events_open *cmd = _cmd;
	struct nyx_events *events = uc->unit->events;
	int fd_flags = O_RDONLY | O_CLOEXEC;
	struct file *filp;
	struct reader *r;

	if (cmd->flags & NYX_EVENTS_F_NONBLOCK)
		fd_flags |= O_NONBLOCK;

	r = kzalloc(sizeof(*r), GFP_CALLER);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);
	r->events = nyx_events_get(events);
	r->irte = cmd->flags & NYX_EVENTS_F_IRTE;
	r->pos = cmd->flags & NYX_EVENTS_F_HISTORY ? nyx_events_oldest(events) :
						     READ_ONCE(events->head);
	/* From here on, each NYX_EVENT_IRTE record is at or behind @pos. */
	if (r->irte)
		nyx_irq_follow_changes(uc->unit);
	filp = anon_inode_getfile("[nyx-events]", &reader_fops, r, fd_flags);
	if (IS_ERR(filp)) {
		reader_free(r);
		return PTR_ERR(filp);
	}
	return nyx_ucmd_give_file(uc, cmd, sizeof(*cmd), &cmd->out_fd, filp);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the command that migrates a unit, and the file of a migration.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Locks: &nyx_gate.lock, then &migration.lock. A read or a write takes the latter only, and may
 * wait for user space.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "chr/migrate.h"
#include "core/unit.h"
#include "core/viommu.h"

/* Bytes that a write copies at once. */
#define WRITE_CHUNK	PAGE_SIZE

/**
 * struct migration - a migration of a unit
 * @unit: the unit, of which the migration is a user
 * @ref: of the file, and of a command that ends the migration
 * @lock: protects what follows
 * @state: of enum nyx_migrate_state; NYX_MIGRATE_RUNNING: the migration has ended
 * @bytes: of the stream, that were read or written
 * @sent: bytes of the current section that were read
 * @save: NYX_MIGRATE_STOP_COPY
 * @load: NYX_MIGRATE_RESUMING
 * @buffer: MIGRATE_BUFFER bytes, for either
 * @chunk: WRITE_CHUNK bytes, for writes
 */
struct migration {
	struct nyx_unit *unit;
	refcount_t ref;
	struct mutex lock;
	u32 state;
	u64 bytes;
	u32 sent;
	union {
		struct nyx_save save;
		struct nyx_load load;
	};
	u8 *buffer;
	u8 *chunk;
};

/* ---- the file ----------------------------------------------------------- */

static int check_state(const struct migration *m, u32 state)
{
	if (READ_ONCE(m->unit->dead))
		return -ENODEV;
	return m->state == state ? 0 : -ENODATA;
}

/* Have bytes to send, or 0 in m->save.len at the end. */
static int refill(struct migration *m)
{
	int ret;

	if (m->sent < m->save.len)
		return 0;
	m->sent = 0;
	ret = nyx_save_next(&m->save);
	if (ret)
		m->save.len = 0;
	return ret;
}

static ssize_t read_some(struct migration *m, char __user *to, size_t count)
{
	size_t done = 0, n;
	int ret = 0;

	while (done < count) {
		ret = check_state(m, NYX_MIGRATE_STOP_COPY) ?: refill(m);
		n = min_t(size_t, count - done, m->save.len - m->sent);
		if (ret || !n)
			break;
		if (copy_to_user(to + done, m->save.to + m->sent, n)) {
			ret = -EFAULT;
			break;
		}
		m->sent += n;
		m->bytes += n;
		done += n;
	}
	return done ?: ret;
}

static ssize_t migrate_read(struct file *filp, char __user *to, size_t count, loff_t *pos)
{
	struct migration *m = filp->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&m->lock))
		return -EINTR;
	ret = read_some(m, to, count);
	mutex_unlock(&m->lock);
	return ret;
}

/* The errno of a load that has failed; the command says why. */
static int load_errno(int error)
{
	return error < -NYX_ERR_BASE ? -EINVAL : error;
}

static ssize_t write_some(struct migration *m, const char __user *from, size_t count)
{
	size_t done = 0, n;
	int ret = 0;

	while (done < count) {
		ret = check_state(m, NYX_MIGRATE_RESUMING);
		if (ret)
			break;
		n = min_t(size_t, count - done, WRITE_CHUNK);
		if (copy_from_user(m->chunk, from + done, n)) {
			ret = -EFAULT;
			break;
		}
		ret = nyx_load_write(&m->load, m->chunk, n);
		if (ret)
			return load_errno(ret);
		m->bytes += n;
		done += n;
	}
	return done ?: ret;
}

static ssize_t migrate_write(struct file *filp, const char __user *from, size_t count,
			     loff_t *pos)
{
	struct migration *m = filp->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&m->lock))
		return -EINTR;
	ret = write_some(m, from, count);
	mutex_unlock(&m->lock);
	return ret;
}

static void migration_free(struct migration *m)
{
	mutex_destroy(&m->lock);
	kfree(m->chunk);
	kvfree(m->buffer);
	kfree(m);
}

static void migration_put(struct migration *m)
{
	if (refcount_dec_and_test(&m->ref))
		migration_free(m);
}

/* End a migration; @m->lock is held, or the file is gone. The result is that of a load. */
static int migration_end(struct migration *m)
{
	struct nyx_unit *unit = m->unit;
	int ret = 0;

	lockdep_assert_held(&unit->gate.lock);
	if (m->state == NYX_MIGRATE_RESUMING)
		ret = nyx_load_end(&m->load);
	WRITE_ONCE(m->state, NYX_MIGRATE_RUNNING);
	unit->gate.owner = NULL;
	/* A unit from which not all could be taken away stays out of reach. */
	if (!ret || nyx_load_empty(unit))
		nyx_gate_open(unit);
	return ret;
}

static int migrate_release(struct inode *inode, struct file *filp)
{
	struct migration *m = filp->private_data;
	struct nyx_unit *unit = m->unit;

	/* A migration that has ended does not wait for the beginning of the next one. */
	if (READ_ONCE(m->state) != NYX_MIGRATE_RUNNING) {
		mutex_lock(&unit->gate.lock);
		if (m->state != NYX_MIGRATE_RUNNING)
			migration_end(m);
		mutex_unlock(&unit->gate.lock);
	}
	migration_put(m);
	nyx_unit_close(unit);
	return 0;
}

static const struct file_operations migrate_fops = {
	.owner = THIS_MODULE,
	.read = migrate_read,
	.write = migrate_write,
	.release = migrate_release,
	.llseek = noop_llseek,
};

/* ---- the command -------------------------------------------------------- */

static u32 blockers(struct nyx_unit *unit, u32 state)
{
	u32 found = 0;

	if (state == NYX_MIGRATE_RUNNING)
		return 0;
	if (READ_ONCE(unit->views.nr))
		found |= NYX_MIGRATE_B_VIEWS;
	if (READ_ONCE(unit->nr_targets))
		found |= NYX_MIGRATE_B_TARGETS;
	if (READ_ONCE(unit->irq.nr_bindings))
		found |= NYX_MIGRATE_B_BINDINGS;
	if (READ_ONCE(unit->pages.nr_groups))
		found |= NYX_MIGRATE_B_PAGES;
	if (state == NYX_MIGRATE_RESUMING && !nyx_load_empty(unit))
		found |= NYX_MIGRATE_B_OBJECTS;
	return found;
}

static int refuse_blocked(struct nyx_unit *unit, u32 state, u32 *found)
{
	*found = blockers(unit, state);
	if (!*found)
		return 0;
	return *found & NYX_MIGRATE_B_OBJECTS ? NYX_ERR(UNIT_NOT_EMPTY) :
						NYX_ERR(MIGRATE_BLOCKED);
}

static struct migration *migration_alloc(struct nyx_unit *unit, u32 state)
{
	struct migration *m = kzalloc(sizeof(*m), GFP_CALLER);

	if (!m)
		return NULL;
	m->unit = unit;
	m->state = state;
	refcount_set(&m->ref, 1);
	mutex_init(&m->lock);
	m->buffer = kvmalloc(MIGRATE_BUFFER, GFP_CALLER);
	m->chunk = kmalloc(WRITE_CHUNK, GFP_CALLER);
	if (!m->buffer || !m->chunk) {
		migration_free(m);
		return NULL;
	}
	if (state == NYX_MIGRATE_RESUMING) {
		m->load.unit = unit;
		frame_reader_init(&m->load.reader, m->buffer);
	} else {
		m->save.unit = unit;
		m->save.to = m->buffer;
		nyx_save_begin(&m->save);
	}
	return m;
}

/* The VMM reads the last pages that are dirty behind the stop: none may become dirty later. */
static int finish_model(struct nyx_unit *unit, u32 state)
{
	struct nyx_viommu *viommu = unit->guest.viommu;

	if (state != NYX_MIGRATE_STOP_COPY || !viommu->ops->finish)
		return 0;
	return viommu->ops->finish(viommu);
}

/* Keep commands out; nothing that they have begun may stand in the way. */
static int close_gate(struct nyx_unit *unit, u32 state, u32 *found)
{
	int ret = refuse_blocked(unit, state, found) ?: nyx_gate_close(unit, state);

	if (ret)
		return ret;
	ret = finish_model(unit, state) ?: refuse_blocked(unit, state, found);
	if (ret)
		nyx_gate_open(unit);
	return ret;
}

static int begin(struct nyx_ucmd *uc, struct nyx_migrate *cmd)
{
	struct nyx_unit *unit = uc->unit;
	struct migration *m;
	struct file *filp;
	int ret;

	m = migration_alloc(unit, cmd->state);
	if (!m)
		return -ENOMEM;
	ret = close_gate(unit, cmd->state, &cmd->out_blockers);
	if (ret)
		goto err_free;
	filp = anon_inode_getfile("[nyx-migration]", &migrate_fops, m,
				  (cmd->state == NYX_MIGRATE_RESUMING ? O_WRONLY : O_RDONLY) |
				  O_CLOEXEC);
	if (IS_ERR(filp)) {
		ret = PTR_ERR(filp);
		nyx_gate_open(unit);
		goto err_free;
	}
	nyx_unit_use(unit);
	unit->gate.owner = m;
	cmd->out_state = cmd->state;
	/* On an error migrate_release() opens the gate. */
	return nyx_ucmd_give_file(uc, cmd, sizeof(*cmd), &cmd->out_fd, filp);

err_free:
	migration_free(m);
	return ret;
}

static int end(struct nyx_migrate *cmd, struct migration *m)
{
	int ret;

	if (mutex_lock_interruptible(&m->lock))
		return -EINTR;
	/* Once the migration has ended, a close of its file does not wait for this command. */
	refcount_inc(&m->ref);
	cmd->out_bytes = m->bytes;
	ret = migration_end(m);
	if (ret) {
		cmd->out_section = m->load.section;
		cmd->out_id = m->load.id;
		cmd->out_part = m->load.part;
		cmd->out_record = m->load.record;
		cmd->out_field = m->load.field;
	}
	cmd->out_state = m->unit->gate.state;
	mutex_unlock(&m->lock);
	migration_put(m);
	return ret;
}

static int migrate(struct nyx_ucmd *uc, struct nyx_migrate *cmd)
{
	struct nyx_gate *gate = &uc->unit->gate;

	cmd->out_state = gate->state;
	if (cmd->state == gate->state)
		return 0;
	if (gate->state == NYX_MIGRATE_RUNNING)
		return begin(uc, cmd);
	if (cmd->state != NYX_MIGRATE_RUNNING || !gate->owner)
		return NYX_BAD(uc, cmd, state, MIGRATE_STATE);
	return end(cmd, gate->owner);
}

int nyx_ioctl_migrate(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_gate *gate = &uc->unit->gate;
	struct nyx_migrate *cmd = _cmd;
	int ret;

	cmd->out_state = 0;
	cmd->out_fd = -1;
	cmd->out_blockers = 0;
	cmd->out_section = 0;
	cmd->out_id = 0;
	cmd->out_part = 0;
	cmd->out_record = 0;
	cmd->out_field = 0;
	cmd->out_bytes = 0;
	if (cmd->state != NYX_MIGRATE_RUNNING && cmd->state != NYX_MIGRATE_STOP_COPY &&
	    cmd->state != NYX_MIGRATE_RESUMING)
		return NYX_BAD(uc, cmd, state, UNKNOWN_VALUE);
	if (cmd->flags & NYX_MIGRATE_F_PROBE) {
		/* Not under the lock: another caller may hold it while it waits for commands. */
		cmd->out_state = READ_ONCE(gate->state);
		cmd->out_blockers = blockers(uc->unit, cmd->state);
		return 0;
	}
	if (mutex_lock_interruptible(&gate->lock))
		return -EINTR;
	ret = migrate(uc, cmd);
	mutex_unlock(&gate->lock);
	return ret;
}

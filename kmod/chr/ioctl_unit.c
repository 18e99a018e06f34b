// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about units.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chr/ioctl.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "mem/region.h"

#define DEFAULT_IOTLB	4096u
#define DEFAULT_EVENTS	1024u
#define DEFAULT_MEMORY	32768u
#define DEFAULT_VIEW_TIMEOUT	1000u
#define MIN_VIEW_TIMEOUT	10u
#define MAX_VIEW_TIMEOUT	60000u
#define DEFAULT_DEVICES	65536u
#define MAX_DEVICES	1048576u
#define MAX_MEMORY	65536u

int nyx_ioctl_module_info(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_module_info *cmd = _cmd;

	cmd->out_api_version = NYX_API_VERSION;
	cmd->out_models = nyx_viommu_models();
	cmd->out_formats = BIT(NYX_FORMAT_VTDSS) | BIT(NYX_FORMAT_X86) |
			   BIT(NYX_FORMAT_AMDV1);
	cmd->out_nr_units = nyx_unit_count(&cmd->out_max_units);
	strscpy_pad((char *)cmd->out_version, NYX_VERSION,
		    sizeof(cmd->out_version));
	return 0;
}

/* Set a limit: 0 is the default. */
#define parse_limit(_uc, _cmd, _cfg, _field, _def, _max) ({		\
	(_cfg)->_field = (_cmd)->_field ?: (_def);			\
	(_cmd)->_field > (_max) ? NYX_BAD(_uc, _cmd, _field, OUT_OF_RANGE) : 0; \
})

/* Copy the options of a model by the rules of copy_struct_from_user(). */
static int parse_data(struct nyx_ucmd *uc, const struct nyx_unit_create *cmd,
		      struct nyx_unit_config *cfg)
{
	const void __user *data = u64_to_user_ptr(cmd->data_uptr);
	int ret;

	if (!cmd->data_len)
		return cmd->data_uptr ? NYX_BAD(uc, cmd, data_uptr, UNUSED) : 0;
	if (!cmd->data_uptr)
		return NYX_BAD(uc, cmd, data_uptr, CONFLICT);
	if (cmd->data_len > PAGE_SIZE)
		return NYX_BAD(uc, cmd, data_len, TOO_LONG);
	ret = copy_struct_from_user(cfg->data, cfg->data_len, data, cmd->data_len);
	if (ret == -E2BIG)
		return NYX_BAD(uc, cmd, data_uptr, UNKNOWN_PART);
	return ret ? NYX_BAD(uc, cmd, data_uptr, POINTER) : 0;
}

static int parse_model(struct nyx_ucmd *uc, const struct nyx_unit_create *cmd,
		       struct nyx_unit_config *cfg)
{
	const struct nyx_viommu_ops *ops = nyx_viommu_find(cmd->model);
	int ret;

	if (!ops)
		return NYX_BAD(uc, cmd, model, UNKNOWN_VALUE);
	cfg->model = cmd->model;
	cfg->address_width = cmd->address_width;
	cfg->irt_entries = cmd->irt_entries;
	cfg->data_len = ops->data_size;
	ret = parse_data(uc, cmd, cfg);
	return ret ?: ops->configure(cfg);
}

static int parse_config(struct nyx_ucmd *uc, const struct nyx_unit_create *cmd,
			struct nyx_unit_config *cfg)
{
	u32 entries;
	int ret;

	ret = parse_model(uc, cmd, cfg);
	if (ret)
		return ret;

	entries = cmd->iotlb_entries == NYX_DEFAULT ? DEFAULT_IOTLB :
						      cmd->iotlb_entries;
	if (entries > IOTLB_MAX_ENTRIES)
		return NYX_BAD(uc, cmd, iotlb_entries, OUT_OF_RANGE);
	cfg->iotlb_entries = entries ? roundup_pow_of_two(max(entries, 2 * IOTLB_WAYS)) : 0;

	entries = cmd->event_entries ?: DEFAULT_EVENTS;
	if (entries < 16 || entries > 65536)
		return NYX_BAD(uc, cmd, event_entries, OUT_OF_RANGE);
	cfg->event_entries = roundup_pow_of_two(entries);

	ret = parse_limit(uc, cmd, cfg, max_domains, U16_MAX, U16_MAX) ?:
	      parse_limit(uc, cmd, cfg, max_devices, DEFAULT_DEVICES, MAX_DEVICES) ?:
	      parse_limit(uc, cmd, cfg, max_memory, DEFAULT_MEMORY, MAX_MEMORY) ?:
	      nyx_check_name(cmd->name, "._:-");
	if (ret)
		return ret;
	if (cmd->view_timeout_ms &&
	    (cmd->view_timeout_ms < MIN_VIEW_TIMEOUT || cmd->view_timeout_ms > MAX_VIEW_TIMEOUT))
		return NYX_BAD(uc, cmd, view_timeout_ms, OUT_OF_RANGE);
	cfg->view_timeout_ms = cmd->view_timeout_ms ?: DEFAULT_VIEW_TIMEOUT;
	if ((cmd->flags & NYX_UNIT_F_PERSIST) && !(cmd->flags & NYX_UNIT_F_SHARED))
		return NYX_BAD(uc, cmd, flags, PERSIST_UNSHARED);
	strscpy(cfg->name, (const char *)cmd->name, sizeof(cfg->name));
	cfg->persist = cmd->flags & NYX_UNIT_F_PERSIST;
	cfg->shared = cmd->flags & NYX_UNIT_F_SHARED;
	return 0;
}

int nyx_ioctl_unit_create(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_unit_create *cmd = _cmd;
	struct nyx_unit_config cfg = {};
	struct nyx_unit *unit;
	int ret;

	ret = parse_config(uc, cmd, &cfg);
	if (ret)
		return ret;

	mutex_lock(&uc->file->lock);
	if (uc->file->unit) {
		ret = NYX_ERR(FILE_BOUND);
		goto out_unlock;
	}
	cfg.group = uc->file->group;
	unit = nyx_unit_create(&cfg);
	if (IS_ERR(unit)) {
		ret = PTR_ERR(unit);
		goto out_unlock;
	}
	cmd->out_unit_id = unit->id;
	nyx_file_bind(uc->file, unit, false);
out_unlock:
	mutex_unlock(&uc->file->lock);
	return ret;
}

int nyx_ioctl_unit_open(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_unit_open *cmd = _cmd;
	kuid_t owner = INVALID_UID;
	struct nyx_unit *unit;
	bool inspect;
	int ret;

	ret = nyx_check_name(cmd->name, "._:-");
	if (ret)
		return ret;
	/* A unit is named by its id or by its name, not by both. */
	if (!cmd->unit_id == !cmd->name[0])
		return NYX_BAD(uc, cmd, unit_id, CONFLICT);
	if (cmd->flags & NYX_OPEN_F_OWNER) {
		owner = make_kuid(current_user_ns(), cmd->owner_uid);
		if (!uid_valid(owner))
			return NYX_BAD(uc, cmd, owner_uid, OUT_OF_RANGE);
	} else if (cmd->owner_uid) {
		return NYX_BAD(uc, cmd, owner_uid, UNUSED);
	}

	mutex_lock(&uc->file->lock);
	if (uc->file->unit) {
		ret = NYX_ERR(FILE_BOUND);
		goto out_unlock;
	}
	unit = nyx_unit_open(cmd->unit_id, (const char *)cmd->name, owner,
			     &inspect);
	if (IS_ERR(unit)) {
		ret = PTR_ERR(unit);
		goto out_unlock;
	}
	cmd->out_unit_id = unit->id;
	nyx_file_bind(uc->file, unit, inspect);
out_unlock:
	mutex_unlock(&uc->file->lock);
	return ret;
}

/* Fill in the fields that change while the unit is used. */
static void fill_unit_state(struct nyx_unit *unit, struct nyx_unit_info *info)
{
	struct nyx_unit_totals totals;

	lockdep_assert_held(&unit->lock);
	nyx_unit_get_totals(unit, &totals);
	info->nr_domains = unit->nr_domains;
	info->nr_devices = unit->nr_devices;
	info->nr_memory = unit->nr_memory;
	info->mapped_bytes = totals.mapped;
	info->table_bytes = totals.tables;
	info->fault_events = totals.faults;
	info->nr_files = READ_ONCE(unit->users);
	info->irq_mode = READ_ONCE(unit->irq.mode);
	info->nr_irtes = READ_ONCE(unit->irq.nr_irtes);
	info->nr_bindings = READ_ONCE(unit->irq.nr_bindings);
	info->nr_quarantined = atomic_read(&unit->nr_quarantined);
}

int nyx_fill_unit_info(struct nyx_unit *unit, struct nyx_unit_info *info,
		       bool all)
{
	int ret = NYX_ERR(UNIT_ENDED);

	info->flags = (READ_ONCE(unit->cfg.persist) ? NYX_UNIT_F_PERSIST : 0) |
		      (READ_ONCE(unit->cfg.shared) ? NYX_UNIT_F_SHARED : 0) |
		      (all ? 0 : NYX_UNIT_F_OTHERS);
	info->unit_id = unit->id;
	info->model = unit->cfg.model;
	info->address_width = unit->cfg.address_width;
	info->data_len = unit->cfg.data_len;
	info->__reserved = 0;
	memcpy(info->data, unit->cfg.data, sizeof(info->data));
	info->owner_uid = from_kuid_munged(current_user_ns(), unit->owner);
	info->iotlb_entries = unit->cfg.iotlb_entries;
	info->event_entries = unit->cfg.event_entries;
	info->max_domains = unit->cfg.max_domains;
	info->max_devices = unit->cfg.max_devices;
	info->max_memory = unit->cfg.max_memory;
	info->irt_entries = unit->cfg.irt_entries;
	info->view_timeout_ms = unit->cfg.view_timeout_ms;
	info->nr_views = READ_ONCE(unit->views.nr);
	memcpy(info->name, unit->cfg.name, sizeof(info->name));

	info->memory_bytes = READ_ONCE(unit->mem.bytes);
	/*
	 * Do not take the lock for other users: the owner's memory cgroup may delay
	 * its holder.
	 */
	if (!all)
		return READ_ONCE(unit->dead) ? NYX_ERR(UNIT_ENDED) : 0;

	mutex_lock(&unit->lock);
	/* A unit that has ended has no counters. */
	if (!READ_ONCE(unit->dead)) {
		fill_unit_state(unit, info);
		ret = 0;
	}
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_ioctl_unit_info(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_fill_unit_info(uc->unit, cmd, true);
}

int nyx_ioctl_unit_share(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_unit_share(uc->unit);
}

int nyx_ioctl_unit_persist(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_unit_persist *cmd = _cmd;

	if (cmd->persist > 1)
		return NYX_BAD(uc, cmd, persist, OUT_OF_RANGE);
	return nyx_unit_set_persist(uc->unit, cmd->persist);
}

int nyx_ioctl_unit_destroy(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_unit_destroy(uc->unit);
}

static int collect_stats(struct nyx_ucmd *uc, const struct nyx_stats *cmd, u64 *count)
{
	struct nyx_unit *unit = uc->unit;
	u32 id = cmd->id;
	struct nyx_domain *dom;
	struct nyx_device *dev;

	lockdep_assert_held(&unit->lock);
	switch (cmd->scope) {
	case NYX_SCOPE_UNIT:
		if (id)
			return NYX_BAD(uc, cmd, id, UNUSED);
		nyx_unit_get_stats(unit, count);
		return 0;
	case NYX_SCOPE_DOMAIN:
		dom = xa_load(&unit->domains, id);
		if (!dom)
			return NYX_ERR(NO_SUCH_DOMAIN);
		nyx_stats_sum(dom->stats, count);
		return 0;
	case NYX_SCOPE_DEVICE:
		dev = xa_load(&unit->devices, id);
		if (!dev)
			return NYX_ERR(NO_SUCH_DEVICE);
		nyx_stats_sum(dev->stats, count);
		return 0;
	default:
		return NYX_BAD(uc, cmd, scope, UNKNOWN_VALUE);
	}
}

int nyx_ioctl_stats(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_stats *cmd = _cmd;
	u64 __user *values = u64_to_user_ptr(cmd->values);
	u64 count[NYX_STAT_MAX] = {};
	u32 known;
	int ret;

	if (cmd->nr > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);
	mutex_lock(&uc->unit->lock);
	ret = collect_stats(uc, cmd, count);
	mutex_unlock(&uc->unit->lock);
	if (ret)
		return ret;

	known = min_t(u32, cmd->nr, NYX_STAT_MAX);
	if (copy_to_user(values, count, known * sizeof(*values)) ||
	    clear_user(values + known, (cmd->nr - known) * sizeof(*values)))
		return NYX_BAD(uc, cmd, values, POINTER);
	cmd->out_nr = NYX_STAT_MAX;
	return 0;
}

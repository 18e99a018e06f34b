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
#include "core/device.h"
#include "core/domain.h"
#include "core/unit.h"
#include "front/vtd/vtd_regs.h"
#include "mem/region.h"

#define DEFAULT_WIDTH	48u
#define DEFAULT_IOTLB	4096u
#define DEFAULT_EVENTS	1024u
#define DEFAULT_IRT	256u
#define DEFAULT_MEMORY	32768u
#define DEFAULT_DEVICES	65536u
#define MAX_DEVICES	1048576u
#define MAX_MEMORY	65536u

int nyx_ioctl_module_info(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_module_info *cmd = _cmd;

	cmd->out_api_version = NYX_API_VERSION;
	cmd->out_models = nyx_front_models();
	cmd->out_formats = BIT(NYX_FORMAT_VTDSS) | BIT(NYX_FORMAT_X86) |
			   BIT(NYX_FORMAT_AMDV1);
	cmd->out_nr_units = nyx_unit_count(&cmd->out_max_units);
	strscpy_pad((char *)cmd->out_version, NYX_VERSION,
		    sizeof(cmd->out_version));
	return 0;
}

/* A limit: 0 is the default; what is above the maximum is refused. */
static int parse_limit(u32 value, u32 def, u32 max, u32 *out)
{
	if (value > max)
		return -EINVAL;
	*out = value ?: def;
	return 0;
}

static int parse_vtd(const struct nyx_unit_create *cmd,
		     struct nyx_unit_config *cfg)
{
	if (cmd->vtd_flags & ~(NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC |
			       NYX_VTD_F_SMALL_PAGES | NYX_VTD_F_POSTED))
		return -EOPNOTSUPP;
	cfg->address_width = cmd->address_width ?: DEFAULT_WIDTH;
	if (cfg->address_width != 39 && cfg->address_width != 48)
		return -EINVAL;
	if (cmd->vtd_faults > VTD_FRCD_MAX || cmd->irt_entries || cmd->amdvi_flags)
		return -EINVAL;
	cfg->vtd_flags = cmd->vtd_flags;
	cfg->vtd_faults = cmd->vtd_faults ?: VTD_FRCD_MAX;
	cfg->irt_entries = IRT_MAX_ENTRIES;
	return 0;
}

static int parse_amdvi(const struct nyx_unit_create *cmd,
		       struct nyx_unit_config *cfg)
{
	u32 flags = cmd->amdvi_flags;

	if (flags & ~(NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES |
		      NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS |
		      NYX_AMDVI_F_PREFETCH | NYX_AMDVI_F_DEVICE_TLB))
		return -EOPNOTSUPP;
	cfg->address_width = cmd->address_width ?: 64;
	if (cfg->address_width != 48 && cfg->address_width != 57 &&
	    cfg->address_width != 64)
		return -EINVAL;
	/* Wide destinations, and guests, need the large entries. */
	if ((flags & NYX_AMDVI_F_SMALL_IRTES) &&
	    (!(flags & NYX_AMDVI_F_XAPIC) || (flags & NYX_AMDVI_F_GUEST_APIC)))
		return -EINVAL;
	if (cmd->vtd_flags || cmd->vtd_faults || cmd->irt_entries)
		return -EINVAL;
	cfg->amdvi_flags = flags;
	/* Each device has a table of its own. */
	cfg->irt_entries = 0;
	return 0;
}

static int parse_native(const struct nyx_unit_create *cmd,
			struct nyx_unit_config *cfg)
{
	u32 entries = cmd->irt_entries ?: DEFAULT_IRT;

	if (cmd->vtd_flags || cmd->vtd_faults || cmd->amdvi_flags)
		return -EINVAL;
	cfg->address_width = cmd->address_width ?: DEFAULT_WIDTH;
	if (cfg->address_width < 32 || cfg->address_width > 64)
		return -EINVAL;
	if (entries > IRT_MAX_ENTRIES)
		return -EINVAL;
	cfg->irt_entries = roundup_pow_of_two(entries);
	return 0;
}

static int parse_model(const struct nyx_unit_create *cmd,
		       struct nyx_unit_config *cfg)
{
	cfg->model = cmd->model;
	switch (cmd->model) {
	case NYX_MODEL_NATIVE:
		return parse_native(cmd, cfg);
	case NYX_MODEL_VTD:
		return parse_vtd(cmd, cfg);
	case NYX_MODEL_AMDVI:
		return parse_amdvi(cmd, cfg);
	default:
		return -EOPNOTSUPP;
	}
}

static int parse_config(const struct nyx_unit_create *cmd,
			struct nyx_unit_config *cfg)
{
	u32 entries;
	int ret;

	if (cmd->__reserved2)
		return -EOPNOTSUPP;
	ret = parse_model(cmd, cfg);
	if (ret)
		return ret;

	entries = cmd->iotlb_entries == NYX_DEFAULT ? DEFAULT_IOTLB :
						      cmd->iotlb_entries;
	if (entries > IOTLB_MAX_ENTRIES)
		return -EINVAL;
	cfg->iotlb_entries = entries ? roundup_pow_of_two(max(entries, 2 * IOTLB_WAYS)) : 0;

	entries = cmd->event_entries ?: DEFAULT_EVENTS;
	if (entries < 16 || entries > 65536)
		return -EINVAL;
	cfg->event_entries = roundup_pow_of_two(entries);

	if (parse_limit(cmd->max_domains, U16_MAX, U16_MAX, &cfg->max_domains) ||
	    parse_limit(cmd->max_devices, DEFAULT_DEVICES, MAX_DEVICES,
			&cfg->max_devices) ||
	    parse_limit(cmd->max_memory, DEFAULT_MEMORY, MAX_MEMORY,
			&cfg->max_memory) ||
	    nyx_check_name(cmd->name, "._:-"))
		return -EINVAL;
	if ((cmd->flags & NYX_UNIT_F_KEEP) && !(cmd->flags & NYX_UNIT_F_SHARED))
		return -EINVAL;
	strscpy(cfg->name, (const char *)cmd->name, sizeof(cfg->name));
	return 0;
}

int nyx_ioctl_unit_create(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_unit_create *cmd = _cmd;
	struct nyx_unit_config cfg = {};
	struct nyx_unit *unit;
	int ret;

	ret = parse_config(cmd, &cfg);
	if (ret)
		return ret;

	mutex_lock(&uc->file->lock);
	if (uc->file->unit) {
		ret = -EBUSY;
		goto out_unlock;
	}
	cfg.group = uc->file->group;
	unit = nyx_unit_create(&cfg, cmd->flags);
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
	/* Exactly one of them. */
	if (!cmd->unit_id == !cmd->name[0])
		return -EINVAL;
	if (cmd->flags & NYX_OPEN_F_OWNER) {
		owner = make_kuid(current_user_ns(), cmd->owner_uid);
		if (!uid_valid(owner))
			return -EINVAL;
	} else if (cmd->owner_uid) {
		return -EINVAL;
	}

	mutex_lock(&uc->file->lock);
	if (uc->file->unit) {
		ret = -EBUSY;
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
	info->nr_quarantined = atomic_read(&unit->nr_refused);
}

int nyx_fill_unit_info(struct nyx_unit *unit, struct nyx_unit_info *info,
		       bool all)
{
	int ret = -ENODEV;

	info->flags = (READ_ONCE(unit->keep) ? NYX_UNIT_F_KEEP : 0) |
		      (READ_ONCE(unit->shared) ? NYX_UNIT_F_SHARED : 0) |
		      (all ? 0 : NYX_UNIT_F_OTHERS);
	info->unit_id = unit->id;
	info->model = unit->cfg.model;
	info->address_width = unit->cfg.address_width;
	/* Only those of the model can be there. */
	info->model_flags = unit->cfg.vtd_flags | unit->cfg.amdvi_flags;
	info->__reserved = 0;
	info->owner_uid = from_kuid_munged(current_user_ns(), unit->owner);
	info->iotlb_entries = unit->cfg.iotlb_entries;
	info->event_entries = unit->cfg.event_entries;
	info->max_domains = unit->cfg.max_domains;
	info->max_devices = unit->cfg.max_devices;
	info->max_memory = unit->cfg.max_memory;
	info->irt_entries = unit->cfg.irt_entries;
	memcpy(info->name, unit->cfg.name, sizeof(info->name));

	info->memory_bytes = READ_ONCE(unit->mem.bytes);
	/* The owner's memory cgroup may hold up the lock: that is not for others. */
	if (!all)
		return READ_ONCE(unit->dead) ? -ENODEV : 0;

	mutex_lock(&unit->lock);
	/* One that has ended has nothing more to tell. */
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

int nyx_ioctl_unit_keep(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_unit_keep *cmd = _cmd;

	if (cmd->keep > 1)
		return -EINVAL;
	return nyx_unit_set_keep(uc->unit, cmd->keep);
}

int nyx_ioctl_unit_destroy(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_unit_destroy(uc->unit);
}

static int collect_stats(struct nyx_unit *unit, u32 scope, u32 id, u64 *count)
{
	struct nyx_domain *dom;
	struct nyx_device *dev;

	lockdep_assert_held(&unit->lock);
	switch (scope) {
	case NYX_SCOPE_UNIT:
		if (id)
			return -EINVAL;
		nyx_unit_get_stats(unit, count);
		return 0;
	case NYX_SCOPE_DOMAIN:
		dom = xa_load(&unit->domains, id);
		if (!dom)
			return -ENOENT;
		nyx_stats_sum(dom->stats, count);
		return 0;
	case NYX_SCOPE_DEVICE:
		dev = xa_load(&unit->devices, id);
		if (!dev)
			return -ENOENT;
		nyx_stats_sum(dev->stats, count);
		return 0;
	default:
		return -EOPNOTSUPP;
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
		return -EINVAL;
	mutex_lock(&uc->unit->lock);
	ret = collect_stats(uc->unit, cmd->scope, cmd->id, count);
	mutex_unlock(&uc->unit->lock);
	if (ret)
		return ret;

	known = min_t(u32, cmd->nr, NYX_STAT_MAX);
	if (copy_to_user(values, count, known * sizeof(*values)) ||
	    clear_user(values + known, (cmd->nr - known) * sizeof(*values)))
		return -EFAULT;
	cmd->out_nr = NYX_STAT_MAX;
	return 0;
}

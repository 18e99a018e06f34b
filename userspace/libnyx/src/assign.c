// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the manager: devices get the right domain, and lose it again.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The kernel knows domains and devices; which domain a device should have is
 * policy and lives here. There is no lock between the programs that use a unit.
 * What takes its place:
 *
 *  - The kernel gives a name to one domain only. Of two callers that make the
 *    same domain one gets -EEXIST, and looks again.
 *  - A domain with a device cannot be destroyed. So the moment that counts is
 *    the attach: before it, the domain that was found may have been destroyed,
 *    even been replaced by another with the same id; after it, that cannot
 *    happen any more. assign_once() therefore looks at the name again after it
 *    has attached, and begins anew if the domain is not the one it meant.
 *    Many that do so at a time can get into each other's way again and again,
 *    in step. back_off() gets them out of step.
 *  - A device belongs to one domain. Of two callers that assign the same device
 *    one gets -EBUSY, and removes the device only if it added it and it has
 *    still no domain.
 */
#include <nyx/device.h>
#include <nyx/domain.h>
#include <nyx/text.h>

#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Others may get in the way, but not that often; the last tries are 8 ms apart. */
#define TRIES	128
#define BACK_OFF_AFTER	4

#define STRICT_PREFIX	"strict/"
#define SHARED_NAME	"shared"
#define SHARED_PREFIX	"shared/"
#define IDENTITY_NAME	"identity"

/* The domain that a device should have. */
struct target {
	char name[NYX_NAME_LEN];
	uint32_t kind;
	uint32_t flags;
};

static int target_init(struct target *target, uint32_t sbdf, uint32_t isolation,
		       const char *group)
{
	char text[NYX_SBDF_TEXT_LEN];

	if (group && (isolation != NYX_ISOLATION_SHARED || !*group))
		return -EINVAL;
	if (group && strlen(group) > NYX_GROUP_LEN)
		return -ENAMETOOLONG;

	memset(target, 0, sizeof(*target));
	switch (isolation) {
	case NYX_ISOLATION_STRICT:
		nyx_sbdf_format(sbdf, text, sizeof(text));
		snprintf(target->name, sizeof(target->name), STRICT_PREFIX "%s", text);
		break;
	case NYX_ISOLATION_SHARED:
		target->flags = NYX_DOMAIN_F_SHARED;
		if (group)
			snprintf(target->name, sizeof(target->name), SHARED_PREFIX "%s", group);
		else
			strcpy(target->name, SHARED_NAME);
		break;
	case NYX_ISOLATION_UNMANAGED:
		target->kind = NYX_DOMAIN_IDENTITY;
		target->flags = NYX_DOMAIN_F_SHARED;
		strcpy(target->name, IDENTITY_NAME);
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

static bool target_fits(const struct target *target, const struct nyx_domain_info *info)
{
	return info->kind == target->kind &&
	       (info->flags & NYX_DOMAIN_F_SHARED) == target->flags;
}

static bool target_is(const struct target *target, const struct nyx_domain_info *info)
{
	return target_fits(target, info) &&
	       !strncmp((const char *)info->name, target->name, NYX_NAME_LEN);
}

/* -EAGAIN: somebody made it or destroyed it meanwhile. */
static int target_find(struct nyx_unit *unit, const struct target *target, uint32_t *id,
		       bool *made)
{
	const struct nyx_domain_create_opts opts = {
		.size = sizeof(opts),
		.name = target->name,
		.flags = target->flags,
		.kind = target->kind,
	};
	struct nyx_domain_info info;
	int ret;

	*made = false;
	ret = nyx_domain_find(unit, target->name, &info, sizeof(info));
	if (!ret) {
		*id = info.domain_id;
		return target_fits(target, &info) ? 0 : -EEXIST;
	}
	if (ret != -ENOENT)
		return ret;
	ret = nyx_domain_create(unit, &opts, id);
	*made = !ret;
	return ret == -EEXIST ? -EAGAIN : ret;
}

static bool device_has_domain(struct nyx_unit *unit, uint32_t sbdf)
{
	struct nyx_device_info info;

	return !nyx_device_get(unit, sbdf, &info, sizeof(info)) && info.domain_id;
}

/*
 * -EBUSY also means that another call destroys the domain or moves the device at
 * this moment: then it is not for good.
 */
static bool busy_for_good(struct nyx_unit *unit, const struct target *target, uint32_t sbdf,
			  uint32_t id)
{
	struct nyx_domain_info info;

	if (device_has_domain(unit, sbdf))
		return true;
	return !(target->flags & NYX_DOMAIN_F_SHARED) &&
	       !nyx_domain_get(unit, id, &info, sizeof(info)) && info.nr_devices;
}

/* Attach to the domain that has the name, the kind and the id. -EAGAIN as above. */
static int attach_to(struct nyx_unit *unit, const struct target *target, uint32_t sbdf,
		     uint32_t id)
{
	struct nyx_domain_info info;
	int ret;

	ret = nyx_device_attach(unit, sbdf, id, 0);
	if (ret == -ENOENT)
		return -EAGAIN;		/* the domain has gone, or the device */
	if (ret == -EBUSY && !busy_for_good(unit, target, sbdf, id))
		return -EAGAIN;
	if (ret)
		return ret;
	ret = nyx_domain_get(unit, id, &info, sizeof(info));
	if (!ret && target_is(target, &info))
		return 0;
	nyx_device_detach(unit, sbdf);
	return ret && ret != -ENOENT ? ret : -EAGAIN;
}

static int assign_once(struct nyx_unit *unit, const struct target *target, uint32_t sbdf,
		       uint32_t *id)
{
	bool made_domain, made_device;
	int ret;

	if (device_has_domain(unit, sbdf))
		return -EBUSY;
	ret = target_find(unit, target, id, &made_domain);
	if (ret)
		return ret;
	ret = nyx_device_add(unit, sbdf);
	made_device = !ret;
	if (ret == -EEXIST)
		ret = 0;
	if (!ret)
		ret = attach_to(unit, target, sbdf, *id);
	if (!ret)
		return 0;

	if (made_device && !device_has_domain(unit, sbdf))
		nyx_device_remove(unit, sbdf);
	/* If another's device is in it by now it stays, with -EBUSY. */
	if (made_domain)
		nyx_domain_destroy(unit, *id);
	return ret;
}

static void back_off(uint32_t sbdf, int try)
{
	uint32_t most, noise;
	struct timespec ts;

	if (try < BACK_OFF_AFTER)
		return;
	try -= BACK_OFF_AFTER;
	most = 1000u << (try < 13 ? try : 13);
	/* Different for each caller, and each time. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	noise = ((uint32_t)ts.tv_nsec ^ sbdf * 2654435761u) * 2654435761u;
	ts.tv_sec = 0;
	ts.tv_nsec = noise % most;
	nanosleep(&ts, NULL);
}

NYX_EXPORT int nyx_device_assign(struct nyx_unit *unit, uint32_t sbdf, uint32_t isolation,
				 const char *group, uint32_t *domain_id)
{
	struct target target;
	uint32_t id;
	int ret, i;

	ret = target_init(&target, sbdf, isolation, group);
	if (ret)
		return ret;
	for (i = 0; i < TRIES; i++) {
		ret = assign_once(unit, &target, sbdf, &id);
		if (ret != -EAGAIN)
			break;
		back_off(sbdf, i);
	}
	if (ret)
		return ret == -EAGAIN ? -EBUSY : ret;
	if (domain_id)
		*domain_id = id;
	return 0;
}

static bool is_managed(const struct nyx_domain_info *info)
{
	char name[NYX_NAME_LEN + 1] = "";

	memcpy(name, info->name, NYX_NAME_LEN);
	return !strcmp(name, SHARED_NAME) || !strcmp(name, IDENTITY_NAME) ||
	       !strncmp(name, SHARED_PREFIX, strlen(SHARED_PREFIX)) ||
	       !strncmp(name, STRICT_PREFIX, strlen(STRICT_PREFIX));
}

static int release_once(struct nyx_unit *unit, uint32_t sbdf)
{
	struct nyx_domain_info domain;
	struct nyx_device_info device;
	int ret;

	ret = nyx_device_get(unit, sbdf, &device, sizeof(device));
	if (ret)
		return ret;
	/* Detaches too. */
	ret = nyx_device_remove(unit, sbdf);
	if (ret || !device.domain_id)
		return ret == -EBUSY ? -EAGAIN : ret;

	ret = nyx_domain_get(unit, device.domain_id, &domain, sizeof(domain));
	if (ret || !is_managed(&domain) || domain.nr_devices)
		return ret == -ENOENT ? 0 : ret;
	ret = nyx_domain_destroy(unit, device.domain_id);
	/* Another device has come, or another caller was faster. */
	return ret == -EBUSY || ret == -ENOENT ? 0 : ret;
}

NYX_EXPORT int nyx_device_release(struct nyx_unit *unit, uint32_t sbdf)
{
	int ret, i;

	for (i = 0; i < TRIES; i++) {
		ret = release_once(unit, sbdf);
		if (ret != -EAGAIN)
			return ret;
		back_off(sbdf, i);
	}
	return -EBUSY;
}

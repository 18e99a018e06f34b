// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the manager: devices get the right domain, and lose it again.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The kernel knows domains and devices; which domain a device should have is
 * policy and lives here. There is no lock between the programs that use a unit.
 * Three rules of the kernel take its place:
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
#include <nyx/reason.h>
#include <nyx/text.h>

#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

_Static_assert((int)NYX_GROUP_LEN == NYX_NAME_LEN - 1 - 7, "behind \"shared/\"");

/* Bounds the attempts when other callers interfere; the last ones are 8 ms apart. */
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

static int target_init(struct target *target, nyx_device_t device, uint32_t isolation,
		       const char *group)
{
	char text[NYX_SBDF_TEXT_LEN];

	if (group && (isolation != NYX_ISOLATION_SHARED || !*group))
		return nyx__fail(-EINVAL);
	if (group && strlen(group) > NYX_GROUP_LEN)
		return nyx__fail(-ENAMETOOLONG);

	memset(target, 0, sizeof(*target));
	switch (isolation) {
	case NYX_ISOLATION_STRICT:
		nyx_sbdf_format(device, text, sizeof(text));
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
		return nyx__fail(-EINVAL);
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

/* Find or create the domain. -EAGAIN: another caller created or destroyed it meanwhile. */
static int target_find(struct nyx_unit *unit, const struct target *target, nyx_domain_t *domain,
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
		domain->id = info.domain_id;
		return target_fits(target, &info) ? 0 :
			nyx__fail_for(-EEXIST, NYX_REASON_DOMAIN_NAME_TAKEN);
	}
	if (ret != -ENOENT)
		return ret;
	ret = nyx_domain_create(unit, &opts, domain);
	*made = !ret;
	return ret == -EEXIST ? -EAGAIN : ret;
}

static bool device_has_domain(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_device_info info;

	return !nyx_device_get(unit, device, &info, sizeof(info)) && info.domain_id;
}

/* True if another command is changing the domain or the device, which ends by itself. */
static bool busy_for_now(void)
{
	switch (nyx_last_reason(-EBUSY)) {
	case NYX_REASON_DOMAIN_DYING:
	case NYX_REASON_DOMAIN_DRAINING:
	case NYX_REASON_DEVICE_MOVING:
		return true;
	default:
		return false;
	}
}

/*
 * Attach to the domain that has the name, the kind and the id. -EAGAIN: the domain has
 * changed; try again.
 */
static int attach_to(struct nyx_unit *unit, const struct target *target, nyx_device_t device,
		     nyx_domain_t domain)
{
	struct nyx_domain_info info;
	int ret;

	ret = nyx_device_attach(unit, device, domain, 0);
	if (ret == -ENOENT)
		return -EAGAIN;		/* the domain or the device is gone */
	if (ret == -EBUSY && busy_for_now())
		return -EAGAIN;
	if (ret)
		return ret;
	ret = nyx_domain_get(unit, domain, &info, sizeof(info));
	if (!ret && target_is(target, &info))
		return 0;
	nyx_device_detach(unit, device);
	return ret && ret != -ENOENT ? ret : -EAGAIN;
}

static int assign_once(struct nyx_unit *unit, const struct target *target, nyx_device_t device,
		       nyx_domain_t *domain)
{
	bool made_domain, made_device;
	struct nyx__error error;
	int ret;

	if (device_has_domain(unit, device))
		return nyx__fail_for(-EBUSY, NYX_REASON_DEVICE_ATTACHED);
	ret = target_find(unit, target, domain, &made_domain);
	if (ret)
		return ret;
	ret = nyx_device_add(unit, device);
	made_device = !ret;
	if (ret == -EEXIST)
		ret = 0;
	if (!ret)
		ret = attach_to(unit, target, device, *domain);
	if (!ret)
		return 0;

	error = nyx__last;
	if (made_device && !device_has_domain(unit, device))
		nyx_device_remove(unit, device);
	/*
	 * If the domain has another caller's device by now, the call fails with -EBUSY and
	 * keeps it.
	 */
	if (made_domain)
		nyx_domain_destroy(unit, *domain);
	nyx__last = error;
	return ret;
}

static void back_off(nyx_device_t device, int try)
{
	uint32_t most, noise;
	struct timespec ts;

	if (try < BACK_OFF_AFTER)
		return;
	try -= BACK_OFF_AFTER;
	most = 1000u << (try < 13 ? try : 13);
	/* The time and the device make the delay differ between callers and tries. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	noise = ((uint32_t)ts.tv_nsec ^ device.sbdf * 2654435761u) * 2654435761u;
	ts.tv_sec = 0;
	ts.tv_nsec = noise % most;
	nanosleep(&ts, NULL);
}

/* Give up with -EBUSY, and with the last command's reason only if that is one of -EBUSY. */
static int still_busy(void)
{
	return nyx__fail_for(-EBUSY, nyx_last_reason(-EBUSY));
}

NYX_EXPORT int nyx_device_assign(struct nyx_unit *unit, nyx_device_t device, uint32_t isolation,
				 const char *group, nyx_domain_t *domain)
{
	struct target target;
	nyx_domain_t own;
	int ret, i;

	ret = target_init(&target, device, isolation, group);
	if (ret)
		return ret;
	for (i = 0; i < TRIES; i++) {
		ret = assign_once(unit, &target, device, &own);
		if (ret != -EAGAIN)
			break;
		back_off(device, i);
	}
	if (ret == -EAGAIN)
		return still_busy();
	if (ret)
		return ret;
	if (domain)
		*domain = own;
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

static int release_once(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_domain_info domain_info;
	struct nyx_device_info device_info;
	nyx_domain_t domain;
	int ret;

	ret = nyx_device_get(unit, device, &device_info, sizeof(device_info));
	if (ret)
		return ret;
	/* Removing the device also detaches it. */
	ret = nyx_device_remove(unit, device);
	if (ret || !device_info.domain_id)
		return ret == -EBUSY ? -EAGAIN : ret;

	domain.id = device_info.domain_id;
	ret = nyx_domain_get(unit, domain, &domain_info, sizeof(domain_info));
	if (ret || !is_managed(&domain_info) || domain_info.nr_devices)
		return ret == -ENOENT ? 0 : ret;
	ret = nyx_domain_destroy(unit, domain);
	/* Not an error: the domain has another device, or another caller has destroyed it. */
	return ret == -EBUSY || ret == -ENOENT ? 0 : ret;
}

NYX_EXPORT int nyx_device_release(struct nyx_unit *unit, nyx_device_t device)
{
	int ret, i;

	for (i = 0; i < TRIES; i++) {
		ret = release_once(unit, device);
		if (ret != -EAGAIN)
			return ret;
		back_off(device, i);
	}
	return still_busy();
}

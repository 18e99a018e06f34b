// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: what they tell, in words.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/device.h>
#include <nyx/mirror.h>
#include <nyx/text.h>

#include "private.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static const char *const whys[] = {
	[NYX_MIRROR_WHY_NONE] = "no reason is known",
	[NYX_MIRROR_WHY_RANGE] = "the host's IOMMU cannot map these addresses",
	[NYX_MIRROR_WHY_MEMORY] = "the VMM has no such memory, or has it for reading only",
	[NYX_MIRROR_WHY_LIMIT] = "the host has as many mappings as there may be",
	[NYX_MIRROR_WHY_MEMLOCK] = "the process may not lock so much memory",
	[NYX_MIRROR_WHY_NO_MEMORY] = "the process has no memory left",
	[NYX_MIRROR_WHY_BACKEND] = "the host's IOMMU has failed",
	[NYX_MIRROR_WHY_PROTOCOL] = "the host's IOMMU, or the stream, did what it never does",
};

static const char *const states[] = {
	[NYX_CHANGE_NONE] = "new",
	[NYX_CHANGE_ATTACHED] = "attached",
	[NYX_CHANGE_DETACHED] = "detached",
	[NYX_CHANGE_QUARANTINED] = "quarantined",
	[NYX_CHANGE_FULL] = "quarantined: it has more maps than there may be",
	[NYX_CHANGE_LATE] = "quarantined: changes were not handled in time",
};

static void put_why(struct text *text, const struct nyx_mirror_event *event)
{
	struct rlimit limit;

	put(text, ": %s", event->why < ARRAY_SIZE(whys) ? whys[event->why] : "unknown");
	if (event->error)
		put(text, " (error %d)", -event->error);
	if (event->why == NYX_MIRROR_WHY_MEMLOCK) {
		put(text, "; %" PRIu64 " bytes are mapped", event->bytes);
		if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
			put(text, ", RLIMIT_MEMLOCK is %" PRIu64, (uint64_t)limit.rlim_cur);
	}
	if (event->why == NYX_MIRROR_WHY_LIMIT)
		put(text, "; %" PRIu64 " of %" PRIu64, event->maps, event->max_maps);
}

static void put_subject(struct text *text, const struct nyx_mirror_event *event)
{
	if (event->sbdf != NYX_SBDF_ANY)
		put_device(text, event->sbdf, NYX_PASID_NONE);
	else if (event->domain_id)
		put(text, "domain %" PRIu32, event->domain_id);
	else
		put(text, "mirror");
}

NYX_EXPORT int nyx_mirror_event_format(const struct nyx_mirror_event *event, char *buffer,
				       size_t room)
{
	struct text text = { .at = buffer, .room = room };

	if (event->size < sizeof(*event))
		return nyx__fail(-EINVAL);
	put_subject(&text, event);
	switch (event->kind) {
	case NYX_MIRROR_STATE:
		put(&text, " is %s", event->state < ARRAY_SIZE(states) ? states[event->state] :
									"in an unknown state");
		if (event->sbdf != NYX_SBDF_ANY && event->state == NYX_CHANGE_ATTACHED)
			put(&text, " to domain %" PRIu32, event->domain_id);
		break;
	case NYX_MIRROR_REFUSED:
		put(&text, ": IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is not mapped to GPA 0x%" PRIx64
		    " (%s)", event->iova, event->last, event->gpa, nyx_prot_name(event->prot));
		put_why(&text, event);
		break;
	case NYX_MIRROR_NEAR_LIMIT:
		put(&text, ": the host has %" PRIu64 " mappings of %" PRIu64 " that there may be",
		    event->maps, event->max_maps);
		break;
	case NYX_MIRROR_FAILED:
		put(&text, " is emptied, and its devices are quarantined");
		put_why(&text, event);
		break;
	case NYX_MIRROR_BROKEN:
		put(&text, " cannot be emptied: devices still reach memory");
		put_why(&text, event);
		break;
	case NYX_MIRROR_GONE:
		put(&text, " is emptied: the unit was destroyed");
		break;
	default:
		return nyx__fail(-EINVAL);
	}
	return text.err ? nyx__fail(text.err) : 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: kinds of devices that may come while the machine runs.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "vmm.h"

static int wrong(const char *form)
{
	say("write it like %s", form);
	return -EINVAL;
}

static int make_disk(struct vmm *vmm, char *words)
{
	struct options opts = { .nr_disks = 0 };

	if (!words)
		return wrong("disk,FILE");
	if (options_disk(&opts, "disk", words) >= 0)
		return -EINVAL;
	return virtio_blk_init(vmm, opts.disks[0].path, opts.disks[0].readonly,
			       opts.disks[0].queues ? opts.disks[0].queues :
			       default_disk_queues(vmm->opts));
}

/* A file descriptor would be one of nyx-vmm, of which the client knows nothing. */
static int make_net(struct vmm *vmm, char *words)
{
	if (!words || strncmp(words, "tap=", 4) || !words[4])
		return wrong("net,tap=NAME");
	return virtio_net_init(vmm, words + 4, -1);
}

static int make_rng(struct vmm *vmm, char *words)
{
	return words ? wrong("rng") : virtio_rng_init(vmm);
}

static int make_edu(struct vmm *vmm, char *words)
{
	uint64_t mask;

	if (!options_edu(words, &mask))
		return wrong("edu or edu,dma-mask=0xfffffff");
	return edu_init(vmm, mask);
}

static const struct device_type types[] = {
	{ "disk", "disk,FILE[,readonly][,queues=N]", make_disk },
	{ "net", "net,tap=NAME", make_net },
	{ "rng", "rng", make_rng },
	{ "edu", "edu[,dma-mask=MASK]", make_edu },
};

const struct device_type *device_type_of(const char *words)
{
	size_t len = strcspn(words, ","), at = 0;
	char forms[256] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (strlen(types[i].name) == len && !strncmp(types[i].name, words, len))
			return &types[i];
		at += (size_t)snprintf(forms + at, sizeof(forms) - at, "%s%s", i ? ", " : "",
				       types[i].form);
	}
	say("there is no device '%.*s'; there are %s", (int)(len < 32 ? len : 32), words, forms);
	return NULL;
}

int device_make(struct vmm *vmm, char *words)
{
	const struct device_type *type = device_type_of(words);
	size_t len = type ? strlen(type->name) : 0;

	if (!type)
		return -EINVAL;
	return type->make(vmm, words[len] ? words + len + 1 : NULL);
}

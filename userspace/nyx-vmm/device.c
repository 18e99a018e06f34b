// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: kinds of devices that may come while the machine runs.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "pci.h"
#include "vfio.h"
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

/* Makes a device for main_makes() */
struct main_call {
	struct vmm *vmm;
	int (*make)(struct vmm *vmm, const char *name, bool option);
	const char *name;
	bool option;
	struct pci_port *port;
	bool at_start;
	pthread_t caller;
	char text[512];
	int rc;
};

static void make_on_main(void *arg)
{
	struct main_call *call = arg;

	bool other = !pthread_equal(pthread_self(), call->caller);

	if (other)
		say_capture(call->text, sizeof(call->text));
	pci_register_into(call->port, call->at_start);
	call->rc = call->make(call->vmm, call->name, call->option);
	if (!other)
		return;
	pci_register_into(NULL, false);
	say_capture(NULL, 0);
	/* A warning */
	if (!call->rc && call->text[0])
		say("%s", call->text);
}

/* The main thread makes devices whose files it handles. Why it has failed is said by this one. */
static int main_makes(struct vmm *vmm, const char *name, bool option,
		      int (*make)(struct vmm *vmm, const char *name, bool option))
{
	struct main_call call = {
		.vmm = vmm, .caller = pthread_self(), .make = make, .name = name, .option = option,
	};

	call.port = pci_register_port(&call.at_start);
	loop_call(make_on_main, &call);
	if (call.rc && call.text[0])
		say("%s", call.text);
	return call.rc;
}

static int make_vhost(struct vmm *vmm, const char *name, bool user)
{
	return user ? vhost_net_user_init(vmm, name) : vhost_net_tap_init(vmm, name);
}

/* A file descriptor would be one of nyx-vmm, of which the client knows nothing. */
static int make_net(struct vmm *vmm, char *words)
{
	bool vhost = words && options_vhost(words);

	if (words && !strncmp(words, "vhost-user=", 11) && words[11])
		return main_makes(vmm, words + 11, true, make_vhost);
	if (!words || strncmp(words, "tap=", 4) || !words[4])
		return wrong("net,tap=NAME, net,tap=NAME,vhost or net,vhost-user=SOCKET");
	return vhost ? main_makes(vmm, words + 4, false, make_vhost) :
		virtio_net_init(vmm, words + 4, -1);
}

static int make_vfio(struct vmm *vmm, char *words)
{
	struct options opts = { .nr_vfios = 0 };

	if (!words)
		return wrong("vfio,0000:00:05.0");
	if (options_vfio(&opts, "vfio", words) >= 0)
		return -EINVAL;
	return main_makes(vmm, opts.vfios[0].name, opts.vfios[0].shared, vfio_init);
}

static int make_vfio_user(struct vmm *vmm, char *words)
{
	struct options opts = { .nr_vfio_users = 0 };

	if (!words)
		return wrong("vfio-user,SOCKET");
	if (options_vfio_user(&opts, "vfio-user", words) >= 0)
		return -EINVAL;
	return main_makes(vmm, opts.vfio_users[0].path, opts.vfio_users[0].messages,
			  vfio_user_init);
}

static const struct device_type types[] = {
	{ "disk", "disk,FILE[,readonly][,queues=N]", make_disk },
	{ "net", "net,tap=NAME[,vhost] or net,vhost-user=SOCKET", make_net },
	{ "rng", "rng", make_rng },
	{ "edu", "edu[,dma-mask=MASK]", make_edu },
	{ "vfio", "vfio,BDF[,isolation=shared]", make_vfio },
	{ "vfio-user", "vfio-user,SOCKET[,memory=messages]", make_vfio_user },
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

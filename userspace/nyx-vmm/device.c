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
#include "vhost.h"
#include "vmm.h"

static int wrong(const char *form)
{
	say("write it like %s", form);
	return -EINVAL;
}

static int parse_disk(struct options *opts, char *words)
{
	if (!words)
		return wrong("disk,FILE");
	return options_disk(opts, "disk", words) < 0 ? 0 : -EINVAL;
}

static int make_disk(struct vmm *vmm, const struct options *opts)
{
	return virtio_blk_init(vmm, opts->disks[0].path, opts->disks[0].readonly,
			       opts->disks[0].queues ? opts->disks[0].queues :
			       default_disk_queues(vmm->opts));
}

static int parse_rng(struct options *opts, char *words)
{
	(void)opts;
	return words ? wrong("rng") : 0;
}

static int make_rng(struct vmm *vmm, const struct options *opts)
{
	(void)opts;
	return virtio_rng_init(vmm);
}

static int parse_edu(struct options *opts, char *words)
{
	return options_edu(words, &opts->edu_dma_mask) ? 0 :
		wrong("edu or edu,dma-mask=0xfffffff");
}

static int make_edu(struct vmm *vmm, const struct options *opts)
{
	return edu_init(vmm, opts->edu_dma_mask);
}

/* For main_makes(): what @make is to make, and the device for it */
struct main_call {
	struct vmm *vmm;
	int (*make)(const struct main_call *call);
	const char *name;
	bool option;
	struct vhost_backend *backend;
	/* of main_makes() */
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
	call->rc = call->make(call);
	if (!other)
		return;
	pci_register_into(NULL, false);
	say_capture(NULL, 0);
	/* A warning */
	if (!call->rc && call->text[0])
		say("%s", call->text);
}

/* The main thread makes devices whose files it handles. Why it has failed is said by this one. */
static int main_makes(struct main_call *call)
{
	call->caller = pthread_self();
	call->port = pci_register_port(&call->at_start);
	loop_call(make_on_main, call);
	if (call->rc && call->text[0])
		say("%s", call->text);
	return call->rc;
}

static int make_tap(const struct main_call *call)
{
	return vhost_net_tap_init(call->vmm, call->name);
}

static int make_backend(const struct main_call *call)
{
	return vhost_net_init(call->vmm, call->backend);
}

/* The main thread does not wait for the back end. */
static int make_vhost_user(struct vmm *vmm, const struct options *opts)
{
	struct main_call call = { .vmm = vmm, .make = make_backend };

	call.backend = vhost_user_net(vmm, opts->nets[0].path, opts->nets[0].dpdk);
	return call.backend ? main_makes(&call) : -ENODEV;
}

/* A file descriptor would be one of nyx-vmm, of which the client knows nothing. */
static int parse_net(struct options *opts, char *words)
{
	if (words && !strncmp(words, "vhost-user=", 11)) {
		opts->nets[0].path = words + 11;
		return options_vhost_user("vhost-user", words + 11, &opts->nets[0].dpdk) < 0 ?
			0 : -EINVAL;
	}
	opts->nets[0].vhost = words && options_vhost(words);
	if (!words || strncmp(words, "tap=", 4) || !words[4])
		return wrong("net,tap=NAME, net,tap=NAME,vhost or net,vhost-user=SOCKET");
	opts->nets[0].tap = words + 4;
	return 0;
}

static int make_net(struct vmm *vmm, const struct options *opts)
{
	struct main_call call = { .vmm = vmm, .make = make_tap, .name = opts->nets[0].tap };

	if (opts->nets[0].path)
		return make_vhost_user(vmm, opts);
	return opts->nets[0].vhost ? main_makes(&call) : virtio_net_init(vmm, call.name, -1);
}

static int make_host(const struct main_call *call)
{
	return vfio_init(call->vmm, call->name, call->option);
}

static int parse_vfio(struct options *opts, char *words)
{
	if (!words)
		return wrong("vfio,0000:00:05.0");
	return options_vfio(opts, "vfio", words) < 0 ? 0 : -EINVAL;
}

static int make_vfio(struct vmm *vmm, const struct options *opts)
{
	struct main_call call = {
		.vmm = vmm, .make = make_host, .name = opts->vfios[0].name,
		.option = opts->vfios[0].shared,
	};

	return main_makes(&call);
}

static int make_server(const struct main_call *call)
{
	return vfio_user_init(call->vmm, call->name, call->option);
}

static int parse_vfio_user(struct options *opts, char *words)
{
	if (!words)
		return wrong("vfio-user,SOCKET");
	return options_vfio_user(opts, "vfio-user", words) < 0 ? 0 : -EINVAL;
}

static int make_vfio_user(struct vmm *vmm, const struct options *opts)
{
	struct main_call call = {
		.vmm = vmm, .make = make_server, .name = opts->vfio_users[0].path,
		.option = opts->vfio_users[0].messages,
	};

	return main_makes(&call);
}

static const struct device_type types[] = {
	{ "disk", "disk,FILE[,readonly][,queues=N]", parse_disk, make_disk },
	{ "net", "net,tap=NAME[,vhost] or net,vhost-user=SOCKET[,dpdk=on|off]", parse_net, make_net },
	{ "rng", "rng", parse_rng, make_rng },
	{ "edu", "edu[,dma-mask=MASK]", parse_edu, make_edu },
	{ "vfio", "vfio,BDF[,isolation=shared]", parse_vfio, make_vfio },
	{ "vfio-user", "vfio-user,SOCKET[,memory=messages]", parse_vfio_user, make_vfio_user },
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

static int parse(const struct device_type *type, struct options *opts, char *words)
{
	size_t len = type ? strlen(type->name) : 0;

	return type ? type->parse(opts, words[len] ? words + len + 1 : NULL) : -EINVAL;
}

int device_check(char *words)
{
	struct options opts = { .nr_disks = 0 };

	return parse(device_type_of(words), &opts, words);
}

int device_make(struct vmm *vmm, char *words)
{
	const struct device_type *type = device_type_of(words);
	struct options opts = { .nr_disks = 0 };
	int rc = parse(type, &opts, words);

	return rc ? rc : type->make(vmm, &opts);
}

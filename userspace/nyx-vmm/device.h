/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: kinds of devices that may come while the machine runs.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_DEVICE_H
#define NYX_VMM_DEVICE_H

struct options;
struct vmm;

/*
 * A kind of device. A row of the table in device.c is all that a new one needs, besides what it
 * does: @make() has the device registered by pci_register(), with pci_dev::reset set.
 */
struct device_type {
	const char *name;
	const char *form;		/* how it is written, for messages */
	/*
	 * Both return 0 or a negative errno, after a message. @words: what stands behind the name
	 * and a comma, which become those of the option of that kind, and may be changed; NULL:
	 * nothing does.
	 */
	int (*parse)(struct options *opts, char *words);
	int (*make)(struct vmm *vmm, const struct options *opts);
};

/* The kind that @words, like "disk,FILE", begin with. NULL, after a message: there is none. */
const struct device_type *device_type_of(const char *words);

/* 0, or -EINVAL after a message: @words, which it may change, describe no device. */
int device_check(char *words);

/*
 * Makes the device that @words describe, which it may change. 0 or a negative errno, after a
 * message.
 */
int device_make(struct vmm *vmm, char *words);

#endif /* NYX_VMM_DEVICE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest whose unit is saved, and loaded into another one.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The programs of the vendors share this.
 */
#ifndef NYX_SELFTESTS_MIGRATE_GUEST_H
#define NYX_SELFTESTS_MIGRATE_GUEST_H

#include "guest.h"
#include "saved.h"

/**
 * struct migrate_vendor - what a vendor's program says of its guest
 * @boot: makes a guest whose DEV reaches AT_DATA by @iova, and @msi is remapped
 * @forget: the driver invalidates everything, and waits until that is done
 * @iova: that leads to AT_DATA
 * @msi: a message of DEV
 * @other: options of a unit that is another one
 * @other_len: their length
 */
struct migrate_vendor {
	void (*boot)(struct guest *g);
	void (*forget)(struct guest *g);
	__u64 iova;
	struct msi msi;
	const void *other;
	__u32 other_len;
};

/* The copy has the original's registers, and its driver goes on with it. */
void migrate_round_trip(const struct migrate_vendor *v);

/* Streams without the model's state, or with another one, leave an empty unit. */
void migrate_hostile(const struct migrate_vendor *v);

#endif /* NYX_SELFTESTS_MIGRATE_GUEST_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: the stream of a saved unit, to read, change and write.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Written from the interface's description, with nothing of the module's. The functions
 * end the case when something fails that is not its subject.
 */
#ifndef NYX_SELFTESTS_SAVED_H
#define NYX_SELFTESTS_SAVED_H

#include "nyx_cmd.h"

#define SAVED_ROOM	(16u << 20)

/**
 * struct saved - a stream
 * @data: its bytes, of SAVED_ROOM
 * @size: how many
 */
struct saved {
	unsigned char *data;
	size_t size;
};

void saved_init(struct saved *s);
void saved_copy(struct saved *to, const struct saved *from);
void saved_free(struct saved *s);

/* Sends a unit to a state. All but the size and @state is set by the kernel. */
int cmd_migrate(int fd, __u32 state, struct nyx_migrate *c);
int cmd_migrate_probe(int fd, __u32 state, struct nyx_migrate *c);

/* Saves a unit, which runs on afterwards. */
void saved_save(int fd, struct saved *s);

/*
 * Writes a stream to the file of a unit that is loaded, in pieces of @piece bytes. 0 or the
 * -errno of the write that failed.
 */
int saved_write(int file, const struct saved *s, size_t piece);

/*
 * Loads a unit, whose file is closed afterwards. The function returns what the command that
 * ends the load returns, and in @c what it says.
 */
int saved_load(int fd, const struct saved *s, struct nyx_migrate *c);

/* The section number @nr of a type, or NULL. */
struct nyx_stream_section *saved_find(const struct saved *s, __u32 type, unsigned int nr);

/* Bytes of a section with its head. */
size_t saved_section_size(const struct nyx_stream_section *section);

/* Makes the checksum of a section right. */
void saved_fix(struct nyx_stream_section *section);

/* Makes the checksum of the head right. */
void saved_fix_head(struct saved *s);

/* The first element of a field in a record of a section; *field is its description, or NULL. */
void *saved_field(struct nyx_stream_section *section, const char *name, __u32 record,
		  struct nyx_stream_field **field);

/* Sets a field of a record to a value, and the checksum. */
void saved_set(struct nyx_stream_section *section, const char *name, __u32 record, __u64 value);

/* Inserts bytes, or takes out some if @by is negative. @at is in the stream. */
void saved_shift(struct saved *s, void *at, long by);

#endif /* NYX_SELFTESTS_SAVED_H */

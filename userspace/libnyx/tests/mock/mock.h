/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A module that is not there: /dev/nyx-iommu for tests of user space.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A library for LD_PRELOAD that answers the commands of <linux/nyx_iommu.h> out
 * of one file, so that objects last from one process to the next. It follows the
 * header, not the module: tests that pass on both say that the two agree. It is
 * made to be simple, not fast, and it does not know concurrency: one lock.
 *
 *   NYX_MOCK_STATE	the file; it must exist, empty at first
 *   NYX_MOCK_OPEN	errno (a number) of open(2) of the node
 *   NYX_MOCK_FAIL	"CMD:ERRNO[:SKIP]" (numbers): the command fails, after it
 *			worked SKIP times in this process; once
 */
#ifndef LIBNYX_TESTS_MOCK_H
#define LIBNYX_TESTS_MOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/nyx_iommu.h>

#define MAX_UNITS	8
#define MAX_DOMAINS	128
#define MAX_DEVICES	512
#define MAX_MEMORY	64
#define MAX_MAPPINGS	4096
#define MAX_EVENTS	1024
#define MAX_USERS	64
#define MAX_FILES	1024	/* file descriptors of a process */
#define PAGE_MASK	UINT64_C(4095)

struct m_domain {
	struct nyx_domain_info info;	/* domain_id 0: free */
	uint64_t count[NYX_STAT_MAX];
};

struct m_device {
	bool used;
	struct nyx_device_info info;
	uint64_t count[NYX_STAT_MAX];
};

struct m_memory {
	bool used;
	struct nyx_memory_info info;
	uint64_t serial;		/* which of m_file::serial has its file */
	uint64_t storage;		/* offset of its contents in the state file */
	pid_t pid;			/* of user memory */
};

struct m_mapping {
	bool used;
	bool hot;			/* in the pretended cache */
	uint32_t domain_id;
	struct nyx_mapping_info info;
};

/* A process that has a unit open; nobody tells if it is killed. */
struct m_user {
	pid_t pid;			/* 0: free */
	uint32_t files;
};

struct m_unit {
	struct nyx_unit_info info;	/* unit_id 0: free */
	struct m_user users[MAX_USERS];
	struct m_domain domains[MAX_DOMAINS];
	struct m_device devices[MAX_DEVICES];
	struct m_memory memory[MAX_MEMORY];
	struct m_mapping mappings[MAX_MAPPINGS];
	struct nyx_event events[MAX_EVENTS];
	uint64_t head;
	uint32_t last_domain_id;
	uint64_t retired[NYX_STAT_MAX];
	uint64_t retired_faults;
};

struct m_state {
	uint32_t magic;
	uint32_t last_unit_id;
	uint64_t last_serial;
	uint64_t storage_end;
	struct m_unit units[MAX_UNITS];
};

/* A file descriptor of this process. */
struct m_file {
	enum { M_NONE, M_NODE, M_EVENTS } kind;
	uint32_t unit_id;		/* M_NODE: 0: not bound */
	uint64_t pos;			/* M_EVENTS */
	bool nonblock;			/* M_EVENTS */
};

/* mock.c; all under its lock */
extern struct m_state *m_state;
extern int m_state_fd;

struct m_unit *m_unit_find(uint32_t id);
void m_unit_free(struct m_unit *unit);
void m_unit_use(struct m_unit *unit);
void m_unit_unuse(struct m_unit *unit, pid_t pid, uint32_t files);
/* Do what the death of processes did. */
void m_collect(void);
int m_file_add(uint32_t unit_id, uint64_t pos, bool nonblock);
/* The live file behind a range, in the process that added it, or -1. */
int m_live_file(uint64_t serial);
void m_live_file_add(uint64_t serial, int fd);

/* mock_cmd.c: a command. Returns 0 or -errno. */
int m_command(struct m_file *file, unsigned long request, void *arg);

/* mock_obj.c */
bool m_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len);
int m_check_range(uint64_t start, uint64_t length);
int m_unit_create(struct m_file *file, struct nyx_unit_create *c);
int m_unit_open(struct m_file *file, struct nyx_unit_open *o);
/* Bring the counts up to date that are not kept so. */
void m_unit_totals(struct m_unit *unit);
int m_memory_add(struct m_unit *unit, struct nyx_memory_add *a);
int m_memory_remove(struct m_unit *unit, const struct nyx_memory_remove *r);
int m_domain_create(struct m_unit *unit, struct nyx_domain_create *c);
int m_domain_destroy(struct m_unit *unit, uint32_t id);
int m_device_add(struct m_unit *unit, uint32_t sbdf);
int m_device_remove(struct m_unit *unit, uint32_t sbdf);
int m_device_attach(struct m_unit *unit, const struct nyx_device_attach *a);
int m_device_detach(struct m_unit *unit, struct m_device *dev);

/* mock_map.c */
int m_paging_range(struct m_unit *unit, uint32_t id, uint64_t iova, uint64_t length,
		   struct m_domain **dom);
int m_map(struct m_unit *unit, const struct nyx_map *m);
int m_unmap(struct m_unit *unit, struct nyx_unmap *u);
int m_invalidate(struct m_unit *unit, const struct nyx_invalidate *inv);

/* mock_dma.c */
struct m_domain *m_domain_find(struct m_unit *unit, uint32_t id);
struct m_device *m_device_find(struct m_unit *unit, uint32_t sbdf);
int m_translate(struct m_unit *unit, struct nyx_translate *t);
int m_dma(struct m_unit *unit, struct nyx_dma *dma);

#endif /* LIBNYX_TESTS_MOCK_H */

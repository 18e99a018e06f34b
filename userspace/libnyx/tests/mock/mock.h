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
 *   NYX_MOCK_HANG	CMD (a number): the command is done, but does not return
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
#define MAX_IRTES	65536
#define MAX_BINDINGS	64
#define MAX_GROUPS	128
#define MAX_RECENT	32	/* faults that a device is remembered for */
#define MAX_PAST	64	/* ranges that were unmapped */
#define PAGE_MASK	UINT64_C(4095)

struct m_domain {
	struct nyx_domain_info info;	/* domain_id 0: free */
	struct nyx_limits limits;
	uint64_t count[NYX_STAT_MAX];
};

/* A fault that counts for the policy. */
struct m_recent {
	uint64_t time_ns;
	uint64_t address;
	uint8_t reason;
	uint8_t access;
};

struct m_device {
	bool used;
	bool own_policy;
	struct nyx_device_info info;
	struct nyx_policy policy;
	struct nyx_limits limits;
	struct m_recent recent[MAX_RECENT];
	uint64_t nr_recent;
	uint64_t window_ns;		/* when the score began */
	uint64_t second_ns;		/* when the second of records began */
	uint32_t records;		/* in it */
	uint64_t untold;		/* faults without a record */
	uint64_t count[NYX_STAT_MAX];
};

/* A range that was unmapped. */
struct m_past {
	uint32_t domain_id;		/* 0: none */
	uint64_t iova;
	uint64_t length;
	uint64_t time_ns;
};

struct m_irte {
	bool present;
	struct nyx_irte_info info;
};

/* Stored only: nobody waits for the source. */
struct m_binding {
	struct nyx_binding_info info;	/* binding_id 0: free */
	uint64_t source;		/* which eventfds, in the system */
	uint64_t target;
};

/* Pages that a device asked for. */
struct m_group {
	uint32_t id;			/* 0: free */
	uint32_t sbdf;
	uint32_t domain_id;
	uint32_t nr;
	uint32_t response;
	bool answered;			/* only if somebody waits */
	bool nowait;
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
	pid_t maker;
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
	struct nyx_policy policy;
	struct m_irte irt[MAX_IRTES];
	struct m_binding bindings[MAX_BINDINGS];
	uint32_t last_binding_id;
	struct m_group groups[MAX_GROUPS];
	uint32_t last_group;
	struct m_past past[MAX_PAST];
	uint64_t nr_past;
	uint32_t vtd_flags;
	uint32_t amdvi_flags;
	uint32_t vtd_faults;
	uint8_t regs[NYX_MMIO_SIZE_AMDVI];
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
/* Let others do something, and come back. */
void m_pause(void);
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
int m_unit_share(struct m_unit *unit);
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
/* Guest memory: false if it is not all there. */
bool m_peek(struct m_unit *unit, uint64_t gpa, void *buf, uint64_t length);
bool m_poke(struct m_unit *unit, uint64_t gpa, const void *buf, uint64_t length);

/* mock_fault.c */
uint64_t m_now(void);
/* The next record of the stream, with type, number and time. */
struct nyx_event *m_event(struct m_unit *unit, uint32_t type);
void m_count(struct m_unit *unit, struct m_device *dev, unsigned int stat, uint64_t n);
void m_fault(struct m_unit *unit, struct m_device *dev, struct m_domain *dom,
	     const struct nyx_fault *fault, uint64_t length);
void m_irq_fault(struct m_unit *unit, struct m_device *dev, const struct nyx_irq_send *irq);
void m_past_add(struct m_unit *unit, uint32_t domain_id, uint64_t iova, uint64_t length);
/* Is what the device does refused without a look? Counted if it @counts. */
bool m_refused(struct m_unit *unit, struct m_device *dev, bool counts);
/* Bring the flags of a device up to date. */
void m_device_flags(struct m_unit *unit, struct m_device *dev);
void m_policy_init(struct nyx_policy *policy);
int m_policy_set(struct m_unit *unit, const struct nyx_policy_set *s);
int m_policy_get(struct m_unit *unit, struct nyx_policy_get *g);
int m_device_control(struct m_unit *unit, const struct nyx_device_control *c);
int m_limit_set(struct m_unit *unit, const struct nyx_limit_set *s);
int m_limit_get(struct m_unit *unit, struct nyx_limit_get *g);

/* mock_irq.c */
int m_irq_setup(struct m_unit *unit, const struct nyx_irq_setup *s);
int m_irte_set(struct m_unit *unit, const struct nyx_irte_set *s);
int m_irte_clear(struct m_unit *unit, const struct nyx_irte_clear *c);
int m_irq_send(struct m_unit *unit, struct nyx_irq_send *irq);
int m_irq_bind(struct m_unit *unit, struct nyx_irq_bind *b);
int m_irq_unbind(struct m_unit *unit, const struct nyx_irq_unbind *u);
int m_irq_change(struct m_unit *unit, const struct nyx_irq_change *c);
void m_bindings_drop(struct m_unit *unit, uint32_t sbdf);

/* mock_page.c */
int m_page_request(struct m_unit *unit, struct nyx_page_request *r);
int m_page_respond(struct m_unit *unit, const struct nyx_page_respond *r);

/* mock_mmio.c */
int m_model_check(const struct nyx_unit_create *c);
void m_model_init(struct m_unit *unit, const struct nyx_unit_create *c);
/* Is the command not for units of this model? */
bool m_model_refuses(const struct m_unit *unit, unsigned int cmd);
int m_mmio(struct m_unit *unit, struct nyx_mmio *m);
int m_unit_reset(struct m_unit *unit);

#endif /* LIBNYX_TESTS_MOCK_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: runs KUnit suites and prints KTAP.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Arguments: -f GLOB runs the cases whose "suite.case" matches; NAME=VALUE sets
 * a module parameter; host_late=MS lets threads begin late. Parameters that are
 * seeds are NYX_TEST_SEED, or a new number, which is printed. Exit status: 0, 1 if
 * a case has failed or none was run, 2 for usage.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <sys/random.h>

#include <kunit/test.h>

#define MAX_SUITES	64
#define MAX_PARAMS	32

static struct kunit_suite *suites[MAX_SUITES];
static unsigned int nr_suites;

static struct param {
	const char *name;
	const char *type;
	void *value;
	bool set;
} params[MAX_PARAMS];
static unsigned int nr_params;

module_param(host_late, uint, 0444);

struct resource {
	struct resource *next;
	void *p;
};

void host_param_add(const char *name, const char *type, void *value)
{
	if (nr_params == MAX_PARAMS)
		abort();
	params[nr_params++] = (struct param){ name, type, value, false };
}

void host_kunit_add(struct kunit_suite *const *more, unsigned int nr)
{
	while (nr--) {
		if (nr_suites == MAX_SUITES)
			abort();
		suites[nr_suites++] = *more++;
	}
}

void host_kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		     const char *expr, bool values, long long left,
		     long long right, const char *fmt, ...)
{
	va_list ap;

	test->status = KUNIT_FAILURE;
	printf("    # %s: %s failed at %s:%d\n    # %s\n", test->name,
	       fatal ? "ASSERTION" : "EXPECTATION", file, line, expr);
	if (values)
		printf("    # left %lld (0x%llx) right %lld (0x%llx)\n",
		       left, left, right, right);
	if (fmt) {
		printf("    # ");
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		printf("\n");
	}
	fflush(stdout);
	if (fatal)
		longjmp(test->leave, 1);
}

void host_kunit_skip(struct kunit *test, bool now, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(test->reason, sizeof(test->reason), fmt, ap);
	va_end(ap);
	test->status = KUNIT_SKIPPED;
	if (now)
		longjmp(test->leave, 1);
}

void *host_kunit_alloc(struct kunit *test, size_t size, gfp_t gfp)
{
	struct resource *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->p = kmalloc(size, gfp);
	if (!r->p) {
		free(r);
		return NULL;
	}
	r->next = test->resources;
	test->resources = r;
	return r->p;
}

void kunit_kfree(struct kunit *test, const void *p)
{
	struct resource **rp = (struct resource **)&test->resources;

	for (; *rp; rp = &(*rp)->next) {
		struct resource *r = *rp;

		if (r->p != p)
			continue;
		*rp = r->next;
		kfree(r->p);
		free(r);
		return;
	}
	WARN_ON(p);
}

static void run_once(struct kunit_suite *suite, struct kunit_case *c,
		     struct kunit *test)
{
	unsigned long warnings = host_warnings(), pages = host_pages_used();
	volatile bool ready = false;

	test->name = c->name;
	if (!setjmp(test->leave)) {
		if (suite->init && suite->init(test)) {
			test->status = KUNIT_FAILURE;
		} else {
			ready = true;
			c->run_case(test);
		}
	}
	if (ready && suite->exit && !setjmp(test->leave))
		suite->exit(test);
	rcu_barrier();
	while (test->resources) {
		struct resource *r = test->resources;

		test->resources = r->next;
		kfree(r->p);
		free(r);
	}
	if (warnings != host_warnings())
		test->status = KUNIT_FAILURE;
	if (test->status == KUNIT_SUCCESS && host_pages_used() != pages)
		host_kunit_fail(test, false, __FILE__, __LINE__,
				"pages in use before == after", true, pages,
				host_pages_used(), NULL);
}

static void report(const char *indent, enum kunit_status status, int nr,
		   const char *name, const char *reason)
{
	printf("%s%s %d %s", indent, status == KUNIT_FAILURE ? "not ok" : "ok",
	       nr, name);
	if (status == KUNIT_SKIPPED)
		printf(" # SKIP %s", reason);
	printf("\n");
	fflush(stdout);
}

static enum kunit_status run_case(struct kunit_suite *suite,
				  struct kunit_case *c, int nr)
{
	enum kunit_status status = KUNIT_SKIPPED;
	char desc[KUNIT_PARAM_DESC_SIZE];
	struct kunit test = {};
	const void *param;
	int i = 0;

	if (!c->generate_params) {
		run_once(suite, c, &test);
		report("    ", test.status, nr, c->name, test.reason);
		return test.status;
	}
	printf("        KTAP version 1\n        # Subtest: %s\n", c->name);
	desc[0] = '\0';
	for (param = c->generate_params(NULL, desc); param;
	     param = c->generate_params(param, desc)) {
		test = (struct kunit){ .param_value = param, .param_index = i };
		run_once(suite, c, &test);
		if (!desc[0])
			snprintf(desc, sizeof(desc), "param-%d", i);
		report("        ", test.status, ++i, desc, test.reason);
		if (test.status == KUNIT_FAILURE ||
		    (test.status == KUNIT_SUCCESS && status == KUNIT_SKIPPED))
			status = test.status;
		desc[0] = '\0';
	}
	printf("        1..%d\n", i);
	report("    ", status, nr, c->name, test.reason);
	return status;
}

static bool wanted(struct kunit_suite *suite, struct kunit_case *c,
		   const char *filter)
{
	char name[512];

	snprintf(name, sizeof(name), "%s.%s", suite->name, c->name);
	return !filter || !fnmatch(filter, name, 0);
}

/* Cases that match, or -1 if the suite could not be prepared. */
static int run_suite(struct kunit_suite *suite, const char *filter, int nr,
		     bool *failed)
{
	enum kunit_status status = KUNIT_SKIPPED, s;
	struct kunit_case *c;
	int n = 0, i = 0;

	for (c = suite->test_cases; c->run_case; c++)
		n += wanted(suite, c, filter);
	if (!n)
		return 0;
	printf("    KTAP version 1\n    # Subtest: %s\n    1..%d\n",
	       suite->name, n);
	if (suite->suite_init && suite->suite_init(suite)) {
		status = KUNIT_FAILURE;
	} else {
		for (c = suite->test_cases; c->run_case; c++) {
			if (!wanted(suite, c, filter))
				continue;
			s = run_case(suite, c, ++i);
			if (s == KUNIT_FAILURE || status == KUNIT_SKIPPED)
				status = s == KUNIT_SKIPPED ? status : s;
		}
		if (suite->suite_exit)
			suite->suite_exit(suite);
	}
	/* A suite that tests nothing has failed. */
	if (status == KUNIT_SKIPPED) {
		printf("# %s has skipped all its cases\n", suite->name);
		status = KUNIT_FAILURE;
	}
	report("", status, nr, suite->name, "");
	*failed |= status == KUNIT_FAILURE;
	return n;
}

static bool set_param(const char *arg)
{
	const char *eq = strchr(arg, '=');
	unsigned int i;

	for (i = 0; eq && i < nr_params; i++) {
		unsigned long long v = strtoull(eq + 1, NULL, 0);
		struct param *p = &params[i];

		if (strncmp(p->name, arg, eq - arg) || p->name[eq - arg])
			continue;
		if (!strcmp(p->type, "bool"))
			*(bool *)p->value = v || eq[1] == 'y' || eq[1] == 'Y';
		else if (!strcmp(p->type, "int") || !strcmp(p->type, "uint"))
			*(unsigned int *)p->value = v;
		else if (!strcmp(p->type, "ulong") || !strcmp(p->type, "long"))
			*(unsigned long *)p->value = v;
		else if (!strcmp(p->type, "ullong"))
			*(unsigned long long *)p->value = v;
		else
			return false;
		p->set = true;
		return true;
	}
	return false;
}

/* Seeds that no argument has set. */
static void set_seeds(void)
{
	static const char end[] = "_seed";
	const char *env = getenv("NYX_TEST_SEED");
	unsigned int seed = 0, i;

	if (env)
		seed = strtoul(env, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	for (i = 0; i < nr_params; i++) {
		size_t len = strlen(params[i].name);

		if (params[i].set || strcmp(params[i].type, "ulong") ||
		    len < sizeof(end) || strcmp(params[i].name + len - strlen(end), end))
			continue;
		*(unsigned long *)params[i].value = seed;
		printf("# NYX_TEST_SEED=%u\n", seed);
	}
}

int main(int argc, char **argv)
{
	const char *filter = NULL;
	bool failed = false;
	unsigned int i;
	int nr = 0, opt;

	while ((opt = getopt(argc, argv, "f:")) != -1) {
		if (opt != 'f') {
			fprintf(stderr, "usage: %s [-f GLOB] [NAME=VALUE]...\n",
				argv[0]);
			return 2;
		}
		filter = optarg;
	}
	for (; optind < argc; optind++) {
		if (!set_param(argv[optind])) {
			fprintf(stderr, "%s: no such parameter: %s\n", argv[0],
				argv[optind]);
			return 2;
		}
	}
	printf("KTAP version 1\n");
	set_seeds();
	for (i = 0; i < nr_suites; i++)
		nr += run_suite(suites[i], filter, nr + 1, &failed) != 0;
	if (!nr) {
		failed = true;
		report("", KUNIT_FAILURE, ++nr, "no case has run", "");
	}
	printf("1..%d\n", nr);
	host_threads_join();
	rcu_barrier();
	return failed;
}

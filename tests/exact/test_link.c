// SPDX-License-Identifier: MIT
/*
 * No eigendecomposition in a gradient: from the archive's symbols, the objects that exact_mixing()
 * pulls in refer to no eigen-solver and to no object that does.
 */
#include <libgen.h>
#include <limits.h>

#include "support.h"

#define MAX_OBJECTS 64
#define MAX_SYMBOLS 128

struct object {
	char name[64];
	char defines[MAX_SYMBOLS][64], wants[MAX_SYMBOLS][64];
	size_t n_defines, n_wants;
	bool reached;
};

static struct object objects[MAX_OBJECTS];
static size_t count;

/* "libexact.a:scan.o:  U expl" of nm -A. */
static void take(char *line)
{
	char *object = strchr(line, ':') + 1, *end = strchr(object, ':'), kind, symbol[128];
	const char *rest = end + 1;
	struct object *o;

	*end = 0;
	if (count == 0 || strcmp(objects[count - 1].name, object) != 0) {
		ck_assert_uint_lt(count, MAX_OBJECTS);
		snprintf(objects[count++].name, sizeof(o->name), "%s", object);
	}
	o = &objects[count - 1];
	rest += strspn(rest, "0123456789abcdef ");
	if (sscanf(rest, "%c %127s", &kind, symbol) != 2)
		return;
	ck_assert_uint_lt(strlen(symbol), 64);
	ck_assert(o->n_defines < MAX_SYMBOLS && o->n_wants < MAX_SYMBOLS);
	if (kind == 'U')
		strcpy(o->wants[o->n_wants++], symbol);
	else if (strchr("TDBRi", kind))
		strcpy(o->defines[o->n_defines++], symbol);
}

static void read_archive(void)
{
	char self[PATH_MAX], command[2 * PATH_MAX], line[1024];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f;

	ck_assert_int_gt(n, 0);
	self[n] = 0;
	snprintf(command, sizeof(command), "nm -A '%s/../../lib/libexact.a'", dirname(self));
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	count = 0;
	memset(objects, 0, sizeof(objects));
	while (fgets(line, sizeof(line), f)) {
		/* The archive's own path comes first, and may hold a colon. */
		char *at = strstr(line, "libexact.a:");

		if (at)
			take(at);
	}
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_gt(count, 15);
}

static struct object *definer(const char *symbol)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < objects[i].n_defines; k++)
			if (strcmp(objects[i].defines[k], symbol) == 0)
				return &objects[i];
	return NULL;
}

static void reach(struct object *o)
{
	if (!o || o->reached)
		return;
	o->reached = true;
	for (size_t k = 0; k < o->n_wants; k++)
		reach(definer(o->wants[k]));
}

/* LAPACK's and BLAS's own names end in an underscore; these are all that a solve may ask for. */
static bool is_allowed(const char *symbol)
{
	static const char *const lapack[] = { "dpotrf_", "dpotrs_", "dpocon_" };

	if (strncmp(symbol, "LAPACKE", 7) == 0)
		return false;
	if (symbol[0] == '_' || symbol[strlen(symbol) - 1] != '_')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(lapack); i++)
		if (strcmp(symbol, lapack[i]) == 0)
			return true;
	return false;
}

static unsigned int forbidden(const char *from)
{
	unsigned int found = 0;

	read_archive();
	ck_assert_ptr_nonnull(definer(from));
	reach(definer(from));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < objects[i].n_wants && objects[i].reached; k++)
			found += !is_allowed(objects[i].wants[k]);
	return found;
}

static bool reached(const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(objects[i].name, name) == 0)
			return objects[i].reached;
	ck_abort_msg("there is no %s", name);
}

START_TEST(test_no_eigen_solver_in_a_gradient)
{
	static const char *const entries[] = { "exact_mixing", "exact_mixing_of",
					       "exact_log_t_o_gradient", "exact_likelihood",
					       "exact_quad" };

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		ck_assert_uint_eq(forbidden(entries[i]), 0);
		ck_assert(!reached("spectrum.o"));
		ck_assert(!reached("spectrum_op.o"));
	}
	forbidden("exact_mixing");
	ck_assert(reached("mixing.o") && reached("mixing_scan.o") && reached("mixing_block.o"));
	ck_assert(reached("cg.o") && reached("factor.o") && reached("block.o"));
}
END_TEST

/* The control: where there is one, it is seen. */
START_TEST(test_sees_one)
{
	ck_assert_uint_gt(forbidden("exact_spectrum"), 0);
	ck_assert_uint_gt(forbidden("exact_report"), 0);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, test_no_eigen_solver_in_a_gradient);
	tcase_add_test(t, test_sees_one);
}

int main(void)
{
	return run_cases("link", add);
}

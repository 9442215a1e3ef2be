// SPDX-License-Identifier: MIT
/* What many users need of libpbit: options of a submission, holds, shares, usage, reservations. */
#include "client_fixture.h"

#include "../run_suite.h"

#define ECHO  "{\"kind\": \"bench\", \"name\": \"echo\"}"
#define BENCH "{\"kind\": \"bench\"}"

/* The fake daemon answers a job of that name with the options that it has heard. */
static void assert_heard(const struct pbit_submit_options *o, const char *text)
{
	uint64_t id = 0;

	ck_assert_int_eq(pbit_submit_with(p, ECHO, NULL, o, &id), -EDQUOT);
	ck_assert_str_eq(pbit_error(p), text);
	ck_assert_uint_eq(id, 0);
}

START_TEST(test_options_arrive)
{
	static const uint64_t ok[] = { 3, 5 }, any[] = { 8 };
	struct pbit_submit_options o = { .size = sizeof(o) };

	assert_heard(NULL, "");
	assert_heard(&o, "");
	o.band = "high";
	assert_heard(&o, "band(s)=high;");
	o.time_limit = 90;
	o.hold = 2;
	assert_heard(&o, "band(s)=high;time_limit(u)=90;hold(b)=1;");
	o = (struct pbit_submit_options){ .size = sizeof(o), .after_ok = ok, .n_after_ok = 2 };
	assert_heard(&o, "after_ok(at)=3,5;");
	o.after_any = any;
	o.n_after_any = 1;
	assert_heard(&o, "after_ok(at)=3,5;after_any(at)=8;");
	o = (struct pbit_submit_options){ .size = sizeof(o),
					  .array_key = "seed",
					  .array_values = "[1, 2]" };
	assert_heard(&o, "array_key(s)=seed;array_values(s)=[1, 2];");
}
END_TEST

static void assert_refused(const struct pbit_submit_options *o, int code, const char *needle)
{
	uint64_t id = 0;

	ck_assert_int_eq(pbit_submit_with(p, BENCH, NULL, o, &id), code);
	assert_sentence(needle);
	ck_assert_uint_eq(id, 0);
}

START_TEST(test_options_refused)
{
	static const uint64_t many[65];
	struct pbit_submit_options o = { .size = sizeof(o), .after_ok = many, .n_after_ok = 65 };

	assert_refused(&o, -EINVAL, "after_ok: a job can wait for 64 others, not for 65");
	o.n_after_ok = 64;
	ck_assert_int_eq(pbit_submit_with(p, BENCH, NULL, &o, &(uint64_t){ 0 }), 0);
	o = (struct pbit_submit_options){ .size = sizeof(o), .n_after_any = 1 };
	assert_refused(&o, -EINVAL, "after_any: no jobs are given");
	o = (struct pbit_submit_options){ .size = sizeof(o), .array_key = "seed" };
	assert_refused(&o, -EINVAL, "give both or neither");
	o = (struct pbit_submit_options){ .size = sizeof(o),
					  .array_key = "seed",
					  .array_values = "[4, -5]" };
	assert_refused(&o, -EINVAL, "array value 2, -5: seed");
	o.array_key = "sede";
	assert_refused(&o, -EINVAL, "did you mean 'seed'");
}
END_TEST

/* A program made for a newer library, and one that forgot the size. */
START_TEST(test_sizes)
{
	struct {
		struct pbit_submit_options o;
		uint64_t later[2];
	} newer = { .o = { .size = sizeof(newer), .time_limit = 7 } };
	uint64_t id = 0;

	ck_assert_int_eq(pbit_submit_with(p, ECHO, NULL, &newer.o, &id), -EDQUOT);
	ck_assert_str_eq(pbit_error(p), "time_limit(u)=7;");
	newer.later[1] = 1;
	assert_refused(&newer.o, -E2BIG, "fields that libpbit");
	newer.o.size = 0;
	assert_refused(&newer.o, -EINVAL, "sizeof(struct pbit_submit_options)");
	ck_assert_int_eq(pbit_reserve(p, &(struct pbit_reservation){ .device = "x" }, &id),
			 -EINVAL);
	assert_sentence("sizeof(struct pbit_reservation)");
}
END_TEST

static void assert_shares(const char *text)
{
	char *json = NULL;

	ck_assert_int_eq(pbit_shares(p, &json), 0);
	ck_assert_str_eq(json, text);
	free(json);
}

START_TEST(test_hold_and_release)
{
	ck_assert_int_eq(pbit_hold(p, 41), 0);
	assert_shares("Hold 41");
	ck_assert_int_eq(pbit_release(p, 42), 0);
	assert_shares("Release 42");
	ck_assert_int_eq(pbit_remove(p, 43), 0);
	assert_shares("Remove 43");
	ck_assert_int_eq(pbit_remove(p, FAKE_NOT_DONE), -EBUSY);
	ck_assert_int_eq(pbit_hold(p, FAKE_NO_JOB), -ENOENT);
	ck_assert_int_eq(pbit_release(p, FAKE_DENIED), -EACCES);
	assert_sentence("not yours");
	ck_assert_int_eq(pbit_hold(p, FAKE_ENDED), -EALREADY);
	ck_assert_int_eq(pbit_hold(p, FAKE_DIES), -ECONNRESET);
}
END_TEST

START_TEST(test_usage)
{
	char *json = NULL;

	ck_assert_int_eq(pbit_usage(p, NULL, 0, &json), 0);
	ck_assert_str_eq(json, "'' since 0");
	free(json);
	ck_assert_int_eq(pbit_usage(p, "ada", INT64_C(1795000000000000), &json), 0);
	ck_assert_str_eq(json, "'ada' since 1795000000000000");
	free(json);
	json = NULL;
	ck_assert_int_eq(pbit_usage(p, "nobody", 0, &json), -EINVAL);
	ck_assert_ptr_null(json);
}
END_TEST

START_TEST(test_reservations)
{
	static const char *const users[] = { "ada", "bob", NULL };
	struct pbit_reservation x = { .size = sizeof(x),
				      .device = "pbit0",
				      .from = 5,
				      .until = 9,
				      .users = users,
				      .n_users = 2 };
	uint64_t id = 0;

	ck_assert_int_eq(pbit_reserve(p, &x, &id), 0);
	ck_assert_uint_eq(id, 77);
	assert_shares("pbit0 5 9 [ada] [bob] ''");
	x.why = "a demonstration";
	ck_assert_int_eq(pbit_reserve(p, &x, &id), 0);
	assert_shares("pbit0 5 9 [ada] [bob] 'a demonstration'");
	ck_assert_int_eq(pbit_unreserve(p, 77), 0);
	assert_shares("Unreserve 77");
	ck_assert_int_eq(pbit_unreserve(p, FAKE_NO_RESERVATION), -ENOENT);
	assert_sentence("there is no reservation 15");
	id = 0;
	x.n_users = 3;
	ck_assert_int_eq(pbit_reserve(p, &x, &id), -EINVAL);
	assert_sentence("user 2 is NULL");
	x = (struct pbit_reservation){ .size = sizeof(x), .device = "denied" };
	ck_assert_int_eq(pbit_reserve(p, &x, &id), -EACCES);
	x.device = NULL;
	ck_assert_int_eq(pbit_reserve(p, &x, &id), -EINVAL);
	ck_assert_uint_eq(id, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("share");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_options_arrive);
	tcase_add_test(t, test_options_refused);
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_hold_and_release);
	tcase_add_test(t, test_usage);
	tcase_add_test(t, test_reservations);
	suite_add_tcase(s, t);
	return run_suite(s);
}

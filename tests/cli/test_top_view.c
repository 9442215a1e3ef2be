// SPDX-License-Identifier: MIT
/* Keys of `pbit top`: what they choose, ask and do. */
#include "top_support.h"

static json_t *data;
static struct top_view view;

static void setup(void)
{
	data = parse_quotes(a_lab);
	view = (struct top_view){ .uid = 1001, .page = 3 };
}

static void teardown(void)
{
	json_decref(data);
}

/* Characters as they are; "\1" to "\7" and "\e", "\r", "\b" are the other keys. */
static enum top_action press(const char *keys)
{
	static const enum top_key special[] = {
		[1] = TOP_KEY_UP,	 [2] = TOP_KEY_DOWN,	 [3] = TOP_KEY_PAGE_UP,
		[4] = TOP_KEY_PAGE_DOWN, [5] = TOP_KEY_HOME,	 [6] = TOP_KEY_END,
		[8] = TOP_KEY_BACKSPACE, ['\r'] = TOP_KEY_ENTER, [27] = TOP_KEY_ESCAPE
	};
	enum top_action action = TOP_DRAW;

	for (; *keys; keys++) {
		unsigned int key = (unsigned char)*keys;

		action = top_view_key(&view, data,
				      key < ARRAY_SIZE(special) && special[key] ? special[key] :
										  key);
	}
	return action;
}

#define UP	  "\1"
#define DOWN	  "\2"
#define PAGE_UP	  "\3"
#define PAGE_DOWN "\4"
#define HOME	  "\5"
#define END	  "\6"
#define ENTER	  "\r"
#define ESCAPE	  "\33"

/* The list is 7 8 9 11 10, three rows of it in sight. */
static void assert_at(uint64_t selected, unsigned int top)
{
	ck_assert_uint_eq(view.selected, selected);
	ck_assert_uint_eq(view.top, top);
}

START_TEST(test_order)
{
	static const json_int_t order[] = { 7, 8, 9, 11, 10 };
	_cleanup_top_jobs_ struct top_jobs jobs = { 0 };

	ck_assert_int_eq(top_jobs_of(data, "", &jobs), 0);
	ck_assert_uint_eq(jobs.count, ARRAY_SIZE(order));
	for (size_t i = 0; i < jobs.count; i++)
		ck_assert_int_eq(json_integer_value(json_object_get(jobs.job[i], "id")), order[i]);
}
END_TEST

START_TEST(test_moving)
{
	press(DOWN);
	assert_at(7, 0);
	press(DOWN DOWN);
	assert_at(9, 0);
	press(DOWN);
	assert_at(11, 1);
	press(DOWN DOWN DOWN);
	assert_at(10, 2);
	press(UP UP);
	assert_at(9, 2);
	press(UP);
	assert_at(8, 1);
	press(PAGE_UP);
	assert_at(7, 0);
	press(UP);
	assert_at(7, 0);
	press(PAGE_DOWN);
	assert_at(11, 1);
	press(PAGE_DOWN);
	assert_at(10, 2);
	press(HOME);
	assert_at(7, 0);
	press(END);
	assert_at(10, 2);
	press(ESCAPE);
	assert_at(0, 2);
	/* The first row in sight is where choosing begins. */
	press(UP);
	assert_at(9, 2);
}
END_TEST

START_TEST(test_moving_in_an_empty_list)
{
	json_array_clear(json_object_get(data, "jobs"));
	press(DOWN UP PAGE_DOWN PAGE_UP HOME END);
	assert_at(0, 0);
	ck_assert_int_eq(press("k"), TOP_DRAW);
	ck_assert_str_eq(view.message, "choose a job with the arrows first");
}
END_TEST

START_TEST(test_a_chosen_job_ends)
{
	_cleanup_top_jobs_ struct top_jobs jobs = { 0 }, rest = { 0 };

	press(END);
	assert_at(10, 2);
	json_array_remove(json_object_get(data, "jobs"), 0);
	ck_assert_int_eq(top_jobs_of(data, "", &jobs), 0);
	top_view_settle(&view, &jobs, 3);
	/* The first row in sight, and the list has moved up to its end. */
	assert_at(9, 1);
	json_array_clear(json_object_get(data, "jobs"));
	ck_assert_int_eq(top_jobs_of(data, "", &rest), 0);
	top_view_settle(&view, &rest, 3);
	assert_at(0, 0);
}
END_TEST

START_TEST(test_a_smaller_screen)
{
	_cleanup_top_jobs_ struct top_jobs jobs = { 0 };

	press(DOWN DOWN DOWN);
	ck_assert_int_eq(top_jobs_of(data, "", &jobs), 0);
	top_view_settle(&view, &jobs, 1);
	assert_at(9, 2);
	top_view_settle(&view, &jobs, 0);
	assert_at(9, 2);
	top_view_settle(&view, &jobs, 10);
	assert_at(9, 0);
}
END_TEST

START_TEST(test_cancel)
{
	press(DOWN "k");
	ck_assert_int_eq(view.mode, TOP_ASK_CANCEL);
	ck_assert_uint_eq(view.target, 7);
	ck_assert_int_eq(press("n"), TOP_DRAW);
	ck_assert_int_eq(view.mode, TOP_LIST);
	ck_assert_int_eq(press("k" ENTER), TOP_DRAW);
	ck_assert_int_eq(view.mode, TOP_LIST);
	/* q is not a yes, nor does it leave. */
	ck_assert_int_eq(press("kq"), TOP_DRAW);
	ck_assert_int_eq(press("ky"), TOP_CANCEL);
	ck_assert_uint_eq(view.target, 7);
	ck_assert_int_eq(view.mode, TOP_LIST);
}
END_TEST

START_TEST(test_cancel_what_is_not_mine)
{
	ck_assert_int_eq(press(DOWN DOWN "k"), TOP_DRAW);
	ck_assert_int_eq(view.mode, TOP_LIST);
	ck_assert_str_eq(view.message, "job 8 is bob's, not yours");
	ck_assert_int_eq(press("y"), TOP_DRAW);
	ck_assert_str_eq(view.message, "");
	view.admin = true;
	ck_assert_int_eq(press("ky"), TOP_CANCEL);
	ck_assert_uint_eq(view.target, 8);
}
END_TEST

START_TEST(test_user)
{
	char name[2 * TOP_MAX_USER];

	press("uxx\b\b\bbob");
	ck_assert_int_eq(view.mode, TOP_ASK_USER);
	ck_assert_str_eq(view.typed, "bob");
	ck_assert_str_eq(view.user, "");
	press(ENTER);
	ck_assert_int_eq(view.mode, TOP_LIST);
	ck_assert_str_eq(view.user, "bob");
	press(DOWN);
	ck_assert_uint_eq(view.selected, 8);
	press("ualice" ESCAPE);
	ck_assert_str_eq(view.user, "bob");
	/* q and blanks are no commands in a name. */
	press("uq u" UP ENTER);
	ck_assert_str_eq(view.user, "qu");
	press("u" ENTER);
	ck_assert_str_eq(view.user, "");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = 0;
	press("u");
	press(name);
	press(ENTER);
	ck_assert_uint_eq(strlen(view.user), TOP_MAX_USER - 1);
}
END_TEST

START_TEST(test_others)
{
	ck_assert_int_eq(press("q"), TOP_QUIT);
	ck_assert_int_eq(press(" "), TOP_REFRESH);
	ck_assert_int_eq(press("x"), TOP_DRAW);
	ck_assert_int_eq(press("?"), TOP_DRAW);
	ck_assert_int_eq(view.mode, TOP_HELP);
	ck_assert_int_eq(press("k"), TOP_DRAW);
	ck_assert_int_eq(view.mode, TOP_LIST);
	ck_assert_int_eq(press("hq"), TOP_QUIT);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_moving);
	tcase_add_test(t, test_moving_in_an_empty_list);
	tcase_add_test(t, test_a_chosen_job_ends);
	tcase_add_test(t, test_a_smaller_screen);
	tcase_add_test(t, test_cancel);
	tcase_add_test(t, test_cancel_what_is_not_mine);
	tcase_add_test(t, test_user);
	tcase_add_test(t, test_others);
}

int main(void)
{
	return run_cases("top_view", add_tests);
}

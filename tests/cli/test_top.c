// SPDX-License-Identifier: MIT
/* The screen of `pbit top`, exactly, for data that is written here. */
#include <math.h>
#include <time.h>

#include "terminal.h"
#include "top_sections.h"
#include "top_support.h"

static json_t *data;
static struct top_view view;

static void setup(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	setenv("TZ", "UTC", 1);
	tzset();
	data = parse_quotes(a_lab);
	view = (struct top_view){ .uid = 1001 };
}

static void teardown(void)
{
	json_decref(data);
}

static void assert_screen(unsigned int columns, unsigned int rows, bool utf8, const char *want)
{
	_cleanup_free_ char *text = screen_text(data, &view, columns, rows, utf8);

	ck_assert_str_eq(text, want);
}

START_TEST(test_80_by_24)
{
	assert_screen(
		80, 24, true,
		"pbit top                       2 running, 3 waiting, temperature 1.50   17:03:12\n"
		"device     backend   p-bits  state  flips/ns  job\n"
		"pbit0      emulated    4096  busy      0.418  7 of alice and 1 more\n"
		"embedded0  embedded   32768  idle          -  -\n"
		"\n"
		"user      weight  share                    used    due  device time  runs  waits\n"
		"alice          1  █████│██████████▌░░░░░   75 %   25 %      1:30:00     1      1\n"
		"bob            3  █████▌░░░░░░░░░░│░░░░░   25 %   75 %        30:00     1      2\n"
		"\n"
		" id  user    kind    state     done                 left\n"
		"  7  alice   train   running   ████▉░░░░░░   44 %   1:02  loss 22.1, K/tau 14.2…\n"
		"  8  bob     sample  running   █████████▉░   90 %         on pbit0\n"
		"  9  alice   train   waits 1   waits for pbit0, where job 7 of alice runs\n"
		" 11  bob     train   waits 2   waits for job 8\n"
		" 10  bob     bench   waits 3   held by its owner; pbit release lets it go\n"
		"\n\n\n\n\n\n\n\n"
		"q quit   ↑↓ choose a job   u jobs of a user   k cancel   ? help\n");
}
END_TEST

START_TEST(test_40_by_10_in_ascii)
{
	assert_screen(40, 10, false,
		      "pbit top    2 run 3 wait T 1.50 17:03:12\n"
		      "pbit0     busy     0.418 7 of alice and…\n"
		      "embedded0 idle         - -\n"
		      "alice    ##|###--  75 %  25 %    1     1\n"
		      "bob      ##---|--  25 %  75 %    1     2\n"
		      " id user   state    done            left\n"
		      "  7 alice  running  ####----  44 %  1:02\n"
		      "  8 bob    running  #######-  90 %\n"
		      "  9 alice  waits 1  waits for pbit0, wh…\n"
		      "q quit up/down u user k cancel ? help\n");
}
END_TEST

START_TEST(test_120_by_18)
{
	assert_screen(120, 18, true,
		      "pbit top                                                               "
		      "2 running, 3 waiting, temperature 1.50   17:03:12\n"
		      "device     backend   p-bits  state  flips/ns  job\n"
		      "pbit0      emulated    4096  busy      0.418  7 of alice and 1 more\n"
		      "embedded0  embedded   32768  idle          -  -\n"
		      "\n"
		      "user      weight  share                                      used    due  "
		      "device time  runs  waits\n"
		      "alice          1  ██████████│███████████████████░░░░░░░░░░   75 %   25 %"
		      "      1:30:00     1      1\n"
		      "bob            3  ██████████░░░░░░░░░░░░░░░░░░░│░░░░░░░░░░   25 %   75 %"
		      "        30:00     1      2\n"
		      "\n"
		      " id  user    kind    name    state     done                      left\n"
		      "  7  alice   train   digits  running   ███████░░░░░░░░░   44 %   1:02  "
		      "loss 22.1, K/tau 14.2, epoch 17/40\n"
		      "  8  bob     sample  -       running   ██████████████▍░   90 %         "
		      "on pbit0\n"
		      "  9  alice   train   digits  waits 1   "
		      "waits for pbit0, where job 7 of alice runs\n"
		      " 11  bob     train   -       waits 2   waits for job 8\n"
		      " 10  bob     bench   -       waits 3   "
		      "held by its owner; pbit release lets it go\n"
		      "\n\n"
		      "q quit   ↑↓ choose a job   u jobs of a user   k cancel   ? help\n");
}
END_TEST

/* More than fits: each part says what it leaves out, and the jobs keep half. */
START_TEST(test_crowded)
{
	json_t *devices = json_object_get(data, "devices"), *users = json_object_get(data, "users");

	for (int i = 0; i < 3; i++) {
		json_array_append(devices, json_array_get(devices, 1));
		json_array_append(users, json_array_get(users, 1));
	}
	view.selected = 11;
	assert_screen(60, 12, true,
		      "pbit top                        2 run 3 wait T 1.50 17:03:12\n"
		      "pbit0     emulated   4096 busy     0.418 7 of alice and 1 m…\n"
		      "and 4 more devices\n"
		      "user     weight share      used   due device time runs waits\n"
		      "alice         1 █│████▊░░  75 %   8 %     1:30:00    1     1\n"
		      "and 4 more users\n"
		      " id user   state           left                     1-4 of 5\n"
		      "  7 alice  running   44 %  1:02 loss 22.1, K/tau 14.2, epoc…\n"
		      "  8 bob    running   90 %       on pbit0\n"
		      "  9 alice  waits 1  waits for pbit0, where job 7 of alice r…\n"
		      " 11 bob    waits 2  waits for job 8\n"
		      "q quit ↑↓ u user k cancel ? help\n");
}
END_TEST

/* The row of the chosen job, the mark of its line, and the line about it above the last. */
START_TEST(test_chosen_job)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };
	_cleanup_free_ char *detail = NULL, *row = NULL;

	view.selected = 9;
	ck_assert_int_eq(canvas_new(&c, 16, 60, true), 0);
	ck_assert_int_eq(top_screen(data, &view, &c), 0);
	row = canvas_row_text(&c, 10);
	ck_assert_str_eq(row, "  9 alice  waits 1  waits for pbit0, where job 7 of alice r…");
	for (unsigned int i = 0; i < c.columns; i++) {
		ck_assert_int_eq(c.cells[10 * c.columns + i].attr, TOP_SELECTED);
		ck_assert_int_ne(c.cells[9 * c.columns + i].attr, TOP_SELECTED);
		ck_assert_int_eq(c.cells[i].attr, TOP_TITLE);
		ck_assert_int_eq(c.cells[15 * c.columns + i].attr, TOP_TITLE);
	}
	detail = canvas_row_text(&c, 14);
	ck_assert_str_eq(detail, "job 9: waits for pbit0, where job 7 of alice runs");
}
END_TEST

START_TEST(test_jobs_of_one_user)
{
	strcpy(view.user, "bob");
	assert_screen(
		80, 8, true,
		"pbit top, jobs of bob          2 running, 3 waiting, temperature 1.50   17:03:12\n"
		"pbit0      emulated    4096  busy      0.418  7 of alice and 1 more      +1 more\n"
		"alice          1  █████│██████████▌░░░░░   75 %   25 %      1:30:00      +1 more\n"
		" id  user    kind    state     done                 left\n"
		"  8  bob     sample  running   █████████▉░   90 %         on pbit0\n"
		" 11  bob     train   waits 2   waits for job 8\n"
		" 10  bob     bench   waits 3   held by its owner; pbit release lets it go\n"
		"q quit   ↑↓ choose a job   u jobs of a user   k cancel   ? help\n");
	strcpy(view.user, "carol");
	assert_screen(40, 5, true,
		      "pbit top, jobs of carol 2 run 3 wait T …\n"
		      "alice    ██│███░░  75 %  25 %    +1 more\n"
		      " id user   state    done            left\n"
		      "no jobs of that user\n"
		      "q quit ↑↓ u user k cancel ? help\n");
}
END_TEST

static void assert_last_line(enum top_attr attr, const char *want)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };
	_cleanup_free_ char *row = NULL;

	ck_assert_int_eq(canvas_new(&c, 12, 60, true), 0);
	ck_assert_int_eq(top_screen(data, &view, &c), 0);
	row = canvas_row_text(&c, 11);
	ck_assert_str_eq(row, want);
	ck_assert_int_eq(c.cells[11 * c.columns].attr, attr);
}

START_TEST(test_last_line)
{
	strcpy(view.message, "job 7 is cancelled");
	assert_last_line(TOP_TITLE, "job 7 is cancelled");
	view.lost = true;
	view.lost_s = 12.3;
	assert_last_line(TOP_BAD, "pbitd is gone since 12 s; trying to reach it again");
	view.mode = TOP_ASK_USER;
	strcpy(view.typed, "al");
	assert_last_line(TOP_TITLE, "jobs of user (empty: all): al_");
	view.mode = TOP_ASK_CANCEL;
	view.target = 7;
	assert_last_line(TOP_BAD, "cancel job 7, train of alice? y/n");
	/* It ended meanwhile. */
	view.target = 77;
	assert_last_line(TOP_BAD, "cancel job 77, a job of -? y/n");
}
END_TEST

START_TEST(test_help)
{
	_cleanup_free_ char *text = NULL;

	view.mode = TOP_HELP;
	text = screen_text(data, &view, 40, 16, true);
	ck_assert_ptr_nonnull(strstr(text, "k         cancel the chosen job\n"));
	ck_assert_ptr_nonnull(strstr(text, "waiting jobs for each slot"));
	ck_assert_ptr_null(strstr(text, "alice"));
}
END_TEST

/* Names from strangers move no cursor, and take the columns that they take. */
START_TEST(test_hostile_names)
{
	json_t *job = json_array_get(json_object_get(data, "jobs"), 1);
	_cleanup_free_ char *text = NULL;

	json_object_set_new(job, "user", json_string("\x1b[2J\n\u202e\u6f22\u6f22\u6f22\u6f22"));
	json_object_set_new(job, "name", json_string("\u6f22e\u0301\u6f22"));
	text = screen_text(data, &view, 120, 24, true);
	ck_assert_ptr_nonnull(strstr(text, "  7  ?[2J??漢漢…   train   漢e漢   running   "));
	ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

START_TEST(test_nothing_to_show)
{
	json_object_clear(data);
	assert_screen(40, 5, true,
		      "pbit top       - run 0 wait T - 00:00:00\n"
		      " id user   state    done            left\n"
		      "no jobs\n"
		      "\n"
		      "q quit ↑↓ u user k cancel ? help\n");
	ck_assert_uint_eq(top_screen_rows(data), 4);
}
END_TEST

START_TEST(test_rows_for_one_frame)
{
	_cleanup_free_ char *text = NULL;
	unsigned int rows = top_screen_rows(data);

	ck_assert_uint_eq(rows, 2 + 3 + 1 + 3 + 1 + 6);
	text = screen_text(data, &view, 80, rows, true);
	ck_assert_ptr_nonnull(strstr(text, "\n 10  bob     bench   waits 3   held by"));
	ck_assert_ptr_null(strstr(text, "more devices"));
}
END_TEST

/* Whatever the size: nothing is written outside, and no row is wider than the screen. */
START_TEST(test_any_size)
{
	for (int i = 0; i < 40; i++) {
		json_t *jobs = json_object_get(data, "jobs");

		json_array_append(jobs, json_array_get(jobs, (size_t)i % 5));
	}
	for (unsigned int rows = 1; rows <= 40; rows++) {
		for (unsigned int columns = 1; columns <= 130; columns += 3) {
			_cleanup_canvas_ struct top_canvas c = { 0 };

			view.mode = rows % 7 == 3 ? TOP_HELP : TOP_LIST;
			view.selected = columns % 2 ? 9 : 0;
			if (canvas_new(&c, rows, columns, rows % 2) < 0 ||
			    top_screen(data, &view, &c) < 0)
				ck_abort();
			for (unsigned int i = 0; i < rows; i++) {
				_cleanup_free_ char *text = canvas_row_text(&c, i);

				if (terminal_width(text) > columns)
					ck_abort_msg("%ux%u, row %u: '%s'", columns, rows, i, text);
			}
		}
	}
}
END_TEST

START_TEST(test_bars)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };
	static const struct {
		double value, mark;
		const char *want;
	} bars[] = {
		{ 0, -1, "░░░░░░░░" },	   { 1, -1, "████████" },    { 2, 2, "███████│" },
		{ -1, 0, "│░░░░░░░" },	   { 0.5, 0.5, "████│░░░" }, { 0.53125, -1, "████▎░░░" },
		{ 0.001, -1, "░░░░░░░░" },
	};

	ck_assert_int_eq(canvas_new(&c, 7, 8, true), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bars); i++) {
		_cleanup_free_ char *text = NULL;

		canvas_bar(&c, i, 0, 8, bars[i].value, bars[i].mark);
		text = canvas_row_text(&c, i);
		ck_assert_str_eq(text, bars[i].want);
	}
	canvas_bar(&c, 0, 0, 8, NAN, NAN);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_80_by_24);
	tcase_add_test(t, test_40_by_10_in_ascii);
	tcase_add_test(t, test_120_by_18);
	tcase_add_test(t, test_crowded);
	tcase_add_test(t, test_chosen_job);
	tcase_add_test(t, test_jobs_of_one_user);
	tcase_add_test(t, test_last_line);
	tcase_add_test(t, test_help);
	tcase_add_test(t, test_hostile_names);
	tcase_add_test(t, test_nothing_to_show);
	tcase_add_test(t, test_rows_for_one_frame);
	tcase_add_test(t, test_any_size);
	tcase_add_test(t, test_bars);
}

int main(void)
{
	return run_cases("top", add_tests);
}

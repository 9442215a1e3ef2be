// SPDX-License-Identifier: MIT
/* Reports and progress as people see them; whatever is missing shows as "-". */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "bench_rows.h"
#include "json.h"
#include "progress.h"
#include "report.h"
#include "run_cases.h"
#include "terminal.h"

static const char train[] =
	"{\"kind\": \"train\", \"model\": {\"n\": 65, \"m\": 13, \"codes\": 2, \"bits\": 8},"
	" \"loglik\": {\"method\": \"exact\", \"gain_over_independent\": 2.75,"
	"  \"gain_over_separate\": null, \"gain_over_independent_error\": 0.25, \"images\": [10, 20],"
	"  \"hypernetwork\": {\"all\": -15.5, \"by_class\": [-14.25, -16.125], \"error\": null},"
	"  \"independent\": {\"all\": -18.25, \"by_class\": [-17, -19]}, \"separate\": null},"
	" \"mixing\": {\"K\": 32, \"tau_int\": 2, \"k_over_tau\": 16, \"a6\": \"holds\","
	"  \"a7\": \"not verifiable\", \"observable\": \"v12 h3\\u001b[2J\", \"reversible\": true,"
	"  \"scan\": \"palindrome\", \"ratio\": 10, \"ess\": 16},"
	" \"device\": {\"name\": \"embedded0\", \"backend\": \"embedded\", \"threads\": 2, \"ideal\": false,"
	" \"earlier\": [{\"name\": \"pbit3\", \"backend\": \"emulated\", \"route\": \"avx2\"}]},"
	" \"energy\": {\"flips\": 1234567890, \"device_joules\": 1.23e-6, \"software_joules\": 0.012,"
	"  \"prices\": [{\"what\": \"flip\", \"joules\": 1e-15, \"source\": \"sMTJ\"}]},"
	" \"timing\": {\"flips_per_ns\": 0.5}}";

static char *print(const char *json, int (*printer)(const json_t *, FILE *))
{
	_cleanup_json_ json_t *report = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *f;

	ck_assert_ptr_nonnull(report);
	f = open_memstream(&text, &size);
	ck_assert_int_eq(printer(report, f), 0);
	fclose(f);
	return text;
}

static int print_train(const json_t *report, FILE *f)
{
	return train_report_print(report, NULL, f);
}

static void assert_holds(const char *text, const char *needle)
{
	ck_assert_msg(strstr(text, needle), "'%s' is not in:\n%s", needle, text);
}

START_TEST(test_train)
{
	_cleanup_free_ char *text = print(train, print_train);

	assert_holds(text, "class  hypernetwork  independent pixels  separate RBMs  images\n");
	assert_holds(text, "  0           -14.250             -17.000              -      10\n");
	assert_holds(text, "all         -15.500             -18.250              -      30\n");
	assert_holds(text,
		     "gain over independent pixels +2.750 +- 0.250, over separate RBMs - +- -\n");
	assert_holds(text, "Mixing  A6 holds: K/tau_int = 16, at least 10 is asked\n");
	assert_holds(text, "        K 32 sweeps, tau_int 2 +- - of v12 h3?[2J, ESS 16\n");
	assert_holds(text, "Device  embedded0 (embedded, not ideal, -, 2 threads)\n"
			   "        before on pbit3 (emulated, avx2)\n");
	assert_holds(text, "Energy  1.23 uJ on a p-bit device, 12 mJ in software\n");
	assert_holds(text, "flip      1.23e9  1 fJ  1.23 uJ  [1]\n  [1] sMTJ\n");
}
END_TEST

/* What sampling did not resolve is not what was not asked for. */
START_TEST(test_not_resolved)
{
	_cleanup_free_ char *text = print(
		"{\"loglik\": {\"method\": \"ais\", \"reason\": \"too few\\u001b[2J betas\","
		" \"hypernetwork\": {\"all\": null, \"by_class\": [-14.25, null, null], \"error\": null,"
		"  \"resolved\": false}, \"separate\": null, \"images\": [10, 20, 0],"
		" \"independent\": {\"all\": -3, \"by_class\": [-1, -4, null], \"resolved\": true}}}",
		print_train);

	assert_holds(text, "  0           -14.250              -1.000              -      10\n");
	assert_holds(text, "  1      not resolved              -4.000              -      20\n");
	assert_holds(text, "  2                 -                   -              -       0\n");
	assert_holds(text, "  all    not resolved              -3.000              -      30\n");
	assert_holds(text, "  not resolved: too few?[2J betas\n");
	assert_holds(text,
		     "  gain over independent pixels not resolved, over separate RBMs - +- -\n");
}
END_TEST

START_TEST(test_nothing_there)
{
	static const char *const empty[] = {
		"{}",
		"{\"loglik\": null, \"mixing\": 7, \"energy\": [], \"rows\": null}",
		("{\"loglik\": {\"hypernetwork\": {\"by_class\": [null, \"x\", {}]}},"
		 " \"rows\": [null, 3, {}], \"energy\": {\"prices\": [null]}}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
		free(print(empty[i], print_train));
		free(print(empty[i], sample_report_print));
		free(print(empty[i], bench_report_print));
		free(print(empty[i], bench_picture_write));
	}
}
END_TEST

START_TEST(test_sample)
{
	_cleanup_free_ char *text =
		print("{\"flips\": 5000, \"seconds\": 0.5, \"best_energy\": -7.25,"
		      " \"device_joules\": 5e-12}",
		      sample_report_print);

	assert_holds(text, "flips                      5000\n");
	assert_holds(text, "5 pJ\n");
	assert_holds(text, "-7.25\n");
	assert_holds(text, "recorded sweeps               -\n");
}
END_TEST

START_TEST(test_bench)
{
	_cleanup_free_ char *text = print(
		"{\"cpu\": \"a CPU\", \"rows\": [{\"network\": \"8x8\", \"backend\": \"embedded\","
		" \"threads\": 1, \"flips_per_ns\": 0.5}, {\"network\": \"8x8\", \"threads\": 1,"
		" \"backend\": \"openblas-sgemm\", \"flips_per_ns\": 0.125}, {\"network\": \"8x8\","
		" \"backend\": \"embedded\", \"threads\": 2, \"flips_per_ns\": 0.75}]}",
		bench_report_print);

	assert_holds(text, "a CPU\n");
	assert_holds(text, "0.5000");
	assert_holds(text, "      4.00            -\n");
	/* No sgemm row with two threads: no ratio. */
	assert_holds(text, "0.7500         -            -\n");
}
END_TEST

/* Ratios within turns, which are not those of the medians; and the text of strangers stays text. */
START_TEST(test_bench_ratios)
{
	static const char report[] =
		"{\"cpu\": \"a <CPU>\", \"trained\": \"by \\u001b[2J\", \"rows\": ["
		"{\"network\": \"8x8\", \"backend\": \"embedded\", \"threads\": 2, \"flips_per_ns\": 1,"
		" \"over_sgemm\": 4.25, \"over_one_thread\": 1.75}, {\"network\": \"8x8\", \"threads\": 2,"
		" \"backend\": \"openblas-sgemm\", \"flips_per_ns\": 0.5, \"over_one_thread\": 1.5}]}";
	_cleanup_free_ char *text = print(report, bench_report_print);
	_cleanup_free_ char *svg = print(report, bench_picture_write);

	assert_holds(text, "trained: by ?[2J\n");
	assert_holds(text, "1.0000      4.25         1.75\n");
	assert_holds(text, "0.5000         -         1.50\n");
	assert_holds(svg, "a &lt;CPU&gt;");
	assert_holds(svg, ">4.25</text>");
	assert_holds(svg, ">1.75</text>");
	ck_assert_ptr_null(strchr(svg, 033));
}
END_TEST

START_TEST(test_bench_of_a_kernel_device)
{
	_cleanup_free_ char *text = print(
		"{\"cpu\": \"a CPU\", \"device\": {\"name\": \"pbit0\"}, \"rows\": ["
		"{\"network\": \"8x8\", \"backend\": \"emulated\", \"threads\": 1, \"chains\": 64,"
		" \"flips_per_ns\": 0.5}, {\"network\": \"8x8\", \"threads\": 1, \"chains\": 8,"
		" \"backend\": \"openblas-sgemm\", \"flips_per_ns\": 0.125}], \"ratios\": ["
		"{\"network\": \"8x8\", \"chains\": 64, \"kernel_over_embedded\": 0.9625},"
		" {\"network\": \"9x9\", \"chains\": 64, \"embedded_over_sgemm\": 3}],"
		" \"empty_run\": {\"median_us\": 7.25, \"best_us\": 6, \"calls\": 2}}",
		bench_report_print);

	/* The sgemm row has another number of chains. */
	assert_holds(text, "0.5000         -            -\n");
	assert_holds(text, "pbit0 over embedded, 8x8, 64 chains, one thread: 0.963\n");
	assert_holds(text, "event: 7.2 us (best 6.0), 2 system calls\n");
	ck_assert_ptr_null(strstr(text, "9x9"));
}
END_TEST

START_TEST(test_numbers)
{
	static const struct {
		double x;
		const char *count, *si;
	} cases[] = {
		{ 0, "0", "0 J" },
		{ 99999, "99999", "100 kJ" },
		{ 123456789, "1.23e8", "123 MJ" },
		{ 1.5e-15, "1.5e-15", "1.5 fJ" },
		{ 999.6e-15, "9.996e-13", "1 pJ" },
		{ 153.6e-12, "1.536e-10", "154 pJ" },
		{ -2.5, "-2.5", "-2.5 J" },
	};
	char text[NUMBER_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_json_ json_t *x = json_real(cases[i].x);

		ck_assert_str_eq(count_text(text, x), cases[i].count);
		ck_assert_str_eq(si_text(text, x, "J"), cases[i].si);
	}
	ck_assert_str_eq(count_text(text, NULL), "-");
	ck_assert_str_eq(si_text(text, json_null(), "J"), "-");
	ck_assert_str_eq(duration_text(text, 41.2), "0:41");
	ck_assert_str_eq(duration_text(text, 3723), "1:02:03");
	ck_assert_str_eq(duration_text(text, NAN), "-");
	ck_assert_str_eq(duration_text(text, -1), "-");
	ck_assert_str_eq(duration_text(text, 1e300), "-");
}
END_TEST

START_TEST(test_bar)
{
	char bar[128];

	progress_bar(0.5, 10, false, bar);
	ck_assert_str_eq(bar, "#####-----");
	progress_bar(NAN, 4, false, bar);
	ck_assert_str_eq(bar, "----");
	progress_bar(7, 4, false, bar);
	ck_assert_str_eq(bar, "####");
	progress_bar(-1, 4, false, bar);
	ck_assert_str_eq(bar, "----");
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	for (int i = 0; i <= 1000; i++) {
		progress_bar(i / 1000.0, 17, true, bar);
		ck_assert_uint_eq(terminal_width(bar), 17);
		ck_assert_uint_eq(strlen(bar), 51);
	}
	/* 0.25 of 2 cells: half of the first. */
	progress_bar(0.25, 2, true, bar);
	ck_assert_str_eq(bar, "\xe2\x96\x8c\xe2\x96\x91");
}
END_TEST

START_TEST(test_progress_lines)
{
	_cleanup_json_ json_t *running = json_loads(
		"{\"id\": 7, \"state\": \"running\", \"progress\": 0.43, \"latest\": {\"epoch\": 17,"
		" \"epochs\": 40, \"loss\": 22.13, \"k_over_tau\": 14.2, \"flips_per_ns\": 0.61,"
		" \"eta_s\": 41}}",
		0, NULL);
	_cleanup_json_ json_t *queued =
		json_loads("{\"id\": 7, \"state\": \"queued\", \"progress\": 0, \"position\": 2,"
			   " \"reason\": \"job 6\\u001b runs\", \"latest\": null}",
			   0, NULL);
	_cleanup_free_ char *text = NULL;
	struct progress p;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	progress_begin(&p, f);
	progress_update(&p, queued);
	progress_update(&p, queued);
	progress_update(&p, running);
	progress_update(&p, running);
	json_object_set_new(running, "state", json_string("done"));
	progress_update(&p, running);
	fclose(f);
	/* One line a state, since no minute has passed. */
	ck_assert_str_eq(text, "job 7: queued, position 2: job 6? runs\n"
			       "job 7: 43 %, 0:41 left, epoch 17/40, loss 22.1 nats, K/tau 14.2, "
			       "0.61 flips/ns\n"
			       "job 7: done\n");
}
END_TEST

/* On a terminal: one line that never is wider than the terminal. */
START_TEST(test_progress_redraws)
{
	_cleanup_json_ json_t *running = json_loads(
		"{\"id\": 7, \"state\": \"running\", \"progress\": 0.43, \"latest\": {\"epoch\": 17,"
		" \"epochs\": 40, \"loss\": 22.13, \"k_over_tau\": 14.2, \"flips_per_ns\": 0.61,"
		" \"eta_s\": 41}}",
		0, NULL);

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	for (unsigned int columns = 1; columns <= 160; columns++) {
		_cleanup_free_ char *text = NULL;
		struct progress p;
		char width[16];
		size_t size;
		FILE *f = open_memstream(&text, &size);

		snprintf(width, sizeof(width), "%u", columns);
		setenv("COLUMNS", width, 1);
		progress_begin(&p, f);
		p.redraws = true;
		progress_update(&p, running);
		fflush(f);
		ck_assert_int_eq(strncmp(text, "\r\033[K", 4), 0);
		ck_assert_ptr_null(strchr(text, '\n'));
		ck_assert_uint_lt(terminal_width(text + 4), MAX(columns, 1u) + (columns == 1));
		if (columns >= 120)
			assert_holds(text, "flips/ns");
		fclose(f);
	}
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_train);
	tcase_add_test(t, test_not_resolved);
	tcase_add_test(t, test_nothing_there);
	tcase_add_test(t, test_sample);
	tcase_add_test(t, test_bench);
	tcase_add_test(t, test_bench_ratios);
	tcase_add_test(t, test_bench_of_a_kernel_device);
	tcase_add_test(t, test_numbers);
	tcase_add_test(t, test_bar);
	tcase_add_test(t, test_progress_lines);
	tcase_add_test(t, test_progress_redraws);
}

int main(void)
{
	return run_cases("report", add_tests);
}

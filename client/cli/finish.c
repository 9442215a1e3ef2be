// SPDX-License-Identifier: MIT
/* The results of a job that is done: saved, printed, drawn. */
#include <string.h>

#include "follow.h"
#include "json.h"
#include "png_write.h"
#include "report.h"
#include "result_file.h"
#include "save.h"

#define MAX_PICTURE  ((uint64_t)64 << 20)
#define MAX_GRADIENT ((uint64_t)64 << 20)

static void files_freep(struct pbit_files **files)
{
	pbit_files_free(*files);
}

static int read_report(const struct command *c, const struct pbit_files *files, uint64_t id,
		       json_t **ret)
{
	struct err e = { 0 };

	if (result_file_report(files, ret, &e) >= 0)
		return 0;
	return fail(c, STATUS_FAILED, "the report of job %llu cannot be read: %s",
		    (unsigned long long)id, e.text);
}

/* A picture that is missing or broken is no reason to withhold the figures. */
static void read_picture(const struct pbit_files *files, const json_t *report, struct picture *ret)
{
	const char *name = report_string(report, "picture.file", "picture.png");
	_cleanup_free_ char *png = NULL;
	double zoom = 1;
	size_t size;

	report_number(report, "picture.zoom", &zoom);
	if (!(zoom >= 1 && zoom <= 1024))
		return;
	if (result_file_read(files, name, MAX_PICTURE, &png, &size) < 0)
		return;
	png_decode_grey(png, size, (unsigned int)zoom, &ret->pixels, &ret->width, &ret->height,
			NULL);
}

static int print_report(const struct command *c, const struct pbit_files *files,
			const json_t *report)
{
	const char *kind = report_string(report, "kind", "");
	struct picture picture = { 0 };
	int r = 0;

	if (strcmp(kind, "train") == 0) {
		read_picture(files, report, &picture);
		r = train_report_print(report, &picture, stdout);
		free(picture.pixels);
	} else if (strcmp(kind, "sample") == 0) {
		r = sample_report_print(report, stdout);
	} else if (strcmp(kind, "certify") == 0) {
		r = certify_report_print(report, stdout);
	} else if (strcmp(kind, "measure") == 0) {
		r = measure_report_print(report, stdout);
	} else if (strcmp(kind, "bench") == 0) {
		r = bench_report_print(report, stdout);
	} else {
		return fail(c, STATUS_FAILED, "a report of kind '%s' is unknown; update pbit",
			    kind);
	}
	return r < 0 ? fail(c, STATUS_FAILED, "out of memory") : STATUS_DONE;
}

/* What was asked for at a path of its own. */
static int save_gradient(const struct pbit_files *files, const struct finish *how, struct err *e)
{
	_cleanup_free_ char *npy = NULL;
	size_t size;
	int r = result_file_read(files, "grad.npy", MAX_GRADIENT, &npy, &size);

	if (r < 0)
		return err_set(e, r, "the job left no gradient: %s", strerror(-r));
	return save_path(how->grad, "--grad", how->force, npy, size, e);
}

/* What the job has no file of: drawn from its figures. */
static int save_picture(const struct finish *how, const json_t *report, struct err *e)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size = 0;
	FILE *f;
	int r;

	if (asprintf(&path, "%s/%s", how->dir, how->picture) < 0) {
		path = NULL;
		return err_oom(e);
	}
	f = open_memstream(&text, &size);
	if (!f)
		return err_oom(e);
	r = how->draw(report, f);
	if (fclose(f) != 0 || r < 0)
		return err_oom(e);
	return save_path(path, "-o", how->force, text, size, e);
}

int finish_job(const struct command *c, pbit *p, uint64_t id, const struct finish *how)
{
	_cleanup_(files_freep) struct pbit_files *files = NULL;
	_cleanup_json_ json_t *report = NULL;
	struct err e = { 0 };
	int r, status;

	r = pbit_fetch(p, id, &files);
	if (r < 0)
		return session_failed(c, p, r);
	/* Saved before printed: a figure on a screen is not a result kept. */
	if (how->dir && save_files(files, how->dir, how->force, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (how->grad && save_gradient(files, how, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	status = read_report(c, files, id, &report);
	if (status)
		return status;
	if (how->dir && how->draw && save_picture(how, report, &e) < 0)
		return fail(c, STATUS_USAGE, "%s", e.text);
	if (how->json) {
		if (json_object_set_new(report, "id", json_integer((json_int_t)id)) < 0)
			return fail(c, STATUS_FAILED, "out of memory");
		return print_json(c, report, how->stream);
	}
	status = print_report(c, files, report);
	if (!status && (how->dir || how->grad))
		printf("\n");
	if (!status && how->grad)
		printf("gradient saved in %s\n", how->grad);
	if (!status && how->dir)
		printf("results saved in %s\n", how->dir);
	return status;
}

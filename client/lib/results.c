// SPDX-License-Identifier: MIT
/* The files that a job left, as open descriptors. */
#include <fcntl.h>
#include <string.h>

#include "handle.h"

API void pbit_files_free(struct pbit_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->count; i++) {
		free((char *)files->file[i].name);
		if (files->file[i].fd >= 0)
			close(files->file[i].fd);
	}
	free(files->file);
	free(files);
}

static void files_freep(struct pbit_files **files)
{
	pbit_files_free(*files);
}

/*
 * Names end up in paths of the caller: one component, never hidden, nothing that moves a terminal's
 * cursor. A daemon that sends another is refused as a whole.
 */
static bool name_is_safe(const char *name)
{
	if (!name[0] || name[0] == '.' || strlen(name) > 255)
		return false;
	for (const char *c = name; *c; c++)
		if (*c == '/' || (unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return false;
	return true;
}

/* 0 at the end of the array, 1 for a file. */
static int read_file(sd_bus_message *m, struct pbit_files *files)
{
	struct pbit_file f = { .fd = -1 }, *grown;
	const char *name;
	int r, fd;

	r = sd_bus_message_read(m, "(sth)", &name, &f.size, &fd);
	if (r <= 0)
		return r;
	if (!name_is_safe(name))
		return -EPROTO;
	grown = reallocarray(files->file, files->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	files->file = grown;
	/* The message owns its descriptors. */
	f.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (f.fd < 0)
		return -errno;
	f.name = strdup(name);
	files->file[files->count++] = f;
	return f.name ? 1 : -ENOMEM;
}

API int pbit_fetch(pbit *p, uint64_t id, struct pbit_files **ret)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	_cleanup_(files_freep) struct pbit_files *files = NULL;
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	files = calloc(1, sizeof(*files));
	if (!files)
		return err_oom(&p->err);
	r = call_job(p, "Fetch", id, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "(sth)");
	while (r > 0)
		r = read_file(reply, files);
	if (r < 0)
		return call_failed(p, r);
	*ret = TAKE_PTR(files);
	return 0;
}

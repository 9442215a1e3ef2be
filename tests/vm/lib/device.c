// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "device.h"

#define CONFIG	   "/sys/kernel/config/pbit"
#define MODULE	   "/modules/pbit.ko"
#define PATIENCE_S 120 /* for what must happen, on however slow a machine */

struct device device_make(const char *item, const char *figures)
{
	char path[192], *copy = strdup(figures), *rest = copy, *word;
	struct device d = { 0 };

	CHECK(copy);
	snprintf(d.item, sizeof(d.item), "%s/%s", CONFIG, item);
	CHECK(mkdir(d.item, 0755) == 0);
	while ((word = strsep(&rest, " ")))
		if (*word) {
			char *value = strchr(word, '=');

			CHECK(value);
			*value++ = '\0';
			snprintf(path, sizeof(path), "%s/%s", d.item, word);
			write_file(path, value);
		}
	free(copy);
	snprintf(path, sizeof(path), "%s/live", d.item);
	write_file(path, "1");
	snprintf(path, sizeof(path), "%s/dev_name", d.item);
	read_file(path, d.name, sizeof(d.name));
	CHECK(strchr(d.name, '\n'));
	*strchr(d.name, '\n') = '\0';
	snprintf(d.node, sizeof(d.node), "/dev/%s", d.name);
	CHECK(access(d.node, R_OK | W_OK) == 0);
	return d;
}

void device_unmake(const struct device *d)
{
	CHECK(rmdir(d->item) == 0);
	FAILS(access(d->node, F_OK), ENOENT);
}

int device_open(const struct device *d, int flags)
{
	int fd = open(d->node, O_RDWR | O_CLOEXEC | flags);

	CHECK(fd >= 0);
	return fd;
}

void device_text(const struct device *d, const char *attribute, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/pbit/%s/%s", d->name, attribute);
	read_file(path, text, size);
}

uint64_t device_value(const struct device *d, const char *attribute)
{
	char text[64], *end;
	uint64_t value;

	device_text(d, attribute, text, sizeof(text));
	value = strtoull(text, &end, 10);
	CHECK(end > text && *end == '\n');
	return value;
}

void device_await_contexts(const struct device *d, unsigned int count)
{
	const double start = seconds();

	while (device_value(d, "contexts") != count) {
		CHECK(seconds() - start < PATIENCE_S);
		sleep_ms(20);
	}
}

uint64_t fdinfo(int fd, const char *key)
{
	char path[64], text[4096], name[64], *at, *end;
	uint64_t value;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, text, sizeof(text));
	snprintf(name, sizeof(name), "\npbit-%s:\t", key);
	at = strstr(text, name);
	CHECK(at);
	at += strlen(name);
	value = strtoull(at, &end, 10);
	CHECK(end > at && *end == '\n');
	return value;
}

unsigned int module_areas(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	unsigned int count = 0;
	char line[512];

	CHECK(f);
	/* The module's own text and data are there too, as the loader's. */
	while (fgets(line, sizeof(line), f))
		if (strstr(line, " [pbit]")) {
			count++;
			printf("held: %s", line);
		}
	fclose(f);
	return count;
}

void module_load(const char *parameters)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(syscall(SYS_finit_module, fd, parameters, 0) == 0);
	close(fd);
}

int module_try_unload(void)
{
	return syscall(SYS_delete_module, "pbit", O_NONBLOCK) ? -errno : 0;
}

/* What programs used a moment ago may be let go of a little later. */
void module_unload(void)
{
	const double start = seconds();
	int r;

	while ((r = module_try_unload()) == -EAGAIN || r == -EBUSY) {
		CHECK(seconds() - start < PATIENCE_S);
		sleep_ms(50);
	}
	errno = -r;
	CHECK(r == 0);
}

void parameter_set(const char *name, uint64_t value)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), MODULE_PARAMETERS "%s", name);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	write_file(path, text);
}

uint64_t parameter(const char *name)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), MODULE_PARAMETERS "%s", name);
	read_file(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

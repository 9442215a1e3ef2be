// SPDX-License-Identifier: MIT
/* Emulated devices that come, change and go; and who looks at them. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fuzz.h"

#define CONFIG	   "/sys/kernel/config/pbit"
#define ANCHOR	   CONFIG "/anchor" /* holds the module */
#define PARAMETERS "/sys/module/pbit/parameters/"

enum { MOST_NAMES = 24 };

static char names[MOST_NAMES][32]; /* of attributes in configfs */
static unsigned int name_count;

static const char *const values[] = {
	"0",   "1",    "2",    "8",	"16",	   "64",	 "100",
	"256", "1000", "4096", "65536", "1000000", "4294967295", "18446744073709551615",
	"-1",  "0.5",  "y",    "n",	"0x10",	   "x",		 "",
	"\n",
};

void devices_begin(void)
{
	struct dirent *e;
	DIR *dir;

	CHECK(mkdir(ANCHOR, 0755) == 0);
	devices_mend();
	dir = opendir(ANCHOR);
	CHECK(dir);
	name_count = 0;
	while ((e = readdir(dir)) && name_count < MOST_NAMES)
		if (e->d_name[0] != '.')
			snprintf(names[name_count++], sizeof(names[0]), "%.31s", e->d_name);
	closedir(dir);
	CHECK(name_count >= 6);
}

void devices_mend(void)
{
	static const char *const limits[][2] = {
		{ "max_contexts", "64" }, { "max_sweeps", "16777216" }, { "max_bytes", "4194304" },
		{ "p_bits", "4096" },	  { "chains", "4096" },
	};
	char path[64];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		snprintf(path, sizeof(path), PARAMETERS "%s", limits[i][0]);
		write_file(path, limits[i][1]);
	}
	for (unsigned int i = 0; i < FUZZ_DEVICES - 1; i++) {
		snprintf(path, sizeof(path), CONFIG "/d%u", i);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), CONFIG "/d%u/live", i);
		try_write_file(path, "1");
	}
	try_write_file(ANCHOR "/live", "1");
}

void devices_end(void)
{
	char path[64];

	for (unsigned int i = 0; i < FUZZ_DEVICES; i++) {
		snprintf(path, sizeof(path), CONFIG "/d%u", i);
		CHECK(rmdir(path) == 0 || errno == ENOENT);
	}
	CHECK(rmdir(ANCHOR) == 0);
}

static void store(enum fuzz_kind kind, const char *path, const char *value)
{
	const int fd = (int)note(kind, open(path, O_WRONLY));

	if (fd >= 0) {
		note(kind, write(fd, value, strlen(value)));
		close(fd);
	}
}

static void load(enum fuzz_kind kind, const char *path)
{
	const int fd = (int)note(kind, open(path, O_RDONLY));
	char text[512];

	if (fd >= 0) {
		note(kind, read(fd, text, sizeof(text)));
		close(fd);
	}
}

static void store_parameter(struct fuzzer *f)
{
	static const char *const parameters[][2] = {
		{ "max_contexts", "2" },
		{ "max_contexts", "64" },
		{ "max_sweeps", "100" },
		{ "max_sweeps", "16777216" },
		{ "max_sweeps", "4294967295" },
		{ "p_bits", "0" },
		{ "p_bits", "4096" },
		{ "chains", "4294967295" },
		{ "chains", "100" },
		{ "max_bytes", "65536" },
		{ "max_bytes", "4194304" },
	};
	const uint32_t i = below(f, sizeof(parameters) / sizeof(parameters[0]));
	char path[96];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameters[i][0]);
	store(FUZZ_SYSFS, path, parameters[i][1]);
}

void fuzz_device(struct fuzzer *f)
{
	const uint32_t what = below(f, 100), index = below(f, FUZZ_DEVICES);
	char item[48], path[96];

	if (one_in(f, 4))
		snprintf(item, sizeof(item), ANCHOR);
	else
		snprintf(item, sizeof(item), CONFIG "/d%u", index);
	snprintf(path, sizeof(path), "%s/%s", item, names[below(f, name_count)]);
	if (what < 20)
		note(FUZZ_CONFIGFS, mkdir(item, 0755));
	else if (what < 28 && strcmp(item, ANCHOR) != 0)
		note(FUZZ_CONFIGFS, rmdir(item));
	else if (what < 60)
		store(FUZZ_CONFIGFS, path, values[below(f, sizeof(values) / sizeof(values[0]))]);
	else if (what < 75)
		load(FUZZ_CONFIGFS, path);
	else if (what < 90) {
		snprintf(path, sizeof(path), "%s/live", item);
		store(FUZZ_CONFIGFS, path, one_in(f, 3) ? "0" : "1");
	} else if (what < 98)
		store_parameter(f);
	else /* refused, for the anchor's sake */
		note(FUZZ_SYSFS, syscall(SYS_delete_module, "pbit", O_NONBLOCK));
}

/* fdinfo, and an attribute of a device. */
void fuzz_look(struct fuzzer *f, struct slot *s)
{
	static const char *const attributes[] = {
		"backend", "route", "p_bits",	"chains",	  "coupling_bits", "rate_limit",
		"busy_ns", "flips", "finished", "section_max_ns", "contexts",	   "uevent",
	};
	char path[96];

	if (one_in(f, 2)) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", atomic_load(&s->fd));
		load(FUZZ_FILE, path);
		return;
	}
	snprintf(path, sizeof(path), "/sys/class/pbit/pbit%u/%s", below(f, FUZZ_DEVICES),
		 attributes[below(f, sizeof(attributes) / sizeof(attributes[0]))]);
	load(FUZZ_SYSFS, path);
}

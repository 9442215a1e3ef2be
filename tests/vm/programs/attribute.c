// SPDX-License-Identifier: MIT
/*
 * What can be seen of a device: the attributes and the lines of fdinfo that kmod/ABI lists, all of
 * them and no other, in their format and with the right values; tracepoints; uevents.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/pbit.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "device.h"
#include "job.h"
#include "trace.h"

/* The documentation itself. */
__asm__(".pushsection .rodata\n"
	"abi_text: .incbin \"kmod/ABI/sysfs-class-pbit\"\n"
	".byte 0\n"
	"fdinfo_text: .incbin \"kmod/ABI/procfs-fdinfo-pbit\"\n"
	".byte 0\n"
	".popsection\n");
extern const char abi_text[] __asm__("abi_text"), fdinfo_text[] __asm__("fdinfo_text");

static const struct job_spec spec = {
	.shape = { PBM_NET_RBM, 50, 60, 20, 8 },
	.sweeps = 10,
	.every = 5,
	.amplitude = 40,
};

/* Next of the documented attributes after at, or NULL. */
static const char *next_attribute(const char *at, char *name, size_t size)
{
	static const char prefix[] = "/sys/class/pbit/pbitN/";
	size_t n = 0;

	at = strstr(at, prefix);
	if (!at)
		return NULL;
	at += strlen(prefix);
	while (islower((unsigned char)at[n]) || at[n] == '_')
		n++;
	CHECK(n > 0 && n < size && at[n] == '\n');
	memcpy(name, at, n);
	name[n] = '\0';
	return at + n;
}

static bool documented(const char *name)
{
	char other[64];
	const char *at = abi_text;

	while ((at = next_attribute(at, other, sizeof(other))))
		if (!strcmp(name, other))
			return true;
	return false;
}

static bool of_every_device(const char *name)
{
	return !strcmp(name, "dev") || !strcmp(name, "uevent") || !strcmp(name, "power") ||
	       !strcmp(name, "subsystem") || *name == '.';
}

/* A word or a number, and the end of the line; readable by all, written by none. */
static void check_format(const struct device *d, const char *name)
{
	char text[64], path[128];
	struct stat st;
	size_t n;

	snprintf(path, sizeof(path), "/sys/class/pbit/%s/%s", d->name, name);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0444);
	device_text(d, name, text, sizeof(text));
	n = strlen(text);
	CHECK(n >= 2 && text[n - 1] == '\n' && !memchr(text, '\n', n - 1));
	if (!strcmp(name, "backend"))
		CHECK(!strcmp(text, "emulated\n"));
	else if (!strcmp(name, "route"))
		CHECK(!strcmp(text, "scalar\n") || !strcmp(text, "avx2\n") ||
		      !strcmp(text, "avx2+vaes\n"));
	else
		CHECK(strspn(text, "0123456789") == n - 1 && (text[0] != '0' || n == 2));
	CHECK(try_write_file(path, "1") != 0);
}

static void attributes(const struct device *d)
{
	char name[64], path[64];
	const char *at = abi_text;
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir;

	doing = "attributes";
	while ((at = next_attribute(at, name, sizeof(name)))) {
		check_format(d, name);
		count++;
	}
	CHECK(count >= 11);
	snprintf(path, sizeof(path), "/sys/class/pbit/%s", d->name);
	dir = opendir(path);
	CHECK(dir);
	while ((entry = readdir(dir)))
		if (!of_every_device(entry->d_name) && !documented(entry->d_name)) {
			printf("%s is not documented\n", entry->d_name);
			CHECK(false);
		}
	closedir(dir);
	printf("%u attributes, as documented\n", count);
}

static uint64_t param(int fd, uint32_t which)
{
	struct pbit_get_param p = { .param = which };

	CHECK(ioctl(fd, PBIT_IOC_GET_PARAM, &p) == 0);
	return p.value;
}

/* The figures it was made with, here and by GET_PARAM. */
static void figures(const struct device *d)
{
	int fd = device_open(d, 0);

	doing = "figures";
	CHECK(device_value(d, "p_bits") == 300 && param(fd, PBIT_PARAM_P_BITS) == 300);
	CHECK(device_value(d, "chains") == 123 && param(fd, PBIT_PARAM_CHAINS) == 123);
	CHECK(device_value(d, "coupling_bits") == 8 && param(fd, PBIT_PARAM_COUPLING_BITS) == 8);
	CHECK(device_value(d, "rate_limit") == 5000000000);
	CHECK(param(fd, PBIT_PARAM_RATE_LIMIT) == 5000000000);
	CHECK(param(fd, PBIT_PARAM_UNITS) == 299);
	CHECK(param(fd, PBIT_PARAM_API_VERSION) == PBIT_API_VERSION);
	CHECK(param(fd, PBIT_PARAM_BACKEND) == PBIT_BACKEND_EMULATED);
	CHECK(param(fd, PBIT_PARAM_NETS) == 1 << PBIT_NET_RBM);
	CHECK(param(fd, PBIT_PARAM_SCANS) == 7);
	CHECK(param(fd, PBIT_PARAM_MAX_PENDING) == 256);
	CHECK(param(fd, PBIT_PARAM_MAX_BYTES) == parameter("max_bytes"));
	CHECK(device_value(d, "contexts") == 1);
	close(fd);
	CHECK(device_value(d, "contexts") == 0);
}

/* The documented lines in the documented order, and no other. */
static void fdinfo_lines(const struct device *d, int fd)
{
	const char *documented_key = fdinfo_text;
	char path[64], text[4096], *line;
	unsigned int count = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, text, sizeof(text));
	snprintf(path, sizeof(path), "\npbit-device:\t%s\n", d->name);
	CHECK(strstr(text, path) && strstr(text, "\npbit-backend:\temulated\n"));
	for (line = strstr(text, "\npbit-"); line; line = strstr(line + 1, "\npbit-")) {
		const size_t n = strcspn(line, ":");

		documented_key = strstr(documented_key, "\nWhat:\t\tpbit-");
		CHECK(documented_key);
		documented_key += strlen("\nWhat:\t\t");
		CHECK(!strncmp(line + 1, documented_key, n - 1) && documented_key[n - 1] == '\n');
		count++;
	}
	CHECK(!strstr(documented_key, "\nWhat:\t\tpbit-"));
	printf("%u lines of fdinfo, as documented\n", count);
}

/* Of one context, by its events: attributes, fdinfo. */
static void accounts(const struct device *d)
{
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a = job_args(&j);
	uint64_t device_ns = 0, flips = 0;
	const uint64_t before[] = { device_value(d, "busy_ns"), device_value(d, "flips"),
				    device_value(d, "finished") };
	char route[32];

	doing = "accounts";
	for (int k = 0; k < 7; k++)
		submit(fd, &a);
	for (int k = 0; k < 7; k++) {
		struct pbit_event e = event_wait(fd);

		CHECK(e.status == 0 && e.wait_ns > 0);
		device_ns += e.device_ns;
		flips += e.flips;
	}
	CHECK(device_value(d, "busy_ns") - before[0] == device_ns);
	CHECK(device_value(d, "flips") - before[1] == flips && flips == 7 * 10 * 110 * 20);
	CHECK(device_value(d, "finished") - before[2] == 7);
	device_text(d, "route", route, sizeof(route));
	CHECK(!strcmp(route, "scalar\n") == !device_value(d, "section_max_ns"));
	CHECK(fdinfo(fd, "section-max-ns") == device_value(d, "section_max_ns"));
	CHECK(fdinfo(fd, "device-ns") == device_ns && fdinfo(fd, "flips") == flips);
	CHECK(fdinfo(fd, "finished") == 7 && fdinfo(fd, "pending") == 0);
	CHECK(fdinfo(fd, "weight") == PBIT_WEIGHT_DEFAULT && fdinfo(fd, "gone") == 0);
	CHECK(fdinfo(fd, "bytes") > j.w.size + j.states.size + j.sums.size);
	fdinfo_lines(d, fd);
	job_free(fd, &j);
	CHECK(fdinfo(fd, "bytes") == 0);
	close(fd);
}

/* Of each submission, in this order: submitted, started, done; with what the caller was told. */
static void tracepoints(const struct device *d)
{
	enum { RUNS = 20 };
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &spec);
	struct pbit_submit a[RUNS];
	struct pbit_event e[RUNS];
	struct trace_event *t;
	size_t count;

	doing = "tracepoints";
	trace_begin();
	for (int k = 0; k < RUNS; k++) {
		a[k] = job_args(&j);
		a[k].sweeps = (uint32_t)k / 2;
		a[k].every = 1 + (uint32_t)k;
		submit(fd, &a[k]);
		e[k] = event_wait(fd);
	}
	a[0] = job_endless(&j);
	submit(fd, &a[0]);
	CHECK(ioctl(fd, PBIT_IOC_CANCEL, &(struct pbit_cancel){ 0 }) == 0);
	CHECK(event_wait(fd).status == -ECANCELED);
	count = trace_end(&t);
	CHECK(count >= 3 * RUNS + 2 && count <= 3 * RUNS + 3);
	for (int k = 0; k < RUNS; k++) {
		const struct trace_event *s = &t[3 * k];
		const uint32_t flags = k ? a[k].flags : job_args(&j).flags;

		for (int i = 0; i < 3; i++)
			CHECK(s[i].sequence == e[k].sequence && s[i].context == t[0].context &&
			      s[i].device == (unsigned int)atoi(d->name + 4));
		CHECK(s[0].kind == TRACE_SUBMIT && s[1].kind == TRACE_START &&
		      s[2].kind == TRACE_DONE);
		CHECK(s[0].program == j.program && s[0].chains == spec.shape.chains &&
		      s[0].sweeps == (uint32_t)k / 2 && s[0].flags == flags);
		CHECK(s[1].wait_ns == e[k].wait_ns);
		CHECK(s[2].status == 0 && s[2].device_ns == e[k].device_ns &&
		      s[2].flips == e[k].flips);
	}
	CHECK(t[count - 1].kind == TRACE_DONE && t[count - 1].status == -ECANCELED);
	CHECK(t[3 * RUNS].kind == TRACE_SUBMIT && t[3 * RUNS].sweeps == PBM_MAX_SWEEPS);
	printf("%zu tracepoints of %d submissions\n", count, RUNS + 1);
	free(t);
	job_free(fd, &j);
	close(fd);
}

/* The kernel's next uevent of the class; what follows the first zero byte is its variables. */
static void next_uevent(int nl, char *text, size_t size)
{
	ssize_t n;

	do {
		struct pollfd p = { .fd = nl, .events = POLLIN };

		CHECK(poll(&p, 1, 60000) == 1);
		n = recv(nl, text, size - 1, 0);
		CHECK(n > 0);
		text[n] = '\0';
		for (ssize_t k = 0; k < n; k++)
			text[k] = text[k] ? text[k] : '\n';
	} while (!strstr(text, "\nSUBSYSTEM=pbit\n"));
}

static void expect_uevent(int nl, const struct device *d, const char *action)
{
	char text[4096], want[128];

	next_uevent(nl, text, sizeof(text));
	snprintf(want, sizeof(want), "%s@/devices/virtual/pbit/%s\n", action, d->name);
	if (strncmp(text, want, strlen(want)))
		printf("not \"%s\" but:\n%s\n", action, text);
	CHECK(!strncmp(text, want, strlen(want)));
	snprintf(want, sizeof(want), "\nACTION=%s\n", action);
	CHECK(strstr(text, want));
	snprintf(want, sizeof(want), "\nDEVNAME=%s\n", d->name);
	CHECK(strstr(text, want));
	CHECK(strstr(text, "\nMAJOR=") && strstr(text, "\nMINOR="));
}

static void uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int nl = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	char path[128];

	doing = "uevents";
	CHECK(nl >= 0 && bind(nl, (struct sockaddr *)&address, sizeof(address)) == 0);
	for (int k = 0; k < 3; k++) {
		struct device d = device_make("uevent", "");

		expect_uevent(nl, &d, "add");
		expect_uevent(nl, &d, "online");
		snprintf(path, sizeof(path), "%s/live", d.item);
		if (k == 1)
			write_file(path, "0");
		CHECK(rmdir(d.item) == 0);
		expect_uevent(nl, &d, "offline");
		expect_uevent(nl, &d, "remove");
	}
	close(nl);
	printf("add, online, offline and remove of three devices, and no other\n");
}

int main(void)
{
	struct device d = device_make(
		"attribute", "p_bits=300 chains=123 coupling_bits=8 rate_limit=5000000000");

	attributes(&d);
	figures(&d);
	accounts(&d);
	tracepoints(&d);
	device_unmake(&d);
	uevents();
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Devices as udev tells of them. No p-bit device is needed: what is asked for by subsystem is asked
 * for here with one that every machine has.
 */
#include "hotplug.h"

#include <fcntl.h>
#include <string.h>

#include "harness.h"
#include "node.h"

static sd_event *event;
static struct hotplug *devices;
static int changes;

static int seen, gone;

static void on_changed(const struct device *d, bool there, _unused_ void *userdata)
{
	changes++;
	if (!strcmp(d->name, "writeback"))
		*(there ? &seen : &gone) += 1;
	ck_assert(there || !d->usable);
}

static void open_devices(const char *source, const char *subsystem)
{
	struct err e = { 0 };

	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_eq(hotplug_new(event, source, subsystem, on_changed, NULL, &devices, &e), 0);
}

static void teardown(void)
{
	devices = hotplug_free(devices);
	event = sd_event_unref(event);
}

START_TEST(embedded_is_always_there)
{
	const struct device *d;

	open_devices("udev", "no-such-subsystem");
	ck_assert_uint_eq(hotplug_count(devices), 1);
	d = hotplug_get(devices, 0);
	ck_assert_str_eq(d->name, EMBEDDED_NAME);
	ck_assert_str_eq(d->backend, "embedded");
	ck_assert(d->usable);
	ck_assert(d->ideal);
	ck_assert_ptr_null(d->why);
	ck_assert_ptr_null(d->node);
	ck_assert_uint_gt(d->p_bits, 0);
	ck_assert_str_ne(d->route, "");
}
END_TEST

START_TEST(what_is_there_is_found)
{
	const struct device *d;

	open_devices("udev", "net");
	d = hotplug_find(devices, "lo");
	ck_assert_msg(d != NULL, "no lo in /sys/class/net");
	/* Whatever udev calls one, it is asked. */
	ck_assert_str_eq(d->backend, "unknown");
	ck_assert(!d->usable);
	ck_assert_str_eq(d->why, "lo has no node under /dev");
	ck_assert(hotplug_find(devices, EMBEDDED_NAME)->usable);
}
END_TEST

START_TEST(nodes_that_are_none)
{
	static const struct {
		const char *node, *sentence;
		int error;
	} cases[] = {
		{ "/dev/null", "/dev/null is not a p-bit device", -ENOTTY },
		{ "/dev/pbit", "/dev/pbit cannot be opened: No such file or directory", -ENOENT },
		{ "/proc", "/proc cannot be opened: Is a directory", -EISDIR },
		{ "/proc/self/mem", "/proc/self/mem is not a p-bit device", -ENOTTY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct node_info info;
		struct err e = { 0 };

		ck_assert_int_eq(node_open(cases[i].node, &info, &e), cases[i].error);
		ck_assert_str_eq(e.text, cases[i].sentence);
	}
}
END_TEST

/* Others are there as well: character devices of another class, which must not be asked. */
START_TEST(nodes_of_another_class)
{
	const struct device *d;

	open_devices("udev", "mem");
	d = hotplug_find(devices, "null");
	ck_assert_msg(d != NULL, "no null in /sys/class/mem");
	ck_assert(!d->usable);
	ck_assert_str_eq(d->why, "/dev/null is not a p-bit device");
}
END_TEST

START_TEST(without_udev)
{
	open_devices("no-such-source", "net");
	ck_assert_uint_eq(hotplug_count(devices), 1);
	ck_assert_str_eq(hotplug_get(devices, 0)->name, EMBEDDED_NAME);
}
END_TEST

static void trigger(const char *action)
{
	int fd = open("/sys/bus/workqueue/devices/writeback/uevent", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, action, strlen(action)), 0);
	close(fd);
}

/*
 * Root can have the kernel tell of a device again; the device itself stays as it is. Nobody else
 * listens for a work queue.
 */
START_TEST(comes_and_goes)
{
	open_devices("kernel", "workqueue");
	ck_assert_ptr_nonnull(hotplug_find(devices, "writeback"));
	trigger("remove");
	while (hotplug_find(devices, "writeback"))
		ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
	ck_assert_int_ge(changes, 1);
	ck_assert_int_eq(gone, 1);
	trigger("add");
	while (!hotplug_find(devices, "writeback"))
		ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
	ck_assert_int_eq(seen, 1);
	/* Told of twice, it is there once. */
	trigger("change");
	ck_assert_int_gt(sd_event_run(event, PATIENCE_US), 0);
	ck_assert_int_eq(seen, 2);
	for (size_t i = 0, n = 0; i < hotplug_count(devices); i++) {
		n += !strcmp(hotplug_get(devices, i)->name, "writeback");
		ck_assert_uint_le(n, 1);
	}
}
END_TEST

/* Containers of users can write there, and the kernel tells nobody inside. */
static bool kernel_tells(void)
{
	_cleanup_close_ int fd =
		open("/sys/bus/workqueue/devices/writeback/uevent", O_WRONLY | O_CLOEXEC);

	return geteuid() == 0 && fd >= 0;
}

int main(void)
{
	Suite *s = suite_create("hotplug");
	TCase *t = tcase_create("hotplug");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, embedded_is_always_there);
	tcase_add_test(t, what_is_there_is_found);
	tcase_add_test(t, nodes_that_are_none);
	tcase_add_test(t, nodes_of_another_class);
	tcase_add_test(t, without_udev);
	if (kernel_tells())
		tcase_add_test(t, comes_and_goes);
	else
		printf("hotplug: comes_and_goes is not run, for only root can write to uevent\n");
	suite_add_tcase(s, t);
	return run_suite(s);
}

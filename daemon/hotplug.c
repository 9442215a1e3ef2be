// SPDX-License-Identifier: MIT
/* The embedded device, and a udev monitor. */
#include "hotplug.h"

#include <libudev.h>
#include <string.h>

#include "isa.h"
#include "log.h"

struct hotplug {
	struct device *devices;
	size_t n;
	struct udev *udev;
	struct udev_monitor *monitor;
	sd_event_source *io;
	const char *subsystem;
	hotplug_fn changed;
	void *userdata;
};

static void device_clear(struct device *d)
{
	free(d->name);
	free(d->backend);
	free(d->syspath);
}

static int add(struct hotplug *h, const char *name, const char *backend, const char *syspath)
{
	struct device d = { .name = strdup(name), .backend = strdup(backend), .route = "" };
	struct device *grown = reallocarray(h->devices, h->n + 1, sizeof(*grown));

	if (grown)
		h->devices = grown;
	d.syspath = syspath ? strdup(syspath) : NULL;
	if (!grown || !d.name || !d.backend || (syspath && !d.syspath)) {
		device_clear(&d);
		return -ENOMEM;
	}
	h->devices[h->n++] = d;
	return 0;
}

static int add_embedded(struct hotplug *h)
{
	int r = add(h, EMBEDDED_NAME, "embedded", NULL);

	if (r < 0)
		return r;
	h->devices[0].usable = true;
	h->devices[0].p_bits = 2 * PBM_MAX_UNITS;
	h->devices[0].route = pbm_isa_name(isa_working());
	return 0;
}

static size_t find(const struct hotplug *h, const char *syspath)
{
	size_t i = 0;

	while (i < h->n && (!h->devices[i].syspath || strcmp(h->devices[i].syspath, syspath)))
		i++;
	return i;
}

static int appear(struct hotplug *h, struct udev_device *dev)
{
	const char *path = udev_device_get_syspath(dev), *name = udev_device_get_sysname(dev);

	if (!path || !name || find(h, path) < h->n)
		return 0;
	log_info("device %s is there; this pbitd cannot run jobs on it yet", name);
	return add(h, name, "kernel", path);
}

static void disappear(struct hotplug *h, struct udev_device *dev)
{
	const char *path = udev_device_get_syspath(dev);
	size_t i = path ? find(h, path) : h->n;

	if (i == h->n)
		return;
	log_info("device %s is gone", h->devices[i].name);
	device_clear(&h->devices[i]);
	h->n--;
	memmove(&h->devices[i], &h->devices[i + 1], (h->n - i) * sizeof(*h->devices));
}

static int on_event(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		    void *userdata)
{
	struct hotplug *h = userdata;
	struct udev_device *dev;

	while ((dev = udev_monitor_receive_device(h->monitor))) {
		const char *action = udev_device_get_action(dev);

		if (action && !strcmp(action, "remove"))
			disappear(h, dev);
		else if (appear(h, dev) < 0)
			log_error("a new device is left out: out of memory");
		udev_device_unref(dev);
		h->changed(h->userdata);
	}
	return 0;
}

static int enumerate(struct hotplug *h)
{
	struct udev_enumerate *list = udev_enumerate_new(h->udev);
	struct udev_list_entry *entry;
	int r = list ? udev_enumerate_add_match_subsystem(list, h->subsystem) : -ENOMEM;

	if (r >= 0)
		r = udev_enumerate_scan_devices(list);
	if (r >= 0) {
		udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list))
		{
			const char *path = udev_list_entry_get_name(entry);
			struct udev_device *dev = udev_device_new_from_syspath(h->udev, path);

			/* It may be gone again. */
			if (dev)
				r = appear(h, dev);
			udev_device_unref(dev);
			if (r < 0)
				break;
		}
	}
	udev_enumerate_unref(list);
	return r;
}

/* Listens before it looks, so that nothing falls between. */
static int listen_and_look(struct hotplug *h, sd_event *event, const char *source)
{
	int r;

	h->udev = udev_new();
	h->monitor = h->udev ? udev_monitor_new_from_netlink(h->udev, source) : NULL;
	if (!h->monitor)
		return errno ? -errno : -ENOMEM;
	r = udev_monitor_filter_add_match_subsystem_devtype(h->monitor, h->subsystem, NULL);
	if (r >= 0)
		r = udev_monitor_enable_receiving(h->monitor);
	if (r >= 0)
		r = sd_event_add_io(event, &h->io, udev_monitor_get_fd(h->monitor), EPOLLIN,
				    on_event, h);
	return r < 0 ? r : enumerate(h);
}

int hotplug_new(sd_event *event, const char *source, const char *subsystem, hotplug_fn changed,
		void *userdata, struct hotplug **ret, struct err *e)
{
	struct hotplug *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_oom(e);
	h->subsystem = subsystem;
	h->changed = changed;
	h->userdata = userdata;
	if (add_embedded(h) < 0) {
		hotplug_free(h);
		return err_oom(e);
	}
	r = listen_and_look(h, event, source);
	if (r < 0)
		log_warning("udev cannot be asked for devices: %s; only %s is there", strerror(-r),
			    EMBEDDED_NAME);
	*ret = h;
	return 0;
}

struct hotplug *hotplug_free(struct hotplug *h)
{
	if (!h)
		return NULL;
	sd_event_source_disable_unref(h->io);
	udev_monitor_unref(h->monitor);
	udev_unref(h->udev);
	for (size_t i = 0; i < h->n; i++)
		device_clear(&h->devices[i]);
	free(h->devices);
	free(h);
	return NULL;
}

size_t hotplug_count(const struct hotplug *h)
{
	return h->n;
}

const struct device *hotplug_get(const struct hotplug *h, size_t i)
{
	return &h->devices[i];
}

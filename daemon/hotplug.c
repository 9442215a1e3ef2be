// SPDX-License-Identifier: MIT
/* The embedded device, and a udev monitor. */
#include "hotplug.h"

#include <libudev.h>
#include <string.h>

#include "isa.h"
#include "log.h"
#include "node.h"
#include "uapi_names.h"

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
	free(d->syspath);
	free(d->node);
	free(d->why);
}

static int append(struct hotplug *h, const char *name, const char *syspath, const char *node)
{
	struct device d = { .name = strdup(name), .backend = "unknown", .route = "" };
	struct device *grown = reallocarray(h->devices, h->n + 1, sizeof(*grown));

	if (grown)
		h->devices = grown;
	d.syspath = syspath ? strdup(syspath) : NULL;
	d.node = node ? strdup(node) : NULL;
	if (!grown || !d.name || (syspath && !d.syspath) || (node && !d.node)) {
		device_clear(&d);
		return -ENOMEM;
	}
	h->devices[h->n++] = d;
	return 0;
}

static void drop(struct hotplug *h, size_t i)
{
	device_clear(&h->devices[i]);
	h->n--;
	memmove(&h->devices[i], &h->devices[i + 1], (h->n - i) * sizeof(*h->devices));
}

static int add_embedded(struct hotplug *h)
{
	int r = append(h, EMBEDDED_NAME, NULL, NULL);

	if (r < 0)
		return r;
	h->devices[0].backend = "embedded";
	h->devices[0].usable = true;
	h->devices[0].ideal = true;
	h->devices[0].p_bits = 2 * PBM_MAX_UNITS;
	h->devices[0].chains = PBM_MAX_CHAINS;
	h->devices[0].coupling_bits = 16;
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

/* Opens it for a moment. -ENODEV when it is gone already; else d says what it is, or why not. */
static int ask(struct device *d)
{
	struct node_info k;
	struct err e = { 0 };
	_cleanup_close_ int fd = -1;

	if (d->node)
		fd = node_open(d->node, &k, &e);
	else
		err_set(&e, -ENXIO, "%s has no node under /dev", d->name);
	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		return -ENODEV;
	/* Of the moment: what it was found to be holds. */
	if (d->usable && node_failure_passes(fd))
		return 0;
	freep(&d->why);
	d->usable = fd >= 0;
	if (!d->usable) {
		d->why = strdup(e.text);
		return 0;
	}
	d->backend = uapi_backend_name(k.backend);
	d->route = uapi_route_name(k.route);
	d->ideal = k.ideal;
	d->p_bits = k.p_bits;
	d->chains = k.chains;
	d->coupling_bits = k.coupling_bits;
	return 0;
}

static void tell_of(const struct device *d)
{
	if (d->usable)
		log_device(LOG_INFO, LOG_DEVICE_ADDED, d->name,
			   "device %s is there: %s, %u p-bits%s", d->name, d->backend, d->p_bits,
			   d->ideal ? "" : ", not ideal");
	else
		log_device(LOG_WARNING, LOG_DEVICE_ADDED, d->name,
			   "device %s is there and cannot be used: %s", d->name, d->why);
}

/* Told of once or again: what it is may have changed, or who may open it. */
static int appear(struct hotplug *h, struct udev_device *dev, const struct device **ret)
{
	const char *path = udev_device_get_syspath(dev), *name = udev_device_get_sysname(dev);
	size_t i = path ? find(h, path) : 0;
	bool known = i < h->n, usable;
	int r = 0;

	*ret = NULL;
	if (!path || !name)
		return 0;
	if (!known)
		r = append(h, name, path, udev_device_get_devnode(dev));
	if (r < 0)
		return r;
	usable = known && h->devices[i].usable;
	if (ask(&h->devices[i]) < 0) {
		/* The event that says so is on its way; one that was not announced is not missed. */
		if (!known)
			drop(h, i);
		return 0;
	}
	if (!known || usable != h->devices[i].usable)
		tell_of(&h->devices[i]);
	*ret = &h->devices[i];
	return 0;
}

static void disappear(struct hotplug *h, struct udev_device *dev)
{
	const char *path = udev_device_get_syspath(dev);
	size_t i = path ? find(h, path) : h->n;

	if (i == h->n)
		return;
	log_device(LOG_INFO, LOG_DEVICE_GONE, h->devices[i].name, "device %s is gone",
		   h->devices[i].name);
	h->devices[i].usable = false;
	h->changed(&h->devices[i], false, h->userdata);
	drop(h, i);
}

/* "offline" says that it takes no more work, and comes before "remove". */
static void handle(struct hotplug *h, struct udev_device *dev)
{
	const char *action = udev_device_get_action(dev);
	const struct device *d;

	if (action && (!strcmp(action, "remove") || !strcmp(action, "offline")))
		disappear(h, dev);
	else if (appear(h, dev, &d) < 0)
		log_error("a new device is left out: out of memory");
	else if (d)
		h->changed(d, true, h->userdata);
}

static int on_event(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		    void *userdata)
{
	struct hotplug *h = userdata;
	struct udev_device *dev;

	while ((dev = udev_monitor_receive_device(h->monitor))) {
		handle(h, dev);
		udev_device_unref(dev);
	}
	return 0;
}

static int enumerate(struct hotplug *h)
{
	struct udev_enumerate *list = udev_enumerate_new(h->udev);
	struct udev_list_entry *entry;
	const struct device *known;
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
				r = appear(h, dev, &known);
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

const struct device *hotplug_find(const struct hotplug *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->devices[i].name, name))
			return &h->devices[i];
	return NULL;
}

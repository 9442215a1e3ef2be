// SPDX-License-Identifier: MIT
/* From the configuration to the queue. */
#include "settings.h"

#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "admins.h"
#include "log.h"
#include "peer.h"
#include "protocol.h"

int settings_apply(struct daemon *d)
{
	const struct config *c = d->config;
	uint64_t now = daemon_clock(d);
	int r = 0;

	queue_set_half_life(d->queue, c->half_life, now);
	queue_set_quantum(d->queue, c->quantum);
	queue_set_default_limits(d->queue, &c->limits);
	queue_set_job_memory(d->queue, c->job_memory);
	queue_reset_users(d->queue, now);
	for (size_t i = 0; r >= 0 && i < c->n_users; i++) {
		r = queue_set_weight(d->queue, c->users[i].uid, c->users[i].weight, now);
		if (r >= 0)
			r = queue_set_limits(d->queue, c->users[i].uid, &c->users[i].limits);
	}
	return r;
}

/* Slots that are no longer there are given up when their jobs end. */
static int apply_to_devices(struct daemon *d)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < hotplug_count(d->hotplug); i++)
		r = daemon_put_in_service(d, hotplug_get(d->hotplug, i));
	return r;
}

static int reload(struct daemon *d, struct err *e)
{
	gid_t admins;
	/* Who is an admin is as much a setting. Nothing is changed where anything cannot be read. */
	int r = admins_find(PBIT_ADMIN_GROUP, &admins, e);

	if (r >= 0)
		r = config_reload(d->config, e);
	if (r < 0)
		return r;
	d->admins = admins;
	peers_admins_changed(d);
	return settings_apply(d) < 0 || apply_to_devices(d) < 0 ? err_oom(e) : 0;
}

int settings_reload(struct daemon *d, struct err *e)
{
	const struct config *c = d->config;
	struct err own = { 0 };
	int r;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, daemon_clock(d));
	r = reload(d, &own);
	sd_notify(0, "READY=1");
	daemon_poke(d);
	if (r < 0) {
		log_event(LOG_ERR, LOG_RELOAD_FAILED, "goes on with the settings it had: %s",
			  own.text);
		return err_set(e, r, "%s; pbitd goes on with the settings it had", own.text);
	}
	log_event(LOG_INFO, LOG_RELOADED,
		  "has read its settings again: %u at once, %u on each device of the kernel, "
		  "%u threads each, half-life %" PRIu64 " s, quantum %" PRIu64
		  " s, %zu users with settings of their own",
		  c->jobs, c->device_jobs, c->threads, c->half_life / USEC_PER_SEC,
		  c->quantum / USEC_PER_SEC, c->n_users);
	return 0;
}

int settings_method(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct err e = { 0 };

	if (!p->admin)
		return sd_bus_error_set(error, PBIT_ERROR_DENIED,
					"only root and members of " PBIT_ADMIN_GROUP
					" can have pbitd read its settings again");
	if (settings_reload(p->daemon, &e) < 0)
		return sd_bus_error_set(error, PBIT_ERROR_BAD_INPUT, e.text);
	return sd_bus_reply_method_return(m, NULL);
}

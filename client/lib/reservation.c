// SPDX-License-Identifier: MIT
/* Times during which a device is for some users alone. */
#include "handle.h"

/* Far more than a lab has; the message stays far below the daemon's limit. */
#define MAX_USERS 1000

static int append_reservation(sd_bus_message *m, const struct pbit_reservation *x)
{
	int r = sd_bus_message_append(m, "sxx", x->device, x->from, x->until);

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "s");
	for (size_t i = 0; r >= 0 && i < x->n_users; i++)
		r = sd_bus_message_append(m, "s", x->users[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_append(m, "s", x->why ? x->why : "");
}

static int check_reservation(struct pbit *p, const struct pbit_reservation *x)
{
	if (!x->device)
		return err_set(&p->err, -EINVAL, "reservation: no device is given");
	if (x->n_users > MAX_USERS || (x->n_users && !x->users))
		return err_set(&p->err, -EINVAL, "reservation: give 1 to %d users", MAX_USERS);
	for (size_t i = 0; i < x->n_users; i++)
		if (!x->users[i])
			return err_set(&p->err, -EINVAL, "reservation: user %zu is NULL", i);
	return 0;
}

API int pbit_reserve(pbit *p, const struct pbit_reservation *given, uint64_t *ret_id)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	struct pbit_reservation x;
	uint64_t id;
	int r;

	r = handle_begin(p);
	if (r >= 0)
		r = struct_take(&p->err, "pbit_reservation", &x, sizeof(x), sizeof(x), given);
	if (r >= 0)
		r = check_reservation(p, &x);
	if (r >= 0)
		r = call_new(p, "Reserve", &m);
	if (r < 0)
		return r;
	r = append_reservation(m, &x);
	if (r < 0)
		return call_failed(p, r);
	r = call_send(p, m, 0, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "t", &id);
	if (r < 0)
		return call_failed(p, r);
	*ret_id = id;
	return 0;
}

API int pbit_unreserve(pbit *p, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_job(p, "Unreserve", id, &reply);
}

API int pbit_reservations(pbit *p, char **ret_json)
{
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_string(p, "Reservations", ret_json);
}

// SPDX-License-Identifier: MIT
/* Method calls, and what their failures mean. */
#include <string.h>

#include "handle.h"
#include "protocol.h"

static const struct {
	const char *name;
	int code;
} errors[] = {
	{ PBIT_ERROR_BAD_INPUT, -EINVAL }, { PBIT_ERROR_NO_JOB, -ENOENT },
	{ PBIT_ERROR_DENIED, -EACCES },	   { PBIT_ERROR_NOT_DONE, -EBUSY },
	{ PBIT_ERROR_LIMIT, -EDQUOT },	   { PBIT_ERROR_FAILED, -EIO },
	{ PBIT_ERROR_ENDED, -EALREADY },   { PBIT_ERROR_NO_RESERVATION, -ENOENT },
};

static bool is_disconnect(int r)
{
	return r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -ESHUTDOWN ||
	       r == -ECONNABORTED;
}

int handle_begin(struct pbit *p)
{
	if (!p)
		return -EINVAL;
	/* A handle whose pbit_open() failed keeps the sentence that says why. */
	if (!p->bus)
		return p->err.code < 0 ? p->err.code : -ENOTCONN;
	p->err = (struct err){ 0 };
	return 0;
}

int call_new(struct pbit *p, const char *method, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(p->bus, ret, NULL, PBIT_PATH, PBIT_INTERFACE,
					       method);

	return r < 0 ? call_failed(p, r) : 0;
}

int call_failed(struct pbit *p, int r)
{
	if (is_disconnect(r))
		return err_set(&p->err, -ECONNRESET,
			       "the connection to pbitd at %s broke off: it has died or was "
			       "restarted; its jobs are not lost, connect again",
			       p->socket);
	if (r == -ENOMEM)
		return err_oom(&p->err);
	if (r == -ETIMEDOUT)
		return err_set(&p->err, r, "pbitd at %s does not answer; look at its log",
			       p->socket);
	if (r == -EBADMSG || r == -ENXIO || r == -EPROTO)
		return err_set(&p->err, -EPROTO,
			       "pbitd at %s answered in another version of the protocol; install "
			       "client and daemon of the same version",
			       p->socket);
	return err_set(&p->err, r, "talking to pbitd at %s failed: %s", p->socket, strerror(-r));
}

static int daemon_refused(struct pbit *p, const sd_bus_error *error, int r)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (sd_bus_error_has_name(error, errors[i].name))
			return err_set(&p->err, errors[i].code, "%s",
				       error->message ? error->message : errors[i].name);
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS))
		return call_failed(p, -EPROTO);
	return err_set(&p->err, r, "pbitd: %s", error->message ? error->message : error->name);
}

int call_send(struct pbit *p, sd_bus_message *m, uint64_t timeout_us, sd_bus_message **ret_reply)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r;

	r = sd_bus_call(p->bus, m, timeout_us, &error, ret_reply);
	if (r >= 0)
		return 0;
	/* sd-bus puts failures of its own into the error as well. */
	if (is_disconnect(r) || r == -ETIMEDOUT || !sd_bus_error_is_set(&error))
		r = call_failed(p, r);
	else
		r = daemon_refused(p, &error, r);
	sd_bus_error_free(&error);
	return r;
}

int call_job(struct pbit *p, const char *method, uint64_t id, sd_bus_message **ret_reply)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	int r;

	r = call_new(p, method, &m);
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "t", id);
	if (r < 0)
		return call_failed(p, r);
	return call_send(p, m, 0, ret_reply);
}

int call_take_string(struct pbit *p, sd_bus_message *reply, char **ret)
{
	const char *text;
	char *copy;
	int r;

	r = sd_bus_message_read(reply, "s", &text);
	if (r < 0)
		return call_failed(p, r);
	copy = strdup(text);
	if (!copy)
		return err_oom(&p->err);
	*ret = copy;
	return 0;
}

int call_string(struct pbit *p, const char *method, char **ret)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	int r;

	r = call_new(p, method, &m);
	if (r >= 0)
		r = call_send(p, m, 0, &reply);
	return r < 0 ? r : call_take_string(p, reply, ret);
}

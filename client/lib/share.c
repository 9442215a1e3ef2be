// SPDX-License-Identifier: MIT
/* Who has had how much of the devices. */
#include "handle.h"

API int pbit_shares(pbit *p, char **ret_json)
{
	int r;

	r = handle_begin(p);
	return r < 0 ? r : call_string(p, "Shares", ret_json);
}

API int pbit_usage(pbit *p, const char *user, int64_t since, char **ret_json)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	int r;

	r = handle_begin(p);
	if (r < 0)
		return r;
	r = call_new(p, "Usage", &m);
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "sx", user ? user : "", since);
	if (r < 0)
		return call_failed(p, r);
	r = call_send(p, m, 0, &reply);
	return r < 0 ? r : call_take_string(p, reply, ret_json);
}

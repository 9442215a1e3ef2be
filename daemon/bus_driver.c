// SPDX-License-Identifier: MIT
/*
 * A stub of the message bus itself: clients like busctl believe that they talk to one, and say
 * Hello before anything else. There are two names on this bus, the daemon's and the client's.
 */
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "bus.h"
#include "peer.h"

#define DRIVER_NAME "org.freedesktop.DBus"
#define DAEMON_NAME "org.pbit.Daemon1"
#define CLIENT_NAME ":1.1"

static int on_hello(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	return sd_bus_reply_method_return(m, "s", CLIENT_NAME);
}

/* Signals reach a client because it called Watch; a match neither adds nor takes any. */
static int on_match(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	return sd_bus_reply_method_return(m, NULL);
}

static bool is_name(const char *name)
{
	return !strcmp(name, DRIVER_NAME) || !strcmp(name, DAEMON_NAME) ||
	       !strcmp(name, CLIENT_NAME);
}

static int on_get_name_owner(sd_bus_message *m, _unused_ void *userdata, sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (!is_name(name))
		return sd_bus_error_setf(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
					 "There is nobody but %s here", DAEMON_NAME);
	return sd_bus_reply_method_return(m, "s", name);
}

static int on_name_has_owner(sd_bus_message *m, _unused_ void *userdata,
			     _unused_ sd_bus_error *error)
{
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	return r < 0 ? r : sd_bus_reply_method_return(m, "b", (int)is_name(name));
}

static int on_list_names(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	return sd_bus_reply_method_return(m, "as", 3, DRIVER_NAME, DAEMON_NAME, CLIENT_NAME);
}

static int on_list_activatable(sd_bus_message *m, _unused_ void *userdata,
			       _unused_ sd_bus_error *error)
{
	return sd_bus_reply_method_return(m, "as", 0);
}

static int on_get_id(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	char text[SD_ID128_STRING_MAX];
	sd_id128_t id;
	int r = sd_bus_get_bus_id(sd_bus_message_get_bus(m), &id);

	return r < 0 ? r : sd_bus_reply_method_return(m, "s", sd_id128_to_string(id, text));
}

const sd_bus_vtable bus_driver_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Hello", NULL, "s", on_hello, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("AddMatch", "s", NULL, on_match, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("RemoveMatch", "s", NULL, on_match, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetNameOwner", "s", "s", on_get_name_owner, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("NameHasOwner", "s", "b", on_name_has_owner, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ListNames", NULL, "as", on_list_names, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ListActivatableNames", NULL, "as", on_list_activatable,
		      SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetId", NULL, "s", on_get_id, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

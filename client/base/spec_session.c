// SPDX-License-Identifier: MIT
/* The keys of an interactive session. */
#include "session_wire.h"
#include "spec_field.h"

#define SESSION(type, member, min, max) FIELD(type, struct spec_session, member, #member, min, max)

#define MAX_IDLE 86400.0

static const struct field root_fields[] = {
	FIELD_KEY("kind"),   FIELD_KEY("name"),	   FIELD_KEY("seed"),
	FIELD_KEY("device"), FIELD_KEY("session"),
};

static const struct field session_fields[] = {
	SESSION(FIELD_UINT, visible, 1, SPEC_MAX_UNITS),
	SESSION(FIELD_UINT, hidden, 1, SPEC_MAX_UNITS),
	SESSION(FIELD_UINT, rows, 0, SPEC_MAX_CHAINS),
	SESSION(FIELD_REAL, idle, 0, MAX_IDLE),
	FIELD_KEY("references"),
};

static int parse_object(const json_t *obj, struct spec_session *s, struct err *e)
{
	int r = fields_parse(obj, "session", session_fields, ARRAY_SIZE(session_fields), s, e);

	if (r == 0)
		r = json_require(obj, "session", "visible", "give the number of visible p-bits", e);
	if (r == 0)
		r = json_require(obj, "session", "hidden", "give the number of hidden p-bits", e);
	return r < 0 ? r : json_get_bool(obj, "session", "references", &s->references, e);
}

/* With its reference spin a side still has to fit the device, and all arrays one memory. */
static int check_sizes(const struct spec_session *s, struct err *e)
{
	struct session_layout layout;

	if (s->references && (s->visible == SPEC_MAX_UNITS || s->hidden == SPEC_MAX_UNITS))
		return err_set(e, -EINVAL,
			       "session.references: a side of %d p-bits has no room for its "
			       "reference spin; give at most %d",
			       SPEC_MAX_UNITS, SPEC_MAX_UNITS - 1);
	return session_layout_make(s, &layout, e);
}

int spec_session_parse(const json_t *root, struct spec_session *s, struct err *e)
{
	const json_t *obj = NULL;
	int r;

	s->idle = 1;
	s->device = spec_device_defaults;
	r = fields_parse(root, "", root_fields, ARRAY_SIZE(root_fields), s, e);
	if (r == 0)
		r = json_require(root, "", "session",
				 "give an object with the numbers of visible and hidden p-bits", e);
	if (r == 0)
		r = json_get_object(root, "", "session", &obj, e);
	if (r == 0)
		r = parse_object(obj, s, e);
	if (r == 0)
		r = spec_device_parse(root, &s->device, e);
	return r < 0 ? r : check_sizes(s, e);
}

int spec_session_write(json_t *root, const struct spec_session *s)
{
	json_t *obj = json_object();

	if (json_object_set_new(root, "session", obj) < 0 ||
	    fields_write(obj, session_fields, ARRAY_SIZE(session_fields), s) < 0 ||
	    json_object_set_new(obj, "references", json_boolean(s->references)) < 0)
		return -ENOMEM;
	return spec_device_write(root, &s->device);
}

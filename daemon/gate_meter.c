// SPDX-License-Identifier: MIT
/* The framing of a D-Bus connection: lines up to BEGIN, then messages with their length ahead. */
#include <string.h>

#include "gate.h"

static const char end_of_auth[] = "\r\nBEGIN\r\n";
#define END_BYTES (sizeof(end_of_auth) - 1)

void gate_meter_init(struct gate_meter *m, size_t max_message)
{
	*m = (struct gate_meter){ .max_message = max_message };
}

size_t gate_meter_want(const struct gate_meter *m)
{
	if (!m->authenticated)
		return 0;
	return m->have < sizeof(m->header) ? sizeof(m->header) - m->have : m->left;
}

static ssize_t take_auth(struct gate_meter *m, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (++m->auth > GATE_MAX_AUTH)
			return -EMSGSIZE;
		/* The text meets itself again only in its first byte. */
		if (bytes[i] == end_of_auth[m->matched])
			m->matched++;
		else
			m->matched = bytes[i] == end_of_auth[0];
		if (m->matched == END_BYTES) {
			m->authenticated = true;
			return (ssize_t)i + 1;
		}
	}
	return (ssize_t)size;
}

static uint32_t read_u32(const uint8_t *p, bool little)
{
	return little ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				(uint32_t)p[3] << 24 :
			(uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
				(uint32_t)p[0] << 24;
}

/* Byte order, type, flags, version, length of the body, serial, length of the fields (padded). */
static int measure(struct gate_meter *m)
{
	bool little = m->header[0] == 'l';
	uint64_t total;

	if ((!little && m->header[0] != 'B') || m->header[3] != 1)
		return -EPROTO;
	total = (((uint64_t)read_u32(m->header + 12, little) + 7) & ~(uint64_t)7) +
		read_u32(m->header + 4, little);
	if (total + sizeof(m->header) > m->max_message)
		return -EMSGSIZE;
	m->left = (size_t)total;
	m->whole = (size_t)total + sizeof(m->header);
	return 0;
}

ssize_t gate_meter_take(struct gate_meter *m, const void *bytes, size_t size)
{
	int r;

	if (!m->authenticated)
		return take_auth(m, bytes, size);
	if (size > gate_meter_want(m))
		return -EINVAL;
	if (m->have < sizeof(m->header)) {
		memcpy(m->header + m->have, bytes, size);
		m->have += size;
		if (m->have == sizeof(m->header)) {
			r = measure(m);
			if (r < 0)
				return r;
		}
	} else {
		m->left -= size;
	}
	if (m->have == sizeof(m->header) && m->left == 0)
		m->have = 0;
	return (ssize_t)size;
}

// SPDX-License-Identifier: MIT
/* The measure before sd-bus, byte by byte. */
#include "gate.h"

#include <string.h>

#include "harness.h"

#define LIMIT 1024

static struct gate_meter m;

static void authenticate(void)
{
	static const char text[] = "\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

	gate_meter_init(&m, LIMIT);
	ck_assert_int_eq(gate_meter_take(&m, text, sizeof(text) - 1), sizeof(text) - 1);
	ck_assert(m.authenticated);
}

static void header(uint8_t ret[16], char order, uint32_t body, uint32_t fields)
{
	memset(ret, 0, 16);
	ret[0] = (uint8_t)order;
	ret[1] = 1;
	ret[3] = 1;
	for (int i = 0; i < 4; i++) {
		int shift = order == 'l' ? 8 * i : 24 - 8 * i;

		ret[4 + i] = (uint8_t)(body >> shift);
		ret[12 + i] = (uint8_t)(fields >> shift);
	}
}

/* BEGIN is found however the bytes are cut, and nothing behind it is taken. */
START_TEST(begin_is_found)
{
	static const char text[] = "\0AUTH\r\r\nBEGI\r\nBEGIN \r\n\r\nBEGIN\r\nlrest";
	size_t end = sizeof(text) - 1 - 5;

	for (size_t cut = 1; cut < end; cut++) {
		gate_meter_init(&m, LIMIT);
		ck_assert_int_eq(gate_meter_take(&m, text, cut), (ssize_t)cut);
		ck_assert(!m.authenticated);
		ck_assert_int_eq(gate_meter_take(&m, text + cut, sizeof(text) - 1 - cut),
				 (ssize_t)(end - cut));
		ck_assert(m.authenticated);
	}
}
END_TEST

START_TEST(endless_authentication)
{
	static char text[GATE_MAX_AUTH + 1];

	memset(text, 'A', sizeof(text));
	gate_meter_init(&m, LIMIT);
	ck_assert_int_eq(gate_meter_take(&m, text, GATE_MAX_AUTH), GATE_MAX_AUTH);
	ck_assert_int_eq(gate_meter_take(&m, text, 1), -EMSGSIZE);
}
END_TEST

START_TEST(messages_in_a_row)
{
	static const char orders[] = { 'l', 'B' };
	uint8_t h[16], zero[LIMIT] = { 0 };

	authenticate();
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t body = round * 5, fields = round % 9;
		size_t left = body + (fields + 7) / 8 * 8;

		if (left + 16 > LIMIT)
			break;
		header(h, orders[round % 2], body, fields);
		for (size_t i = 0; i < 16;) {
			size_t piece = MIN(gate_meter_want(&m), (size_t)(1 + round % 16));

			ck_assert_uint_eq(gate_meter_want(&m), 16 - i);
			ck_assert_int_eq(gate_meter_take(&m, h + i, piece), (ssize_t)piece);
			i += piece;
		}
		if (left > 0) {
			ck_assert_uint_eq(gate_meter_want(&m), left);
			ck_assert_int_eq(gate_meter_take(&m, zero, left), (ssize_t)left);
		}
		ck_assert_uint_eq(gate_meter_want(&m), 16);
	}
}
END_TEST

START_TEST(too_long)
{
	static const struct {
		uint32_t body, fields;
		int r;
	} cases[] = {
		{ LIMIT - 16, 0, 16 },	      { LIMIT - 15, 0, -EMSGSIZE },
		{ 0, LIMIT - 16, 16 },	      { 0, LIMIT - 15, -EMSGSIZE },
		{ UINT32_MAX, 0, -EMSGSIZE }, { UINT32_MAX, UINT32_MAX, -EMSGSIZE },
		{ 0, UINT32_MAX, -EMSGSIZE }, { LIMIT - 24, 1, 16 },
		{ LIMIT - 23, 1, -EMSGSIZE },
	};
	uint8_t h[16];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		authenticate();
		header(h, i % 2 ? 'l' : 'B', cases[i].body, cases[i].fields);
		ck_assert_int_eq(gate_meter_take(&m, h, 16), cases[i].r);
	}
}
END_TEST

START_TEST(no_dbus)
{
	uint8_t h[16];

	authenticate();
	header(h, 'x', 0, 0);
	ck_assert_int_eq(gate_meter_take(&m, h, 16), -EPROTO);
	authenticate();
	header(h, 'l', 0, 0);
	h[3] = 2;
	ck_assert_int_eq(gate_meter_take(&m, h, 16), -EPROTO);
	authenticate();
	ck_assert_int_eq(gate_meter_take(&m, h, 17), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gate");
	TCase *t = tcase_create("gate");

	tcase_add_test(t, begin_is_found);
	tcase_add_test(t, endless_authentication);
	tcase_add_test(t, messages_in_a_row);
	tcase_add_test(t, too_long);
	tcase_add_test(t, no_dbus);
	suite_add_tcase(s, t);
	return run_suite(s);
}

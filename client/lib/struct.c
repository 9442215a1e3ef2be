// SPDX-License-Identifier: MIT
/* Structs of callers that were compiled for an older or a newer library. */
#include <string.h>

#include "handle.h"

int struct_take(struct err *e, const char *name, void *to, size_t size, size_t least,
		const void *from)
{
	const unsigned char *bytes = from;
	size_t given;

	memcpy(&given, from, sizeof(given));
	if (given < least)
		return err_set(e, -EINVAL, "struct %s: size is %zu; set it to sizeof(struct %s)",
			       name, given, name);
	for (size_t i = size; i < given; i++)
		if (bytes[i])
			return err_set(e, -E2BIG,
				       "struct %s has fields that libpbit %s does not know; "
				       "install the version that the program was made for",
				       name, PBIT_VERSION);
	memset(to, 0, size);
	memcpy(to, from, MIN(given, size));
	return 0;
}

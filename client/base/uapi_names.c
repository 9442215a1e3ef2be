// SPDX-License-Identifier: MIT
/* Names for linux/pbit.h's numbers. */
#include "uapi_names.h"

#include <linux/pbit.h>

const char *uapi_backend_name(uint64_t backend)
{
	switch (backend) {
	case PBIT_BACKEND_EMULATED:
		return "emulated";
	case PBIT_BACKEND_PCI:
		return "pci";
	}
	return "unknown";
}

const char *uapi_route_name(uint64_t route)
{
	switch (route) {
	case PBIT_ROUTE_NONE:
		return "device";
	case PBIT_ROUTE_SCALAR:
		return "scalar";
	case PBIT_ROUTE_AVX2:
		return "avx2";
	case PBIT_ROUTE_VAES:
		return "avx2+vaes";
	}
	return "unknown";
}

/* SPDX-License-Identifier: MIT */
/* Setting a value by its dotted path: "optimizer.epochs". */
#ifndef PBIT_BASE_JSON_PATH_H
#define PBIT_BASE_JSON_PATH_H

#include <jansson.h>

#include "err.h"

/*
 * Sets value, whose reference is taken in any case (NULL: no memory was left for it), at the dotted
 * key; objects on the way are made. -EINVAL for what is no dotted key, or leads through something
 * that is not an object.
 */
int json_set_path(json_t *root, const char *key, json_t *value, struct err *e);

#endif

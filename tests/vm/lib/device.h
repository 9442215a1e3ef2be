/* SPDX-License-Identifier: MIT */
/* Emulated devices and the module: made, looked at, unmade. Each call checks that it succeeds. */
#ifndef VM_DEVICE_H
#define VM_DEVICE_H

#include "check.h"

#define MODULE_PARAMETERS "/sys/module/pbit/parameters/"

struct device {
	char item[96]; /* its directory in configfs */
	char name[16]; /* pbitN */
	char node[32]; /* /dev/pbitN */
};

/* figures: "p_bits=2048 chains=1024", of configfs; or "" */
struct device device_make(const char *item, const char *figures);

/* rmdir; that it is gone with its node. Whoever has it open may keep it open. */
void device_unmake(const struct device *d);

/* flags besides O_RDWR | O_CLOEXEC */
int device_open(const struct device *d, int flags);

/* An attribute of /sys/class/pbit/pbitN. */
uint64_t device_value(const struct device *d, const char *attribute);
void device_text(const struct device *d, const char *attribute, char *text, size_t size);

/* Until this many files are open; ends the program when that takes minutes. */
void device_await_contexts(const struct device *d, unsigned int count);

/* A number of /proc/self/fdinfo/FD; key without its "pbit-". */
uint64_t fdinfo(int fd, const char *key);

/* Areas of vmalloc memory that the module holds. */
unsigned int module_areas(void);

void module_load(const char *parameters);
int module_try_unload(void); /* 0 or a negative errno; does not wait */
void module_unload(void);
void parameter_set(const char *name, uint64_t value);
uint64_t parameter(const char *name);

#endif

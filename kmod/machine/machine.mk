# SPDX-License-Identifier: MIT
# The p-bit machine, for user space. Files named *_avx2.c and *_vaes.c get those instructions.

MACHINE_SRC := $(wildcard kmod/machine/*.c)
MACHINE_LIB := $(B)/lib/libmachine.a
$(MACHINE_LIB): $(MACHINE_SRC:%.c=$(B)/obj/%.o)

MACHINE_CFLAGS := -O3 -ffreestanding -fno-math-errno
$(B)/obj/kmod/machine/%.o: CFLAGS += $(MACHINE_CFLAGS)
$(B)/obj/kmod/machine/%_avx2.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes
$(B)/obj/kmod/machine/%_vaes.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes

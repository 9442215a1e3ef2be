# SPDX-License-Identifier: MIT
# The p-bit machine, for user space. Files named *_avx2.c, *_vaes.c, *_avx512.c and *_amx.c get those
# instructions.

MACHINE_SRC := $(wildcard kmod/machine/*.c)
MACHINE_LIB := $(B)/lib/libmachine.a
$(MACHINE_LIB): $(MACHINE_SRC:%.c=$(B)/obj/%.o)

MACHINE_CFLAGS := -O3 -ffreestanding -fno-math-errno
$(B)/obj/kmod/machine/%.o: CFLAGS += $(MACHINE_CFLAGS)
$(B)/obj/kmod/machine/%_avx2.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes
$(B)/obj/kmod/machine/%_avx512.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes \
	-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi2 -mprefer-vector-width=512
$(B)/obj/kmod/machine/%_vaes.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes
$(B)/obj/kmod/machine/%_amx.o: CFLAGS += -mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes \
	-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi2 -mprefer-vector-width=512 \
	-mamx-tile -mamx-int8

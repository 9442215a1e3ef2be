# SPDX-License-Identifier: MIT
# pbitd, and pbit-worker with its engine.

# The policy: free of sd-bus, udev, SQLite and processes.
POLICY_LIB := $(B)/lib/libpolicy.a
$(POLICY_LIB): $(patsubst %.c,$(B)/obj/%.o,$(wildcard daemon/policy/*.c))

DAEMON_SRC := $(filter-out daemon/main.c,$(wildcard daemon/*.c))
DAEMON_LIB := $(B)/lib/libdaemon.a
$(DAEMON_LIB): $(DAEMON_SRC:%.c=$(B)/obj/%.o)
DAEMON_LIBS := -lsystemd -ludev -lsqlite3 -lseccomp -linih $(BASE_LIBS)

PBITD := $(B)/bin/pbitd
$(PBITD): $(B)/obj/daemon/main.o $(DAEMON_LIB) $(POLICY_LIB) $(MACHINE_LIB) $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(DAEMON_LIBS)

# What the worker and the exact gate share.
NUMERICS_LIB := $(B)/lib/libnumerics.a
$(NUMERICS_LIB): $(patsubst %.c,$(B)/obj/%.o,$(wildcard daemon/numerics/*.c))

# The exact gate: free of the worker.
EXACT_LIB := $(B)/lib/libexact.a
$(EXACT_LIB): $(patsubst %.c,$(B)/obj/%.o,$(wildcard daemon/exact/*.c))
EXACT_LIBS := -lopenblas -lpthread -lm $(BASE_LIBS)
# The pbit command takes its estimates alone, by sections.
$(B)/obj/daemon/exact/%.o: private CFLAGS += -ffunction-sections
$(PBIT): $(EXACT_LIB)

# The trap: the derivative of an eigendecomposition, out of the reach of every gradient that is used.
TRAP_LIB := $(B)/lib/libtrap.a
$(TRAP_LIB): $(patsubst %.c,$(B)/obj/%.o,$(filter-out daemon/trap/main.c,$(wildcard daemon/trap/*.c)))

WORKER_SRC := $(filter-out daemon/worker/main.c,$(wildcard daemon/worker/*.c))
WORKER_LIB := $(B)/lib/libworker.a
$(WORKER_LIB): $(WORKER_SRC:%.c=$(B)/obj/%.o)
WORKER_ARCHIVES := $(WORKER_LIB) $(EXACT_LIB) $(NUMERICS_LIB)
WORKER_LIBS := $(EXACT_LIBS)

PBIT_WORKER := $(B)/bin/pbit-worker
$(PBIT_WORKER): $(B)/obj/daemon/worker/main.o $(WORKER_ARCHIVES) $(MACHINE_LIB) $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(WORKER_LIBS)

# The gradient that no job takes, in a tool of its own.
PBIT_TRAP := $(B)/bin/pbit-trap
$(PBIT_TRAP): $(B)/obj/daemon/trap/main.o $(TRAP_LIB) $(EXACT_LIB) $(NUMERICS_LIB) $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(EXACT_LIBS)

PROGRAMS += $(PBITD) $(PBIT_WORKER) $(PBIT_TRAP)

# The rival of the benchmark gets what a user would give it.
CFLAGS_sgemm_route := -O3 -fno-math-errno -fno-trapping-math
# Bits that do not depend on the vectors' width: no product is fused into a sum.
CFLAGS_lanes := -O3 -ffp-contract=off
# The same of loops that are compiled for every width of vectors: see numerics/wide.h.
CFLAGS_WIDE := -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math
CFLAGS_optimizer := $(CFLAGS_WIDE)
CFLAGS_quantise := $(CFLAGS_WIDE)
CFLAGS_trainer := $(CFLAGS_WIDE)
CFLAGS_device := $(CFLAGS_WIDE)
CFLAGS_embedded := $(CFLAGS_WIDE)
CFLAGS_products := $(CFLAGS_WIDE)
CFLAGS_mlp := $(CFLAGS_WIDE)
CFLAGS_rbm_positive := $(CFLAGS_WIDE)
CFLAGS_rbm_data := $(CFLAGS_WIDE)
CFLAGS_bit_trace := $(CFLAGS_WIDE)
# What the benchmark learns is in it.
$(B)/obj/daemon/worker/bench_trained.o: client/examples/digits/optdigits_images.npy

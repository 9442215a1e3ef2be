# SPDX-License-Identifier: MIT
# tests/PART/test_NOUN.c is one Check program, linked with what PART needs.
# tests/system/*.sh run the real programs.

TEST_SRC := $(wildcard tests/*/test_*.c)
TESTS := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TEST_LIBS := -lcheck -lsubunit -lrt -lpthread -lm

TEST_ARCHIVES_machine := $(MACHINE_LIB)
TEST_ARCHIVES_base := $(BASE_LIB)
TEST_ARCHIVES_exact := $(TRAP_LIB) $(EXACT_LIB) $(NUMERICS_LIB) $(BASE_LIB)
TEST_ARCHIVES_worker := $(WORKER_ARCHIVES) $(MACHINE_LIB) $(BASE_LIB)
TEST_ARCHIVES_daemon := $(B)/lib/libharness.a $(DAEMON_LIB) $(POLICY_LIB) $(MACHINE_LIB) $(BASE_LIB)
TEST_ARCHIVES_bench := $(TEST_ARCHIVES_worker)
TEST_ARCHIVES_policy := $(POLICY_LIB) $(BASE_LIB)
TEST_ARCHIVES_html := $(HTML_LIB) $(BASE_LIB)
TEST_ARCHIVES_lib := $(BASE_LIB)
TEST_LIBS_html := $(BASE_LIBS)
TEST_LIBS_base := $(BASE_LIBS)
TEST_LIBS_policy := $(BASE_LIBS)
TEST_LIBS_exact := $(EXACT_LIBS)
TEST_LIBS_worker := $(WORKER_LIBS)
TEST_LIBS_bench := $(WORKER_LIBS)
TEST_LIBS_daemon := $(DAEMON_LIBS)
TEST_ARCHIVES_cli := $(filter-out %/main.o,$(CLI_SRC:%.c=$(B)/obj/%.o)) $(HTML_LIB) $(EXACT_LIB) \
	$(BASE_LIB)
TEST_LIBS_lib := -L$(B)/lib -lpbit -Wl,-rpath,'$$ORIGIN/../../lib' -lsystemd $(BASE_LIBS)
TEST_LIBS_cli := $(TEST_LIBS_lib) $(CLI_LIBS)
$(B)/obj/tests/cli/%.o: private INCLUDES := -Iclient/cli $(INCLUDES)
$(filter $(B)/tests/lib/% $(B)/tests/cli/%,$(TESTS)): $(LIB_LINKS)

# The daemon's tests run the daemon, with a test double of the worker. What they share is neither a
# test nor a program.
HARNESS_SRC := $(filter-out tests/daemon/test_% tests/daemon/bench_% tests/daemon/fake_% \
	tests/daemon/hostile_worker%,\
	$(wildcard tests/daemon/*.c))
$(B)/lib/libharness.a: $(HARNESS_SRC:%.c=$(B)/obj/%.o)
FAKE_WORKER := $(B)/tests/daemon/fake_worker
# And one that tries all that a worker must not.
HOSTILE_WORKER := $(B)/tests/daemon/hostile_worker
$(HOSTILE_WORKER): $(B)/obj/tests/daemon/hostile_worker_probe.o
$(FAKE_WORKER) $(HOSTILE_WORKER): $(B)/tests/daemon/%: $(B)/obj/tests/daemon/%.o $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(BASE_LIB) $(BASE_LIBS) -lpthread
# The programs themselves, on a disk where the Nth write fails.
FAKE_DISK := $(B)/tests/daemon/pbitd_on_fake_disk $(B)/tests/daemon/worker_on_fake_disk
$(word 1,$(FAKE_DISK)): $(B)/obj/daemon/main.o $(DAEMON_LIB) $(POLICY_LIB)
$(word 2,$(FAKE_DISK)): $(B)/obj/daemon/worker/main.o $(WORKER_ARCHIVES)
$(FAKE_DISK): $(B)/obj/tests/daemon/fake_disk.o $(MACHINE_LIB) $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(filter-out $(MACHINE_LIB) $(BASE_LIB),$(filter %.a,$^)) \
		$(MACHINE_LIB) $(BASE_LIB) $(DAEMON_LIBS) $(WORKER_LIBS)
$(filter $(B)/tests/daemon/%,$(TESTS)): | $(PBITD) $(PBIT_WORKER) $(FAKE_WORKER) $(HOSTILE_WORKER)
$(B)/tests/daemon/test_disk $(B)/tests/daemon/test_disk_worker: | $(FAKE_DISK)

.SECONDEXPANSION:
$(B)/tests/%: $(B)/obj/tests/%.o $$(TEST_ARCHIVES_$$(*D))
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o %.a,$^) $(TEST_LIBS_$(*D)) $(TEST_LIBS)

.PRECIOUS: $(B)/obj/%.o
.PHONY: tests
tests: $(TESTS)

# Sanitized copies of the unit tests; those of the machine that only count take too long there.
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_TESTS := $(filter-out $(B)/tests/machine/test_law,$(TESTS))
SYSTEM_TESTS := $(sort $(wildcard tests/system/*.sh))

# Everything is built and fetched before the first test runs, so that what is shown is the tests' own
# time. One test at a time: a virtual machine alone keeps two processors busy.
RUN_TESTS := BUILD=$(B) MAKE="$(MAKE)" tests/run
.PHONY: check check-unit check-sanitized check-scale check-family check-system lint
check: deps-test deps-kmod deps-vm deps-deb
	@$(MAKE) --no-print-directory -s -j2 all tests
	@$(MAKE) --no-print-directory -s -j2 B=$(B)/san OPT=-O1 SAN='$(SAN_FLAGS)' programs tests
	@$(MAKE) --no-print-directory -s -j2 counted
	@$(MAKE) --no-print-directory -s lint
	@$(MAKE) --no-print-directory -s vm-ready
	$(RUN_TESTS) $(TESTS) bench-instructions $(SAN_TESTS:$(B)/%=$(B)/san/%) $(SYSTEM_TESTS) \
		deb $(KMOD_CHECKS) $(VM_CHECKS)
check-unit: all tests counted
	$(RUN_TESTS) $(TESTS) bench-instructions
check-sanitized:
	@$(MAKE) --no-print-directory -s -j2 B=$(B)/san OPT=-O1 SAN='$(SAN_FLAGS)' programs tests
	$(RUN_TESTS) $(SAN_TESTS:$(B)/%=$(B)/san/%)
# How long moments take, by route and beside sgemm with what OpenBLAS has for AVX-512, which it does
# not choose by itself on a processor that it does not know.
.PHONY: bench-moments
$(B)/tests/machine/bench_moments: private TEST_LIBS_machine := -lopenblas
bench-moments: $(B)/tests/machine/bench_moments
	$(if $(shell grep -m1 -w avx512vl /proc/cpuinfo),OPENBLAS_CORETYPE=SkylakeX) $<
# m = n = 10: the exact gate on 2^19 states. SCALE=12: 2^23, with 12 GiB.
SCALE ?= 10
check-scale: $(B)/tests/exact/test_scale
	PBIT_TEST_SCALE=$(SCALE) $<
# All 192 cells of the exact gate's family, twice, and the figures they come to.
check-family: $(B)/tests/exact/test_family
	PBIT_TEST_FAMILY=1 CK_VERBOSITY=verbose $<
check-system: all
	$(RUN_TESTS) $(SYSTEM_TESTS)

# The month of the policy's simulation with the quantum that is the default, and more that waits.
.PHONY: simulation
simulation: $(B)/tests/policy/test_simulation
	SIMULATION_QUANTUM=60 SIMULATION_BACKLOG=2000 $<

# The daemon's load and faults in full: 6,400 jobs of 64 clients, 500 kills, every write that can fail
# in each way, hostile clients for longer. Half an hour; what is printed is in the logs.
LOAD_TESTS := $(addprefix $(B)/tests/daemon/test_,load crowd crash crash_bits disk disk_worker)
.PHONY: check-load bench-queue
check-load: all $(LOAD_TESTS)
	PBIT_TEST_LONG=1 TEST_SECONDS=3000 SHOW_LOGS=1 $(RUN_TESTS) $(LOAD_TESTS)
# What calls take while 10,000 jobs wait.
bench-queue: all $(B)/tests/daemon/bench_queue
	$(B)/tests/daemon/bench_queue

.PHONY: programs
programs: $(PROGRAMS) $(LIBRARIES)

# Format, a second compiler's warnings, man pages, shell scripts.
ALL_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
lint:
	clang-format --dry-run -Werror $(ALL_C)
	@$(MAKE) --no-print-directory -s -j2 CC=clang B=$(B)/clang all tests
	mandoc -T lint -W warning $(wildcard client/man/*.[1357] daemon/*.[58]) > /dev/null
	@echo "lint: clean"

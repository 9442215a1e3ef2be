# SPDX-License-Identifier: MIT
# make check-debug-kernel: the module on a kernel built to watch itself: the programs of check-vm,
# every allocation of every call failed in turn, and a fuzzer. Takes an hour; not part of check.
#   FUZZ_SECONDS=600 FUZZ_SEED=1   how long, and what the fuzzer's choices begin with
#   DEBUG_SCALE=8                  how much less than elsewhere the programs do
#   make vm-debug-faults           one machine alone
# tests/vm/debug/NOUN.c are programs of machines with this kernel, tests/vm/fuzz/*.c is one more.

FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 1
DEBUG_SCALE ?= 8
DEBUG_JOBS ?= $(shell nproc)
# For a program, and for a machine.
DEBUG_SECONDS ?= 1800
DEBUG_LIMIT ?= 7200

DEBUG := $(VM)/debug
DEBUG_PROGRAMS := $(VM)/programs/faults $(VM)/programs/fuzz
DEBUG_LEAKS := tests/vm/debug/kmemleak.sh
DEBUG_INITRAMFS = tests/vm/initramfs $(DEBUG) $(VM)/init $(DEBUG)/$(@:vm-debug-%=%).cpio
# Without random numbers the kernel does not print what stands for an address.
DEBUG_MACHINE = VM_MEMORY=3G \
	VM_APPEND="pbit_vm.scale=$(DEBUG_SCALE) random.trust_cpu=on" \
	tests/vm/machine $(1) $(DEBUG) $(@:vm-debug-%=%) $(DEBUG_LIMIT)

$(DEBUG)/release: tests/vm/debug-kernel.sh tests/vm/debug.config
	tests/vm/debug-kernel.sh $(DEBUG) $(DEBUG_JOBS)

# KCOV_INSTRUMENT is Kbuild's: the module says where it has been. KASAN makes frames larger, and
# gives them a larger stack.
$(DEBUG)/kmod/pbit.ko: $(DEBUG)/release $(VM_KMOD_SRC)
	@$(MAKE) --no-print-directory -s -C kmod KDIR=$(abspath $(DEBUG)/headers) \
		B=$(abspath $(DEBUG)) KCOV_INSTRUMENT=y KCFLAGS=-Wframe-larger-than=4096
	@touch $@

$(VM)/programs/faults: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/vm/debug/*.c))
$(VM)/programs/fuzz: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/vm/fuzz/*.c)) \
	$(B)/obj/tests/vm/debug/inject.o
$(DEBUG_PROGRAMS): $(VM_LIB) $(MACHINE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $(filter %.o,$^) $(filter %.a,$^) -lpthread -lm

# A leak is seen.
.PHONY: vm-debug-control vm-debug-programs vm-debug-faults vm-debug-fuzz
vm-debug-control: $(DEBUG)/release $(VM)/init
	$(DEBUG_INITRAMFS) -m kmemleak-test -t $(DEBUG_SECONDS) $(DEBUG_LEAKS)
	$(call DEBUG_MACHINE,--refused 'kmemleak: .* new suspected')

vm-debug-programs: $(DEBUG)/kmod/pbit.ko $(VM)/init $(VM_PROGRAMS)
	$(DEBUG_INITRAMFS) -m $(DEBUG)/kmod/pbit.ko -t $(DEBUG_SECONDS) \
		$(VM_PROGRAMS) $(VM_SCRIPTS) $(DEBUG_LEAKS)
	$(DEBUG_MACHINE)

vm-debug-faults: $(DEBUG)/kmod/pbit.ko $(VM)/init $(VM)/programs/faults
	$(DEBUG_INITRAMFS) -m $(DEBUG)/kmod/pbit.ko -t $(DEBUG_SECONDS) \
		$(VM)/programs/faults $(DEBUG_LEAKS)
	$(DEBUG_MACHINE)
	@grep ^faults: $(DEBUG)/faults.log.out

vm-debug-fuzz: $(DEBUG)/kmod/pbit.ko $(VM)/init $(VM)/programs/fuzz
	$(DEBUG_INITRAMFS) -m $(DEBUG)/kmod/pbit.ko -t $$(($(FUZZ_SECONDS) + $(DEBUG_SECONDS))) \
		"$(VM)/programs/fuzz $(FUZZ_SEED) $(FUZZ_SECONDS)" $(DEBUG_LEAKS)
	$(DEBUG_MACHINE)
	tests/vm/debug/coverage $(DEBUG)/kmod $(DEBUG)/fuzz.log.out

DEBUG_CHECKS := vm-debug-control vm-debug-programs vm-debug-faults vm-debug-fuzz
.PHONY: check-debug-kernel
check-debug-kernel: deps-test deps-vm deps-debug-kernel
	@$(MAKE) --no-print-directory -s -j2 $(DEBUG)/kmod/pbit.ko $(VM)/init $(VM_PROGRAMS) \
		$(DEBUG_PROGRAMS)
	MACHINE_SECONDS=$$(($(DEBUG_LIMIT) + 600)) $(RUN_TESTS) $(DEBUG_CHECKS)

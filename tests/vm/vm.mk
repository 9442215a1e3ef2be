# SPDX-License-Identifier: MIT
# make check-vm: the module and the daemon on stock Debian kernels, in virtual machines.
#   VM_KERNELS="6.1 6.12 6.1-rt"   on which; the first and the last also run a whole Debian
#   make vm-programs-6.1, make vm-debian-6.1   one machine alone
# tests/vm/programs/NOUN.c runs in the machine as root, with no libraries but the C library, the
# p-bit machine and tests/vm/lib; it prints what it measured and passes when it exits 0.
# tests/vm/programs/NOUN.sh is a script for busybox.

VM := $(B)/vm
VM_KERNELS ?= 6.1 6.12
VM_DEBIAN_KERNELS ?= $(sort $(firstword $(VM_KERNELS)) $(lastword $(VM_KERNELS)))
# For a program, and for a machine: what ends those that hang, on a slow computer too.
VM_SECONDS ?= 900
VM_LIMIT ?= 1700
# The daemon's own life is tried on the first kernel alone.
$(foreach k,$(filter-out $(firstword $(VM_DEBIAN_KERNELS)),$(VM_DEBIAN_KERNELS)),$(eval \
	VM_TESTS_$(k) := pbit_vm.tests=short))

VM_PROGRAM_SRC := $(wildcard tests/vm/programs/*.c)
VM_SCRIPTS := $(wildcard tests/vm/programs/*.sh)
VM_PROGRAMS := $(VM_PROGRAM_SRC:tests/vm/programs/%.c=$(VM)/programs/%)
VM_LIB := $(B)/lib/libvm.a
VM_KMOD_SRC := $(wildcard kmod/Kbuild kmod/Makefile kmod/*.[ch] kmod/machine/*.[ch] \
	include/uapi/linux/*.h)
VM_CFLAGS := -Iinclude/uapi -Itests/vm/lib

$(VM)/init: tests/vm/init.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $<

$(VM_LIB): $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/vm/lib/*.c))
$(B)/obj/tests/vm/%.o: private CPPFLAGS := $(VM_CFLAGS) $(CPPFLAGS)
$(B)/obj/tests/vm/programs/attribute.o: $(wildcard kmod/ABI/*) # which are in it
$(VM_PROGRAMS): $(VM)/programs/%: $(B)/obj/tests/vm/programs/%.o $(VM_LIB) $(MACHINE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ -Wl,--start-group $^ $(VM_LIBS_$*) -lpthread -lm \
		-Wl,--end-group

# The worker's device operations, by the checks that hold for every device, and its jobs; with its
# headers, not the library's of the same names.
$(B)/obj/tests/vm/programs/backend.o $(B)/obj/tests/vm/programs/worker.o: \
	private CPPFLAGS := $(CPPFLAGS)
$(VM)/programs/backend $(VM)/programs/worker: $(WORKER_ARCHIVES) $(BASE_LIB)
VM_LIBS_backend := -lcheck -lsubunit -lrt $(BASE_LIBS)
VM_LIBS_worker := $(VM_LIBS_backend) -lopenblas

# One for each machine, which may be made at the same time; but what is generated is so once.
VM_TREES := $(VM_DEBIAN_KERNELS:%=$(VM)/%/tree)
VM_EXPECTED := $(VM_DEBIAN_KERNELS:%=$(VM)/%/expected)
$(VM_TREES): all
	@mkdir -p $(@D)
	rm -rf $@
	@flock $(VM)/tree.lock $(MAKE) --no-print-directory -s install DESTDIR=$(abspath $@) \
		PREFIX=/usr
$(VM_EXPECTED): all $(HOSTILE_WORKER)
	@mkdir -p $(@D)
	tests/vm/expected $(B)/bin $@
	install -m 755 $(HOSTILE_WORKER) $@/
.PHONY: $(VM_TREES) $(VM_EXPECTED)

.PRECIOUS: $(VM)/%/release
$(VM)/%/release: tests/vm/kernels.sh
	tests/vm/kernels.sh $(VM) $*
	@touch $@

# Kbuild keeps its own account of what is out of date.
.PRECIOUS: $(VM)/%/kmod/pbit.ko
$(VM)/%/kmod/pbit.ko: $(VM)/%/release $(VM_KMOD_SRC)
	@$(MAKE) --no-print-directory -s -C kmod KDIR=$(abspath $(VM)/$*/headers) \
		B=$(abspath $(VM)/$*)
	@touch $@

# A machine's name stands for its verdict, which console gives; it is never up to date.
# init_on_alloc=0: Debian's kernels would zero what the module might forget to.
.PHONY: $(VM_KERNELS:%=vm-programs-%) $(VM_DEBIAN_KERNELS:%=vm-debian-%) vm-control vm-self-test
$(VM_KERNELS:%=vm-programs-%): vm-programs-%: $(VM)/%/release $(VM)/init $(VM_PROGRAMS) \
		$(VM)/%/kmod/pbit.ko
	tests/vm/initramfs $(VM)/$* $(VM)/init $(VM)/$*/programs.cpio -m configfs \
		-m $(VM)/$*/kmod/pbit.ko -t $(VM_SECONDS) $(VM_PROGRAMS) $(VM_SCRIPTS)
	VM_APPEND=init_on_alloc=0 tests/vm/machine $(VM)/$* programs $(VM_LIMIT)

$(VM_DEBIAN_KERNELS:%=vm-debian-%): vm-debian-%: $(VM)/%/release $(VM)/%/tree $(VM)/%/expected \
		$(VM)/%/kmod/pbit.ko
	tests/vm/debian.sh $(VM)/$* $(VM)/$*/tree $(VM)/$*/expected $(VM) $(VM)/$*/debian.cpio \
		$(VM)/$*/kmod/pbit.ko
	VM_MEMORY=2G VM_APPEND="rdinit=/sbin/init $(VM_TESTS_$*)" \
		tests/vm/machine $(VM)/$* debian $(VM_LIMIT)

# The golden vectors, and a network of real size, on processors that lack what routes are made of:
# no vectors to speak of; AVX2 without AES, without BMI1; all of these, without VAES.
VM_CPUS := plain no-aes no-bmi1 avx2
VM_CPU_plain := Nehalem
VM_CPU_no-aes := Haswell,-aes
VM_CPU_no-bmi1 := Haswell,-bmi1
VM_CPU_avx2 := Haswell
VM_ROUTE_avx2 := avx2
VM_CPU_DIR := $(VM)/$(firstword $(VM_KERNELS))
.PHONY: $(VM_CPUS:%=vm-cpu-%)
$(VM_CPUS:%=vm-cpu-%): vm-cpu-%: $(VM_CPU_DIR)/kmod/pbit.ko $(VM)/init $(VM)/programs/processor
	tests/vm/initramfs $(VM_CPU_DIR) $(VM)/init $(VM_CPU_DIR)/cpu-$*.cpio -m configfs -m $< \
		-t $(VM_SECONDS) "$(VM)/programs/processor $(or $(VM_ROUTE_$*),scalar)"
	VM_CPU=$(VM_CPU_$*) tests/vm/machine $(VM_CPU_DIR) cpu-$* $(VM_LIMIT)

# How near the kernel comes to the same machine in user space, in instructions.
.PHONY: $(VM_KERNELS:%=bench-kernel-%) bench-kernel
$(VM_KERNELS:%=bench-kernel-%): bench-kernel-%: $(VM)/%/kmod/pbit.ko $(VM)/init \
		$(VM)/programs/latency
	tests/vm/initramfs $(VM)/$* $(VM)/init $(VM)/$*/count.cpio -m configfs -m $< \
		-t $(VM_SECONDS) $(VM)/programs/latency
	VM_COUNT=1 VM_APPEND=init_on_alloc=0 tests/vm/machine $(VM)/$* count $(VM_LIMIT)
	@cat $(VM)/$*/count.log.out
bench-kernel: $(VM_KERNELS:%=bench-kernel-%)

# That a machine which panics is refused.
vm-control: $(VM)/$(firstword $(VM_KERNELS))/release $(VM)/init
	tests/vm/initramfs $(VM)/$(firstword $(VM_KERNELS)) $(VM)/init \
		$(VM)/$(firstword $(VM_KERNELS))/control.cpio tests/vm/crash
	tests/vm/machine --refused 'Kernel panic' $(VM)/$(firstword $(VM_KERNELS)) control $(VM_LIMIT)
vm-self-test:
	tests/vm/console --self-test

# All that the machines need, so that what a check takes is its own time. One kernel after the
# other, because apt does not share its lists.
.PHONY: vm-kernels vm-ready check-vm
vm-kernels:
	tests/vm/kernels.sh $(VM) $(VM_KERNELS)
vm-ready: vm-kernels
	@$(MAKE) --no-print-directory -s -j2 $(VM)/init $(VM_PROGRAMS) \
		$(VM_KERNELS:%=$(VM)/%/kmod/pbit.ko)

# Two at a time: much of the time a machine waits, and no test in it goes by the clock.
VM_CHECKS = -j2 vm-self-test vm-control $(VM_CPUS:%=vm-cpu-%) $(VM_DKMS_CHECKS) \
	$(VM_DEBIAN_KERNELS:%=vm-debian-%) $(VM_KERNELS:%=vm-programs-%)
check-vm: deps-test deps-vm
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s vm-ready
	$(RUN_TESTS) $(VM_CHECKS)

# SPDX-License-Identifier: MIT
# make check-vm: the module and the daemon on stock Debian kernels, in virtual machines.
#   VM_KERNELS="6.1 6.12 6.1-rt"   on which; the first and the last also run a whole Debian
#   make vm-programs-6.1, make vm-debian-6.1   one machine alone
# tests/vm/programs/NOUN.c runs in the machine as root, with no libraries but the C library and the
# p-bit machine; it prints what it likes and passes when it exits 0. tests/vm/programs/NOUN.sh is a
# script for busybox.

VM := $(B)/vm
VM_KERNELS ?= 6.1 6.12
VM_DEBIAN_KERNELS ?= $(sort $(firstword $(VM_KERNELS)) $(lastword $(VM_KERNELS)))
VM_SECONDS ?= 120
# The daemon's own life is tried on the first kernel alone.
$(foreach k,$(filter-out $(firstword $(VM_DEBIAN_KERNELS)),$(VM_DEBIAN_KERNELS)),$(eval \
	VM_TESTS_$(k) := pbit_vm.tests=short))

VM_PROGRAM_SRC := $(wildcard tests/vm/programs/*.c)
VM_SCRIPTS := $(wildcard tests/vm/programs/*.sh)
VM_PROGRAMS := $(VM_PROGRAM_SRC:tests/vm/programs/%.c=$(VM)/programs/%)
VM_MODULE := $(wildcard kmod/Kbuild)
VM_KMOD_SRC := $(wildcard kmod/Kbuild kmod/Makefile kmod/*.[ch] kmod/machine/*.[ch] \
	include/uapi/linux/*.h)
VM_CFLAGS := -static -Iinclude/uapi -Iinclude

$(VM)/init: tests/vm/init.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $<

$(VM_PROGRAMS): $(VM)/programs/%: tests/vm/programs/%.c $(wildcard tests/vm/programs/*.h \
		include/uapi/linux/*.h) $(MACHINE_LIB) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(VM_CFLAGS) $(CPPFLAGS) $(CFLAGS) -static -o $@ $< $(MACHINE_LIB) -lpthread -lm

$(VM)/tree: all
	rm -rf $@
	@$(MAKE) --no-print-directory -s install DESTDIR=$(abspath $@) PREFIX=/usr
$(VM)/expected: all
	tests/vm/expected $(B)/bin $@
.PHONY: $(VM)/tree $(VM)/expected

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
.PHONY: $(VM_KERNELS:%=vm-programs-%) $(VM_DEBIAN_KERNELS:%=vm-debian-%) vm-control vm-self-test
$(VM_KERNELS:%=vm-programs-%): vm-programs-%: $(VM)/%/release $(VM)/init $(VM_PROGRAMS) \
		$(if $(VM_MODULE),$(VM)/%/kmod/pbit.ko)
	tests/vm/initramfs $(VM)/$* $(VM)/init $(VM)/$*/programs.cpio -m configfs \
		$(if $(VM_MODULE),-m $(VM)/$*/kmod/pbit.ko) -t $(VM_SECONDS) \
		$(VM_PROGRAMS) $(VM_SCRIPTS)
	tests/vm/machine $(VM)/$* programs 600

$(VM_DEBIAN_KERNELS:%=vm-debian-%): vm-debian-%: $(VM)/%/release $(VM)/tree $(VM)/expected \
		$(if $(VM_MODULE),$(VM)/%/kmod/pbit.ko)
	tests/vm/debian.sh $(VM)/$* $(VM)/tree $(VM)/expected $(VM) $(VM)/$*/debian.cpio \
		$(if $(VM_MODULE),$(VM)/$*/kmod/pbit.ko)
	VM_MEMORY=2G VM_APPEND="rdinit=/sbin/init $(VM_TESTS_$*)" \
		tests/vm/machine $(VM)/$* debian 600

# That a machine which panics is refused.
vm-control: $(VM)/$(firstword $(VM_KERNELS))/release $(VM)/init
	tests/vm/initramfs $(VM)/$(firstword $(VM_KERNELS)) $(VM)/init \
		$(VM)/$(firstword $(VM_KERNELS))/control.cpio tests/vm/crash
	tests/vm/machine --refused $(VM)/$(firstword $(VM_KERNELS)) control 120
vm-self-test:
	tests/vm/console --self-test

# One machine at a time, and all of them, whatever became of the one before.
VM_CHECKS := vm-self-test vm-control $(VM_KERNELS:%=vm-programs-%) \
	$(VM_DEBIAN_KERNELS:%=vm-debian-%)
.PHONY: check-vm
check-vm: deps-vm
	@passed=0 failed=0; for c in $(VM_CHECKS); do start=$$(date +%s); \
		if $(MAKE) --no-print-directory -s -j1 $$c; then \
			passed=$$((passed + 1)) verdict=ok; \
		else \
			failed=$$((failed + 1)) verdict=FAILED; \
		fi; \
		printf '%-7s %-44s %4d s\n' $$verdict $$c $$(($$(date +%s) - start)); \
	done; echo "$$passed passed, $$failed failed"; [ $$failed = 0 ]

# SPDX-License-Identifier: MIT
# make          builds everything into build/
# make demo     installs what is missing, builds, trains on real digits through pbitd
# make check    installs what is missing, builds, runs every test
# make install  DESTDIR= PREFIX=/usr/local; make uninstall
# make deb      Debian packages, in build/deb
# make install-dkms, make uninstall-dkms: the kernel module
# make bench    flips/ns by network and backend, as a table, JSON and a picture in build/bench;
#               make bench-instructions counts instead; make bench-moments: moments, beside sgemm;
#               make bench-peers: beside scikit-learn's and PyTorch's RBMs
# make bench-scale MNIST=DIR: training at 784 x 512, and how it mixes
# make lint     format, clang, man pages
# make clean
#
# What belongs to a part is found by its directory, so that a new file needs no line here.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
PREFIX ?= /usr/local
# Of the distribution: what is installed with it is found by no other.
PYTHON ?= /usr/bin/python3
B := build

CC ?= gcc
OPT ?= -O2
WARN := -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings -Werror
PKGS := libsystemd libudev jansson sqlite3 libpng openblas zlib libseccomp ncursesw
INCLUDES := -Iinclude -Iinclude/uapi -Iclient/base -Iclient/html -Iclient/lib -Idaemon -Idaemon/policy -Idaemon/numerics -Idaemon/worker -Ikmod/machine
CPPFLAGS += -D_GNU_SOURCE -DPBIT_VERSION='"$(VERSION)"' $(INCLUDES)
CFLAGS += -std=gnu11 -g $(OPT) $(WARN) -fPIC -fvisibility=hidden -fno-strict-aliasing $(SAN)
LDFLAGS += $(SAN) -Wl,--as-needed
LINK = $(CC) $(CFLAGS) $(LDFLAGS)

.DELETE_ON_ERROR:
.PHONY: all
all:

include tests/deps.mk
include kmod/machine/machine.mk
include client/client.mk
include daemon/daemon.mk
include tests/tests.mk
include tests/study/study.mk
include tests/install.mk
include tests/deb/deb.mk
include tests/kmod/kmod.mk
include tests/vm/vm.mk
include $(filter-out tests/vm/vm.mk,$(wildcard tests/vm/*.mk))

all: $(PROGRAMS) $(LIBRARIES) $(EXAMPLES)

# An object is rebuilt when the flags that made it change.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' > $@
FORCE:

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(*F)) -MMD -MP -c -o $@ $<

$(B)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# The main job: class-conditional digits, trained through pbitd on the embedded p-bit device.
.PHONY: demo
demo: deps
	@$(MAKE) --no-print-directory -s all
	$(PBIT) train client/examples/digits/digits.json --watch -o $(B)/demo --force

# With a daemon of its own, so that the rival's worker gets what coretype says.
.PHONY: bench
bench: all
	env $$(tests/bench/coretype) $(PBIT) private $(PBIT) bench -o $(B)/bench --force

# The same beside scikit-learn's and PyTorch's RBMs, where those are installed, and how long an epoch
# takes; MNIST=DIR: of MNIST's test set, too.
.PHONY: bench-peers
bench-peers: all $(B)/tests/bench/turns
	@mkdir -p $(B)/peers
	env $$(tests/bench/coretype) $(PYTHON) tests/bench/peers.py $(B) $(B)/peers "$(MNIST)"

# The same job at 784 x 512, on MNIST's files, which are not part of pbit.
.PHONY: bench-scale
bench-scale: all
	tests/bench/scale $(PBIT) "$(MNIST)" $(B)/scale

# Counts, no times: what an update costs in instructions, by one compiler, whatever CC is. UPDATE=1
# writes the numbers that are expected anew.
COUNTED := $(B)/counted
.PHONY: bench-instructions counted
counted:
	@$(MAKE) --no-print-directory -s B=$(COUNTED) CC=gcc-12 OPT=-O2 SAN= \
		$(COUNTED)/tests/machine/counted
bench-instructions: counted
	tests/machine/instructions $(if $(UPDATE),--update) $(COUNTED)/tests/machine/counted

# What an update costs by route, size, chains and the fraction that changes: the table of
# kmod/machine/README.md.
.PHONY: bench-scaling
bench-scaling: $(B)/tests/bench/scaling
	$<

# How long the module would hold the FPU, by this processor's time: the machine with the rests that
# it has in the kernel. make vm-programs-6.1 has the module's own figures, by the emulator's time.
RESTED := $(B)/rested
RESTS = $(foreach r,SECTION_NS CLOCK_RESTS SMALL_BYTES,$(shell \
	sed -n 's/^.define \($r\) *\([0-9]*\).*/-D\1=\2u/p' kmod/engine.c))
.PHONY: bench-sections
bench-sections:
	@$(MAKE) --no-print-directory -s B=$(RESTED) \
		OPT='-O2 -DPBM_REST $(RESTS)' SAN= $(RESTED)/tests/machine/sections
	$(RESTED)/tests/machine/sections

.PHONY: clean
clean:
	rm -rf $(B)

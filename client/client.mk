# SPDX-License-Identifier: MIT
# base (shared by all of user space), libpbit, the pbit command, the examples.

BASE_SRC := $(wildcard client/base/*.c)
BASE_LIB := $(B)/lib/libbase.a
$(BASE_LIB): $(BASE_SRC:%.c=$(B)/obj/%.o)
BASE_LIBS := -ljansson -lpng -lz -lm

LIB_SRC := $(wildcard client/lib/*.c)
LIB_SO := $(B)/lib/libpbit.so.$(VERSION)
LIB_LINKS := $(B)/lib/libpbit.so.0 $(B)/lib/libpbit.so
$(LIB_SO): $(LIB_SRC:%.c=$(B)/obj/%.o) $(BASE_LIB) client/lib/libpbit.map
	@mkdir -p $(@D)
	$(LINK) -shared -Wl,-soname,libpbit.so.0 -Wl,--version-script=client/lib/libpbit.map \
		-Wl,-z,defs -Wl,--exclude-libs,ALL -o $@ $(filter %.o %.a,$^) -lsystemd $(BASE_LIBS)
$(LIB_LINKS): $(LIB_SO)
	ln -sf libpbit.so.$(VERSION) $@

# Pages and charts: markup, and what needs nothing but it.
HTML_SRC := $(wildcard client/html/*.c)
HTML_LIB := $(B)/lib/libhtml.a
$(HTML_LIB): $(HTML_SRC:%.c=$(B)/obj/%.o)

CLI_LIBS := -lsystemd -lncursesw -ltinfo $(BASE_LIBS)
# Programs find the library beside them, in a build tree and wherever it was installed.
RPATH := -Wl,-rpath,'$$ORIGIN/../lib'
CLI_SRC := $(wildcard client/cli/*.c)
PBIT := $(B)/bin/pbit
# What the exact gate will take is asked of the gate itself (daemon/daemon.mk has the prerequisite);
# the rest of it, and OpenBLAS, stay out.
CLI_LIBS += -Wl,--gc-sections
$(PBIT): $(CLI_SRC:%.c=$(B)/obj/%.o) $(HTML_LIB) $(BASE_LIB) $(LIB_LINKS)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(HTML_LIB) $(EXACT_LIB) $(BASE_LIB) -L$(B)/lib -lpbit \
		$(RPATH) $(CLI_LIBS)

EXAMPLE_SRC := $(wildcard client/examples/*.c)
EXAMPLES := $(EXAMPLE_SRC:client/examples/%.c=$(B)/examples/%)
$(B)/examples/%: $(B)/obj/client/examples/%.o $(LIB_LINKS)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< -L$(B)/lib -lpbit $(RPATH) -lm

LIBRARIES += $(LIB_LINKS)
PROGRAMS += $(PBIT)

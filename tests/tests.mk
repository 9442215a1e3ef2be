# SPDX-License-Identifier: MIT
# tests/PART/test_NOUN.c is one Check program, linked with what PART needs.
# tests/system/*.sh run the real programs.

TEST_SRC := $(wildcard tests/*/test_*.c)
TESTS := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TEST_LIBS := -lcheck -lsubunit -lrt -lpthread -lm

TEST_ARCHIVES_machine := $(MACHINE_LIB)
TEST_ARCHIVES_base := $(BASE_LIB)
TEST_ARCHIVES_worker := $(WORKER_LIB) $(MACHINE_LIB) $(BASE_LIB)
TEST_ARCHIVES_daemon := $(DAEMON_LIB) $(BASE_LIB)
TEST_ARCHIVES_lib := $(BASE_LIB)
TEST_LIBS_base := $(BASE_LIBS)
TEST_LIBS_worker := $(WORKER_LIBS)
TEST_LIBS_daemon := $(DAEMON_LIBS)
TEST_LIBS_lib := -L$(B)/lib -lpbit -Wl,-rpath,'$$ORIGIN/../../lib' $(BASE_LIBS)
$(B)/tests/lib/%: $(LIB_LINKS)

.SECONDEXPANSION:
$(B)/tests/%: $(B)/obj/tests/%.o $$(TEST_ARCHIVES_$$(*D))
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o %.a,$^) $(TEST_LIBS_$(*D)) $(TEST_LIBS)

.PRECIOUS: $(B)/obj/%.o
.PHONY: tests
tests: $(TESTS)

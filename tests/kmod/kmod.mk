# SPDX-License-Identifier: MIT
# make check-kmod: the module's sources, without running it. make check-kernels, which make check
# leaves out: the module built for every kernel that Debian offers, 6.1 to 6.12.

KMOD_KERNELS ?= 6.1 6.1-rt 6.12 6.12-rt
KMOD_CHECKS := kmod-checkpatch tests/kmod/uapi $(KMOD_KERNELS:%=kmod-build-%)

.PHONY: kmod-checkpatch $(KMOD_KERNELS:%=kmod-build-%)
kmod-checkpatch:
	tests/kmod/checkpatch $(B)/checkpatch
$(KMOD_KERNELS:%=kmod-build-%): kmod-build-%:
	tests/kmod/module $(B)/kernels $*

.PHONY: check-kmod check-kernels
check-kmod: deps-kmod
	$(RUN_TESTS) $(KMOD_CHECKS)
check-kernels: deps-kmod
	tests/kmod/kernels $(B)/kernels

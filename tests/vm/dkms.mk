# SPDX-License-Identifier: MIT
# make vm-dkms-6.1: the module's life under DKMS, from dkms add to dkms remove, on a Debian with that
# kernel. The compiler runs in the machine, which takes long.

VM_DKMS_KERNELS ?= $(firstword $(VM_KERNELS))
VM_DKMS_CHECKS := $(VM_DKMS_KERNELS:%=vm-dkms-%)

.PHONY: $(VM_DKMS_CHECKS)
$(VM_DKMS_CHECKS): vm-dkms-%: $(VM)/%/release $(VM)/init $(VM)/programs/event
	rm -rf $(VM)/dkms
	@$(MAKE) --no-print-directory -s install-dkms DESTDIR=$(abspath $(VM)/dkms)
	tests/vm/dkms.sh $(VM)/$* $(VM)/init $(VM)/dkms $(VM) $(VM)/$*/dkms.cpio \
		$(VM)/programs/event
	VM_MEMORY=2G tests/vm/machine $(VM)/$* dkms $(VM_LIMIT)

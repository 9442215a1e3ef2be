# SPDX-License-Identifier: MIT
# make vm-slurm-6.1: pbit-slurm(7) on a Debian with that kernel and Debian's Slurm, of one host and
# three users. Not part of make check: it is about what Slurm does.

VM_SLURM_KERNELS ?= $(firstword $(VM_KERNELS))
VM_SLURM_CHECKS := $(VM_SLURM_KERNELS:%=vm-slurm-%)

.PHONY: $(VM_SLURM_CHECKS) $(VM_SLURM_KERNELS:%=$(VM)/%/slurm-tree)
$(VM_SLURM_KERNELS:%=$(VM)/%/slurm-tree): all
	rm -rf $@
	@flock $(VM)/tree.lock $(MAKE) --no-print-directory -s install DESTDIR=$(abspath $@) \
		PREFIX=/usr
$(VM_SLURM_CHECKS): vm-slurm-%: deps-vm $(VM)/%/release $(VM)/%/slurm-tree $(VM)/%/kmod/pbit.ko
	tests/vm/slurm.sh $(VM)/$* $(VM)/$*/slurm-tree $(VM) $(VM)/$*/slurm.cpio \
		$(VM)/$*/kmod/pbit.ko
	VM_MEMORY=2G VM_APPEND=rdinit=/sbin/init tests/vm/machine $(VM)/$* slurm $(VM_LIMIT)

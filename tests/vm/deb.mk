# SPDX-License-Identifier: MIT
# make vm-deb-6.1: the Debian packages on a Debian with that kernel, from apt-get install to purge:
# DKMS builds the module there, and they are upgraded over a queue that is busy. The compiler runs in
# the machine, twice, which takes long: not part of make check.

VM_DEB_KERNELS ?= $(firstword $(VM_KERNELS))
VM_DEB_CHECKS := $(VM_DEB_KERNELS:%=vm-deb-%)
VM_DEB_NEXT := $(VERSION).1
# Each compilation is of a minute on a processor, and in the machine, beside other work, of twenty.
VM_DEB_LIMIT ?= 7200

.PHONY: $(VM_DEB_CHECKS) $(VM_DEB_KERNELS:%=$(VM)/%/archive)
$(VM_DEB_KERNELS:%=$(VM)/%/archive): all
	tests/deb/build $(VM)/deb
	tests/deb/build $(VM)/deb-next $(VM_DEB_NEXT)
	rm -rf $@
	mkdir -p $@
	cp $(VM)/deb/*.deb $(VM)/deb-next/*.deb $@/
$(VM_DEB_CHECKS): vm-deb-%: deps-deb deps-vm $(VM)/%/release $(VM)/%/archive $(VM)/programs/event
	tests/vm/expected $(B)/bin $(VM)/$*/deb-expected 20000 100
	tests/vm/deb.sh $(VM)/$* $(VM)/$*/archive $(VM)/$*/deb-expected $(VM) $(VM)/$*/deb.cpio \
		$(VM)/programs/event
	VM_MEMORY=3G VM_APPEND=rdinit=/sbin/init tests/vm/machine $(VM)/$* deb $(VM_DEB_LIMIT)

# SPDX-License-Identifier: MIT
# What a fresh Debian 12 lacks.

BUILD_PACKAGES := gcc make pkg-config libc6-dev libsystemd-dev libudev-dev libsqlite3-dev \
	libjansson-dev libopenblas-dev libpng-dev libseccomp-dev libinih-dev zlib1g-dev \
	libncurses-dev
TEST_PACKAGES := check libsubunit-dev clang clang-format sqlite3 jq mandoc systemd python3 procps \
	python3-numpy binutils tmux chromium-headless-shell fonts-dejavu-core \
	gcc-12 valgrind
VM_PACKAGES := qemu-system-x86 mmdebstrap cpio busybox-static kmod xz-utils gcc-12 libelf1 \
	python3
DEB_PACKAGES := debhelper dh-dkms dh-python dpkg-dev fakeroot lintian git
KMOD_PACKAGES := g++ clang gcc-12 libelf1 sparse pahole perl kmod xz-utils git
DEBUG_KERNEL_PACKAGES := linux-source-6.1 bc bison flex libelf-dev libssl-dev xz-utils python3

APT := $(if $(filter 0,$(shell id -u)),,sudo )apt-get
define install_missing
@missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q '^install ok installed' || \
		missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then echo "installing:$$missing"; \
	$(APT) update -qq && DEBIAN_FRONTEND=noninteractive \
	$(APT) install -y -qq --no-install-recommends $$missing; fi
endef

.PHONY: deps-deb deps deps-test deps-kmod deps-vm deps-debug-kernel
deps:
	$(call install_missing,$(BUILD_PACKAGES))
deps-test:
	$(call install_missing,$(BUILD_PACKAGES) $(TEST_PACKAGES))
deps-deb:
	$(call install_missing,$(BUILD_PACKAGES) $(DEB_PACKAGES))
deps-kmod:
	$(call install_missing,$(BUILD_PACKAGES) $(KMOD_PACKAGES))
deps-vm:
	$(call install_missing,$(BUILD_PACKAGES) $(VM_PACKAGES))
deps-debug-kernel:
	$(call install_missing,$(BUILD_PACKAGES) $(DEBUG_KERNEL_PACKAGES))

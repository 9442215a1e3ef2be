# SPDX-License-Identifier: MIT
# make install, make uninstall: one list of what goes where serves both.

BINDIR := $(PREFIX)/bin
SBINDIR := $(PREFIX)/sbin
LIBDIR := $(PREFIX)/lib
LIBEXECDIR := $(PREFIX)/libexec/pbit
SHAREDIR := $(PREFIX)/share
# Where systemd and udev look, whatever the system's directory of libraries is.
SYSTEMDDIR := $(PREFIX)/lib/systemd
UNITDIR := $(SYSTEMDDIR)/system
UDEVDIR := $(PREFIX)/lib/udev/rules.d
SYSUSERSDIR := $(PREFIX)/lib/sysusers.d
EXAMPLEDIR := $(SHAREDIR)/pbit/examples
# For the system's own daemon alone; another one's is of its user's making.
CONFIGDIR := $(if $(filter /usr /usr/local,$(PREFIX)),/etc/pbit)

SUBSTITUTE = sed -e "s|@PREFIX@|$(PREFIX)|g" -e "s|@VERSION@|$(VERSION)|g" \
	-e "s|@BINDIR@|$(BINDIR)|g" -e "s|@SBINDIR@|$(SBINDIR)|g" \
	-e "s|@LIBEXECDIR@|$(LIBEXECDIR)|g" -e "s|@LIBDIR@|$(LIBDIR)|g"
# Made anew when the places change.
$(B)/places: FORCE
	@mkdir -p $(B)
	@echo '$(SUBSTITUTE)' | cmp -s - $@ || echo '$(SUBSTITUTE)' > $@
$(B)/gen/%: %.in $(B)/places
	@mkdir -p $(@D)
	$(SUBSTITUTE) $< > $@

UNITS := $(patsubst %.in,$(B)/gen/%,$(wildcard daemon/systemd/*.in))
PC := $(B)/gen/client/lib/libpbit.pc

# mode source destination, one a line. A worker runs as the submitter of its job, who is not to take
# its descriptors from it: the kernel keeps a process apart whose program its user may not read.
define INSTALL_LIST
755 $(PBIT) $(BINDIR)/pbit
755 $(PBITD) $(SBINDIR)/pbitd
711 $(PBIT_WORKER) $(LIBEXECDIR)/pbit-worker
755 $(PBIT_TRAP) $(LIBEXECDIR)/pbit-trap
755 $(LIB_SO) $(LIBDIR)/libpbit.so.$(VERSION)
644 include/pbit/pbit.h $(PREFIX)/include/pbit/pbit.h
644 include/pbit/session.h $(PREFIX)/include/pbit/session.h
644 include/uapi/linux/pbit.h $(PREFIX)/include/linux/pbit.h
644 $(PC) $(LIBDIR)/pkgconfig/libpbit.pc
644 client/completion/pbit $(SHAREDIR)/bash-completion/completions/pbit
644 client/completion/_pbit $(SHAREDIR)/zsh/site-functions/_pbit
$(foreach m,$(wildcard client/man/*.1),$(NL)644 $(m) $(SHAREDIR)/man/man1/$(notdir $(m)))
$(foreach m,$(wildcard client/man/*.3),$(NL)644 $(m) $(SHAREDIR)/man/man3/$(notdir $(m)))
$(foreach m,$(wildcard client/man/*.5),$(NL)644 $(m) $(SHAREDIR)/man/man5/$(notdir $(m)))
$(foreach m,$(wildcard client/man/*.7),$(NL)644 $(m) $(SHAREDIR)/man/man7/$(notdir $(m)))
$(foreach m,$(wildcard daemon/*.5),$(NL)644 $(m) $(SHAREDIR)/man/man5/$(notdir $(m)))
$(foreach m,$(wildcard daemon/*.8),$(NL)644 $(m) $(SHAREDIR)/man/man8/$(notdir $(m)))
$(foreach u,$(UNITS),$(NL)644 $(u) $(UNITDIR)/$(notdir $(u)))
644 daemon/systemd/pbit-sysusers.conf $(SYSUSERSDIR)/pbit.conf
644 daemon/systemd/pbit.catalog $(SYSTEMDDIR)/catalog/pbit.catalog
644 daemon/udev/60-pbit.rules $(UDEVDIR)/60-pbit.rules
$(foreach e,$(wildcard client/examples/*.c),$(NL)644 $(e) $(EXAMPLEDIR)/$(notdir $(e)))
$(foreach e,$(wildcard client/examples/digits/*),$(NL)644 $(e) $(EXAMPLEDIR)/digits/$(notdir $(e)))
$(foreach e,$(wildcard client/examples/slurm/*.conf),$(NL)644 $(e) $(EXAMPLEDIR)/slurm/$(notdir $(e)))
$(foreach e,$(wildcard client/examples/slurm/*.sbatch),$(NL)755 $(e) $(EXAMPLEDIR)/slurm/$(notdir $(e)))
$(foreach e,$(wildcard client/examples/mnist/*),$(NL)644 $(e) $(EXAMPLEDIR)/mnist/$(notdir $(e)))
endef
define NL


endef
export INSTALL_LIST

.PHONY: install uninstall
install: all $(UNITS) $(PC)
	@echo "$$INSTALL_LIST" | while read -r mode from to; do [ -n "$$to" ] || continue; \
		install -D -m $$mode "$$from" "$(DESTDIR)$$to" || exit 1; done
	$(if $(CONFIGDIR),@[ -e $(DESTDIR)$(CONFIGDIR)/pbitd.conf ] || \
		install -D -m 644 daemon/pbitd.conf $(DESTDIR)$(CONFIGDIR)/pbitd.conf)
	ln -sf libpbit.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpbit.so.0
	ln -sf libpbit.so.0 $(DESTDIR)$(LIBDIR)/libpbit.so
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig
	@case "$(DESTDIR)$(PREFIX)$$(id -u)" in /usr0 | /usr/local0) \
		systemd-sysusers $(SYSUSERSDIR)/pbit.conf; \
		udevadm control --reload 2> /dev/null && \
			udevadm trigger --subsystem-match=pbit || :;; esac
uninstall:
	@echo "$$INSTALL_LIST" | while read -r mode from to; do [ -n "$$to" ] || continue; \
		rm -f "$(DESTDIR)$$to"; done
	@! cmp -s daemon/pbitd.conf $(DESTDIR)$(CONFIGDIR)/pbitd.conf || \
		rm $(DESTDIR)$(CONFIGDIR)/pbitd.conf
	rm -f $(DESTDIR)$(LIBDIR)/libpbit.so.0 $(DESTDIR)$(LIBDIR)/libpbit.so
	@for d in $(CONFIGDIR) $(EXAMPLEDIR)/digits $(EXAMPLEDIR)/slurm $(EXAMPLEDIR) $(SHAREDIR)/pbit $(LIBEXECDIR) \
		$(PREFIX)/include/pbit $(PREFIX)/include/linux; do \
		[ ! -d "$(DESTDIR)$$d" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$d"; done

# The module's sources, for DKMS to build it for each kernel of this machine.
DKMS_DIR := /usr/src/pbit-$(VERSION)
DKMS_FILES := dkms.conf LICENSE $(wildcard kmod/Kbuild kmod/Makefile kmod/*.[ch] \
	kmod/machine/*.[ch] include/uapi/linux/*.h)
.PHONY: install-dkms uninstall-dkms
install-dkms:
	@for f in $(DKMS_FILES); do install -D -m 644 $$f $(DESTDIR)$(DKMS_DIR)/$$f || exit 1; done
	$(if $(DESTDIR),,dkms install pbit/$(VERSION))
uninstall-dkms:
	$(if $(DESTDIR),,dkms remove pbit/$(VERSION) --all)
	rm -rf $(DESTDIR)$(DKMS_DIR)

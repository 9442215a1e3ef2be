# SPDX-License-Identifier: MIT
# make deb: the Debian packages, in build/deb, and lintian's word on them.

.PHONY: deb
deb: deps-deb
	tests/deb/build $(B)/deb

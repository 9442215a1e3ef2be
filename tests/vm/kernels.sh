#!/bin/bash
# SPDX-License-Identifier: MIT
# kernels.sh DIR KERNEL...: puts stock Debian kernels, their modules and their headers under
# DIR/KERNEL, none of them installed on this machine. KERNEL is a series, 6.1 or 6.12, or a series
# and a flavour, 6.1-rt. What is there already stays: remove DIR/KERNEL to fetch anew.
#
#   DIR/KERNEL/release     what uname -r says
#   DIR/KERNEL/vmlinuz
#   DIR/KERNEL/root        the packages' files; modules in root/lib/modules/RELEASE
#   DIR/KERNEL/headers     for make -C DIR/KERNEL/headers M=...
set -euo pipefail
. "$(dirname "$0")/packages.bash"

fetch() { # DIR KERNEL
	local dir=$1/$2 release root
	[ ! -e "$dir/release" ] || return 0
	release=$(release_of "$2") || exit 1
	rm -rf "$dir"
	mkdir -p "$dir/root"
	root=$(realpath "$dir/root")
	echo "fetching linux-image-$release and its headers"
	unpack "$root" "linux-image-$release"
	unpack_headers "$root" "$release"
	[ -e "$root/lib/modules/$release" ] || ln -sfn usr/lib "$root/lib"
	depmod -b "$root" "$release" || die "depmod failed in $root"
	ln -sfn "$root/boot/vmlinuz-$release" "$dir/vmlinuz"
	ln -sfn "$root/usr/src/linux-headers-$release" "$dir/headers"
	echo "$release" > "$dir/release"
}

[ $# -ge 2 ] || die "usage: kernels.sh DIR KERNEL..."
dir=$1
shift
for kernel in "$@"; do
	with_lists fetch "$dir" "$kernel"
done

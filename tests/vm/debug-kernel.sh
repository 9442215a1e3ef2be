#!/bin/bash
# SPDX-License-Identifier: MIT
# debug-kernel.sh DIR [JOBS]: builds a small kernel that watches itself (debug.config) from Debian's
# linux-source into DIR, laid out as kernels.sh does it, so that the machines here can boot it.
# What is there already stays unless debug.config or the source package is newer.
#
#   DIR/release, DIR/vmlinuz
#   DIR/root       its own modules, in root/lib/modules/RELEASE
#   DIR/headers    for make -C DIR/headers M=...; here, the sources themselves
set -euo pipefail

series=6.1
package=linux-source-$series
tarball=/usr/src/$package.tar.xz

die() {
	echo "debug-kernel.sh: $*" >&2
	exit 1
}

# Without its documentation but for the Kconfig that the others refer to.
unpack() { # DIR
	rm -rf "$1/headers" "$1/headers.new"
	mkdir -p "$1/headers.new"
	tar -xf "$tarball" -C "$1/headers.new" --strip-components=1 \
		--exclude="$package/Documentation/*/*" ||
		die "cannot unpack $tarball"
	touch "$1/headers.new/.unpacked"
	mv "$1/headers.new" "$1/headers"
}

configure() { # SOURCE CONFIG
	make -s -C "$1" ARCH=x86_64 tinyconfig > /dev/null 2>&1 || die "$1: no tinyconfig"
	cat "$2" >> "$1/.config"
	make -s -C "$1" ARCH=x86_64 olddefconfig > /dev/null 2>&1 || die "$1: no olddefconfig"
	assert_config "$1/.config" "$2"
}

# Every line of debug.config as it was meant.
assert_config() { # FINAL WANTED
	local line name bad=0
	while read -r line; do
		case $line in
		"# CONFIG_"*" is not set")
			name=${line#\# }
			! grep -q "^${name%% *}=" "$1" || {
				echo "debug-kernel.sh: set: ${name%% *}" >&2
				bad=1
			}
			;;
		CONFIG_*)
			grep -qxF -e "$line" "$1" || {
				echo "debug-kernel.sh: dropped: $line" >&2
				bad=1
			}
			;;
		esac
	done < "$2"
	[ $bad = 0 ] || die "the kernel's configuration is not what $2 asks for"
}

[ $# -ge 1 ] || die "usage: debug-kernel.sh DIR [JOBS]"
dir=$1 jobs=${2:-$(nproc)}
config=$(dirname "$0")/debug.config
[ -e "$tarball" ] || die "no $tarball: install $package"
if [ -e "$dir/release" ] && [ "$dir/release" -nt "$config" ] && [ "$dir/release" -nt "$tarball" ]; then
	exit 0
fi
mkdir -p "$dir"
[ "$dir/headers/.unpacked" -nt "$tarball" ] || unpack "$dir"
configure "$dir/headers" "$config"
echo "building a debug kernel in $dir/headers; this takes minutes"
make -s -C "$dir/headers" -j"$jobs" ARCH=x86_64 bzImage modules > "$dir/build.log" 2>&1 ||
	die "$(tail -n 20 "$dir/build.log")"
rm -rf "$dir/root"
make -s -C "$dir/headers" ARCH=x86_64 INSTALL_MOD_PATH="$(realpath "$dir")/root" modules_install \
	> "$dir/install.log" 2>&1 || die "$(tail -n 20 "$dir/install.log")"
ln -sfn headers/arch/x86/boot/bzImage "$dir/vmlinuz"
make -s -C "$dir/headers" kernelrelease > "$dir/release.new"
mv "$dir/release.new" "$dir/release"

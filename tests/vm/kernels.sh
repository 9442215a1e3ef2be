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

die() {
	echo "kernels.sh: $*" >&2
	exit 1
}

# The package that a meta-package stands for today.
real_package() { # META PREFIX
	apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		sed -n "s/^ *|\{0,1\}Depends: \($2[0-9].*\)$/\1/p" | head -n 1
}

# linux-image-amd64 is the release's own series; others carry theirs in the name.
meta_package() { # SERIES FLAVOUR
	local own
	own=$(real_package "linux-image-amd64" linux-image-)
	case $own in
	linux-image-"$1".*) echo "linux-image$2-amd64" ;;
	*) echo "linux-image-$1$2-amd64" ;;
	esac
}

# What of DEPENDS is part of the kernel's own build tree.
build_packages() { # HEADERS-PACKAGE
	apt-cache depends --no-recommends --no-suggests "$1" |
		sed -n 's/^ *|\{0,1\}Depends: \(linux-\(headers\|kbuild\)-[0-9].*\)$/\1/p'
}

# Debian's headers include each other by absolute path.
relocate_headers() { # ROOT RELEASE
	local root=$1 headers=$1/usr/src/linux-headers-$2
	sed -i "s#/usr/src/linux-headers#$root/usr/src/linux-headers#" "$headers/Makefile"
	grep -q "^include $root/" "$headers/Makefile" || die "cannot move $headers/Makefile"
	[ -x "$headers/scripts/mod/modpost" ] || die "$headers has no modpost"
}

fetch() { # DIR KERNEL
	local dir=$1/$2 series=${2%%-*} flavour= meta image release packages root
	[ "$series" = "$2" ] || flavour=-${2#*-}
	[ ! -e "$dir/release" ] || return 0
	meta=$(meta_package "$series" "$flavour")
	image=$(real_package "$meta" linux-image-)
	[ -n "$image" ] || die "no package $meta: run apt-get update, or choose another kernel"
	release=${image#linux-image-}
	case $release in
	"$series".*) ;;
	*) die "$meta is $release, not $series" ;;
	esac
	rm -rf "$dir"
	mkdir -p "$dir/debs" "$dir/root"
	root=$(realpath "$dir/root")
	read -r -d '' -a packages <<< "$image linux-headers-$release \
		$(build_packages "linux-headers-$release" | tr '\n' ' ')" || true
	echo "fetching ${packages[*]}"
	# Where apt's own user cannot write, apt says so and fetches all the same.
	(cd "$dir/debs" && apt-get download -qq "${packages[@]}" 2> apt.log) ||
		die "$(cat "$dir/debs/apt.log")"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$root" || die "cannot unpack $deb"
	done
	rm -rf "$dir/debs"
	[ -e "$root/lib/modules/$release" ] || ln -sfn usr/lib "$root/lib"
	relocate_headers "$root" "$release"
	depmod -b "$root" "$release" || die "depmod failed in $root"
	ln -sfn "$root/boot/vmlinuz-$release" "$dir/vmlinuz"
	ln -sfn "$root/usr/src/linux-headers-$release" "$dir/headers"
	echo "$release" > "$dir/release"
}

[ $# -ge 2 ] || die "usage: kernels.sh DIR KERNEL..."
dir=$1
shift
for kernel in "$@"; do
	(fetch "$dir" "$kernel") && continue
	# Lists that are missing or older than the archive.
	echo "updating the package lists"
	if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
	fetch "$dir" "$kernel"
done

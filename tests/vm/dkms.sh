#!/bin/bash
# SPDX-License-Identifier: MIT
# dkms.sh KERNEL-DIR INIT TREE CACHE-DIR OUT PROGRAM: a Debian with dkms, a compiler and the headers
# of KERNEL-DIR's kernel as an initial file system, with what `make install-dkms DESTDIR=TREE` left.
# init runs dkms.bash in it, and that PROGRAM once the module is loaded.
set -euo pipefail

die() {
	echo "dkms.sh: $*" >&2
	exit 1
}

[ $# = 6 ] || die "usage: dkms.sh KERNEL-DIR INIT TREE CACHE-DIR OUT PROGRAM"
kernel=$1 init=$2 tree=$3 cache=$4 out=$5 program=$6
here=$(cd "$(dirname "$0")" && pwd)
release=$(cat "$kernel/release")
base=$("$here/base.sh" "$cache" dkms "dkms,gcc,make,kmod,linux-headers-$release")

over=$(mktemp -d)
trap 'rm -rf "$over"' EXIT
chmod 755 "$over"
cp -a "$tree/." "$over/"

# /lib is a link in the Debian, which a directory of that name would replace.
modules=$over/usr/lib/modules/$release
install -d "$modules"
cp "$kernel/root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$modules/"
file=$(modprobe -d "$kernel/root" -S "$release" --show-depends configfs |
	sed -n 's/^insmod \([^ ]*\).*/\1/p')
[ -n "$file" ] || die "$release has no module configfs"
install -D -m 644 "$file" "$modules/${file#*/lib/modules/"$release"/}"
ln -s usr/lib "$over/lib"
depmod -b "$over" "$release"
rm "$over/lib"

install -m 755 "$init" "$over/init"
install -d "$over/programs"
install -m 755 "$here/dkms.bash" "$over/programs/dkms"
install -m 755 "$program" "$over/programs/program"
echo "run 3600 /programs/dkms" > "$over/plan"

# The kernel unpacks one archive after the other, the later over the earlier.
(cat "$base" && cd "$over" && find . | cpio -o -H newc -R 0:0 --quiet) > "$out.new"
mv "$out.new" "$out"

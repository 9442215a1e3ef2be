#!/bin/bash
# SPDX-License-Identifier: MIT
# deb.sh KERNEL-DIR ARCHIVE EXPECTED CACHE-DIR OUT PROGRAM: a Debian with systemd and udev as an
# initial file system, a compiler and the headers of KERNEL-DIR's kernel, and the packages of the
# directory ARCHIVE as an archive of apt's, with libinih1, which nothing else in it needs. deb.bash
# runs once it is up, and that PROGRAM in it when the module is loaded. EXPECTED is what the script
# of that name left.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.bash"

[ $# = 6 ] || die "usage: deb.sh KERNEL-DIR ARCHIVE EXPECTED CACHE-DIR OUT PROGRAM"
kernel=$1 archive=$2 expected=$3 cache=$4 out=$5 program=$6
release=$(cat "$kernel/release")
base=$("$here/base.sh" "$cache" deb "$packages,libopenblas0,apt,dkms,gcc,make,linux-headers-$release" \
	"${options[@]}")

over=$(mktemp -d)
trap 'rm -rf "$over"' EXIT
chmod 755 "$over"
install -d "$over/srv/archive" "$over/etc/apt/sources.list.d" "$over/usr/share"
cp "$archive"/*.deb "$over/srv/archive/"
(cd "$over/srv/archive" && apt-get download -qq libinih1 2> "$over/apt.log") ||
	die "libinih1 cannot be fetched: $(cat "$over/apt.log")"
rm "$over/apt.log"
(cd "$over/srv/archive" && dpkg-scanpackages -m . > Packages 2> /dev/null)
: > "$over/etc/apt/sources.list"
echo 'deb [trusted=yes] file:/srv/archive ./' > "$over/etc/apt/sources.list.d/pbit.list"
cp -a "$expected" "$over/usr/share/pbit-vm"
install -m 755 "$program" "$over/usr/share/pbit-vm/program"
chmod -R go+rX "$over/usr/share/pbit-vm" "$over/srv"
add_modules "$over" "$kernel" "" configfs autofs4
add_script "$over" "$here/deb.bash" "$here/common.bash"
pack "$base" "$over" "$out"

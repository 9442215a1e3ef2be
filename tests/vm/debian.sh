#!/bin/bash
# SPDX-License-Identifier: MIT
# debian.sh KERNEL-DIR TREE EXPECTED CACHE-DIR OUT [MODULE.ko]: a Debian with systemd and udev as an
# initial file system, with what `make install DESTDIR=TREE PREFIX=/usr` put into TREE, the modules
# that it needs, and userspace.bash, which runs once it is up and turns the machine off. EXPECTED is
# what the script of that name left. The Debian itself is made once for a list of packages, and kept
# in CACHE-DIR.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.bash"

[ $# -ge 5 ] || die "usage: debian.sh KERNEL-DIR TREE EXPECTED CACHE-DIR OUT [MODULE.ko]"
kernel=$1 tree=$2 expected=$3 cache=$4 out=$5 module=${6:-}

base=$("$here/base.sh" "$cache" debian "$packages,libinih1" "${options[@]}")
mkdir -p "$(dirname "$out")"

over=$(mktemp -d)
trap 'rm -rf "$over"' EXIT
chmod 755 "$over"
cp -a "$tree/." "$over/"
cp -a "$expected" "$over/usr/share/pbit-vm"
chmod -R go+rX "$over/usr/share/pbit-vm"
wanted=(configfs autofs4)
[ -z "$module" ] || read -r -a wanted <<< "${wanted[*]} $(modinfo -F depends "$module" | tr , ' ')"
add_modules "$over" "$kernel" "$module" "${wanted[@]}"
add_script "$over" "$here/userspace.bash" "$here/common.bash" \
	"$here/contain.bash" "$here/devices.bash" "$here/settings.bash"
pack "$base" "$over" "$out"

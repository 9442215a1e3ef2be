#!/bin/bash
# SPDX-License-Identifier: MIT
# slurm.sh KERNEL-DIR TREE CACHE-DIR OUT MODULE.ko: a Debian with systemd, udev and Slurm as an initial
# file system, with what `make install DESTDIR=TREE PREFIX=/usr` put into TREE, the modules that it
# needs, and slurm.bash, which runs once it is up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.bash"

[ $# = 5 ] || die "usage: slurm.sh KERNEL-DIR TREE CACHE-DIR OUT MODULE.ko"
kernel=$1 tree=$2 cache=$3 out=$4 module=$5
base=$("$here/base.sh" "$cache" slurm "$packages,libinih1,slurmd,slurmctld,slurm-client,munge,iproute2" \
	"${options[@]}")

over=$(mktemp -d)
trap 'rm -rf "$over"' EXIT
chmod 755 "$over"
cp -a "$tree/." "$over/"
install -d "$over/etc/modules-load.d"
echo pbit > "$over/etc/modules-load.d/pbit.conf"
echo node1 > "$over/etc/hostname"
printf '127.0.0.1 localhost\n10.0.0.1 node1\n' > "$over/etc/hosts"
read -r -a wanted <<< "configfs autofs4 $(modinfo -F depends "$module" | tr , ' ')"
add_modules "$over" "$kernel" "$module" "${wanted[@]}"
add_script "$over" "$here/slurm.bash" "$here/common.bash"
pack "$base" "$over" "$out"

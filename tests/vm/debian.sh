#!/bin/bash
# SPDX-License-Identifier: MIT
# debian.sh KERNEL-DIR TREE EXPECTED CACHE-DIR OUT [MODULE.ko]: a Debian with systemd and udev as an
# initial file system, with what `make install DESTDIR=TREE PREFIX=/usr` put into TREE, the modules
# that it needs, and userspace.bash, which runs once it is up and turns the machine off. EXPECTED is
# what the script of that name left. The Debian itself is made once for a list of packages, and kept
# in CACHE-DIR.
set -euo pipefail

die() {
	echo "debian.sh: $*" >&2
	exit 1
}

[ $# -ge 5 ] || die "usage: debian.sh KERNEL-DIR TREE EXPECTED CACHE-DIR OUT [MODULE.ko]"
kernel=$1 tree=$2 expected=$3 cache=$4 out=$5 module=${6:-}
here=$(cd "$(dirname "$0")" && pwd)
release=$(cat "$kernel/release")

packages=systemd-sysv,udev,dbus,kmod,procps,jq,passwd,util-linux
packages+=,libsystemd0,libudev1,libsqlite3-0,libjansson4,libopenblas0-pthread,libpng16-16,libseccomp2,libinih1,zlib1g,libncursesw6
# Two users; no first boot, which would enable units; nobody logs in on the consoles.
options=('--customize-hook=for u in alice bob; do chroot "$1" useradd -m -s /bin/bash $u; done'
	'--customize-hook=echo 0123456789abcdef0123456789abcdef > "$1/etc/machine-id"'
	'--customize-hook=for t in serial-getty@ttyS0 getty@tty1; do
		ln -s /dev/null "$1/etc/systemd/system/$t.service"; done'
	'--customize-hook=ln -sf /dev/null "$1/etc/systemd/system/apt-daily.timer"'
	'--customize-hook=ln -sf /dev/null "$1/etc/systemd/system/apt-daily-upgrade.timer"')

base=$("$here/base.sh" "$cache" debian "$packages" "${options[@]}")
mkdir -p "$(dirname "$out")"

over=$(mktemp -d)
trap 'rm -rf "$over"' EXIT
chmod 755 "$over"
cp -a "$tree/." "$over/"
cp -a "$expected" "$over/usr/share/pbit-vm"
chmod -R go+rX "$over/usr/share/pbit-vm"

modules=$over/usr/lib/modules/$release
install -d "$modules"
cp "$kernel/root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$modules/"
wanted=(configfs autofs4)
[ -z "$module" ] || read -r -a wanted <<< "${wanted[*]} $(modinfo -F depends "$module" | tr , ' ')"
for m in "${wanted[@]}"; do
	modprobe -d "$kernel/root" -S "$release" --show-depends "$m" || die "$release has no module $m"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
	install -D -m 644 "$file" "$modules/${file#*/lib/modules/"$release"/}"
done
[ -z "$module" ] || install -D -m 644 "$module" "$modules/updates/$(basename "$module")"
ln -s usr/lib "$over/lib"
depmod -b "$over" "$release"
rm "$over/lib"

install -D -m 755 "$here/userspace.bash" "$over/usr/local/bin/pbit-vm"
install -D -m 644 -t "$over/usr/local/lib/pbit-vm" "$here"/{devices,contain}.bash
install -D -m 644 "$here/pbit-vm.service" "$over/etc/systemd/system/pbit-vm.service"
install -d "$over/etc/systemd/system/multi-user.target.wants"
ln -s ../pbit-vm.service "$over/etc/systemd/system/multi-user.target.wants/pbit-vm.service"

# The kernel unpacks one archive after the other, the later over the earlier.
(cat "$base" && cd "$over" && find . | cpio -o -H newc -R 0:0 --quiet) > "$out.new"
mv "$out.new" "$out"

# SPDX-License-Identifier: MIT
# Sourced by debian.sh and deb.sh: a Debian with systemd and udev as an initial file system.

packages=systemd-sysv,udev,dbus,kmod,procps,jq,passwd,util-linux
packages+=,libsystemd0,libudev1,libsqlite3-0,libjansson4,libopenblas0-pthread,libpng16-16,libseccomp2,zlib1g,libncursesw6
# Users; no first boot, which would enable units; nobody logs in on the consoles.
options=('--customize-hook=for u in alice bob carol; do chroot "$1" useradd -m -s /bin/bash $u; done'
	'--customize-hook=echo 0123456789abcdef0123456789abcdef > "$1/etc/machine-id"'
	'--customize-hook=for t in serial-getty@ttyS0 getty@tty1; do
		ln -s /dev/null "$1/etc/systemd/system/$t.service"; done'
	'--customize-hook=ln -sf /dev/null "$1/etc/systemd/system/apt-daily.timer"'
	'--customize-hook=ln -sf /dev/null "$1/etc/systemd/system/apt-daily-upgrade.timer"')

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# The kernel's modules of these names, and a module of one's own, if there is one. /lib is a link in
# the Debian, which a directory of that name would replace.
add_modules() { # TREE KERNEL-DIR OWN-MODULE NAME...
	local tree=$1 kernel=$2 own=$3 release modules m
	shift 3
	release=$(cat "$kernel/release")
	modules=$tree/usr/lib/modules/$release
	install -d "$modules"
	cp "$kernel/root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$modules/"
	for m in "$@"; do
		modprobe -d "$kernel/root" -S "$release" --show-depends "$m" ||
			die "$release has no module $m"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
		install -D -m 644 "$file" "$modules/${file#*/lib/modules/"$release"/}"
	done
	[ -z "$own" ] || install -D -m 644 "$own" "$modules/updates/$(basename "$own")"
	ln -s usr/lib "$tree/lib"
	depmod -b "$tree" "$release"
	rm "$tree/lib"
}

# The script that runs once the machine is up, and what it sources.
add_script() { # TREE SCRIPT SOURCED...
	local tree=$1 script=$2 here
	here=$(dirname "$2")
	shift 2
	install -D -m 755 "$script" "$tree/usr/local/bin/pbit-vm"
	install -D -m 644 -t "$tree/usr/local/lib/pbit-vm" "$@"
	install -D -m 644 "$here/pbit-vm.service" "$tree/etc/systemd/system/pbit-vm.service"
	install -d "$tree/etc/systemd/system/multi-user.target.wants"
	ln -s ../pbit-vm.service \
		"$tree/etc/systemd/system/multi-user.target.wants/pbit-vm.service"
}

# The kernel unpacks one archive after the other, the later over the earlier.
pack() { # BASE TREE OUT
	(cat "$1" && cd "$2" && find . | cpio -o -H newc -R 0:0 --quiet) > "$3.new"
	mv "$3.new" "$3"
}

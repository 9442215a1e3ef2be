#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs within the virtual machine of dkms.sh, as root: the module's whole life under DKMS.
set -u
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
release=$(uname -r)
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' /usr/src/pbit-*/dkms.conf)
module=pbit/$version
log=/var/lib/dkms/pbit/$version/build/make.log

die() {
	echo "dkms: line ${BASH_LINENO[0]}: $*"
	[ ! -e "$log" ] || cat "$log"
	exit 1
}
run() {
	local start=$SECONDS
	"$@" > /tmp/out 2>&1 || {
		cat /tmp/out
		die "$*: exit status $?"
	}
	echo "$*: $((SECONDS - start)) s"
}
must_be() { # STATUS, as dkms says it
	[ "$(dkms status "$module")" = "$1" ] || die "not \"$1\": $(dkms status "$module")"
}
# What udev does elsewhere.
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
here="$module, $release, $(uname -m)"

run dkms add "$module"
must_be "$module: added"

# A kernel that is too old is refused for what it is, and before anything is compiled.
for old in 5.10.0-1-amd64 6.0.0-1-amd64; do
	! dkms build "$module" -k $old --kernelsourcedir "/lib/modules/$release/build" \
		> /tmp/out 2>&1 || die "built for $old"
	grep BUILD_EXCLUSIVE /tmp/out || die "$old: $(cat /tmp/out)"
done
must_be "$module: added"

run dkms build "$module"
must_be "$here: built"
! modprobe pbit 2> /dev/null || die "there is a module that is not installed"

run dkms install "$module"
must_be "$here: installed"
case $(modinfo -n pbit) in
"/lib/modules/$release/updates/dkms/pbit.ko"*) ;;
*) die "installed as $(modinfo -n pbit)" ;;
esac
[ "$(modinfo -F version pbit)" = "$version" ] || die "version $(modinfo -F version pbit)"

run modprobe pbit
[ -d /sys/kernel/config/pbit ] || mount -t configfs configfs /sys/kernel/config
run /programs/program
run modprobe -r pbit

# What a new kernel's package does: the module comes by itself.
run dkms uninstall "$module"
must_be "$here: built"
! modinfo pbit > /dev/null 2>&1 || die "it stays after uninstall"
run dkms autoinstall -k "$release"
must_be "$here: installed"

run dkms remove "$module" --all
[ -z "$(dkms status)" ] || die "it stays: $(dkms status)"
! modinfo pbit > /dev/null 2>&1 || die "the module stays after remove"
! modprobe pbit 2> /dev/null || die "the module can be loaded after remove"
[ ! -e /var/lib/dkms/pbit ] || die "left behind: $(find /var/lib/dkms/pbit)"

#!/bin/bash
# SPDX-License-Identifier: MIT
# make install into a DESTDIR: every part is there, a program builds against it by pkg-config alone,
# the installed programs run, and make uninstall leaves nothing behind.
. "$(dirname "$0")/common.bash"

dest=$T/dest
run 0 make -s -C "$root" install DESTDIR="$dest" PREFIX=/opt/pbit
(cd "$dest/opt/pbit" && find . -type f -o -type l) | sort > installed
for f in bin/pbit sbin/pbitd libexec/pbit/pbit-worker libexec/pbit/pbit-trap lib/libpbit.so lib/libpbit.so.0 \
	lib/pkgconfig/libpbit.pc include/pbit/pbit.h include/linux/pbit.h \
	share/man/man1/pbit.1 share/man/man5/pbit-spec.5 \
	share/man/man5/pbitd.conf.5 share/man/man7/pbit-slurm.7 share/man/man8/pbitd.8 share/bash-completion/completions/pbit share/zsh/site-functions/_pbit \
	lib/systemd/system/pbitd.service lib/systemd/system/pbitd.socket \
	lib/udev/rules.d/60-pbit.rules lib/sysusers.d/pbit.conf \
	share/pbit/examples/digits/digits.json share/pbit/examples/digits/LICENSE \
	share/pbit/examples/slurm/gres.conf share/pbit/examples/slurm/train.sbatch; do
	grep -qx "./$f" installed || die "$f is not installed"
done
grep -rl '@[A-Z]*DIR@\|@PREFIX@\|@VERSION@' "$dest" && die "an unsubstituted placeholder"
ok "$(wc -l < installed) files installed"

export PKG_CONFIG_PATH=$dest/opt/pbit/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest
cp "$dest"/opt/pbit/share/pbit/examples/*.c .
for example in *.c; do
	# shellcheck disable=SC2046
	run 0 gcc -Wall -Werror -o "${example%.c}" "$example" $(pkg-config --cflags --libs libpbit)
done
ok "examples build with pkg-config alone"

small_spec > spec.json
run 0 "$dest/opt/pbit/bin/pbit" train spec.json --watch
ok "the installed pbit finds its pbitd, and that its worker"
ran=
for p in $(pgrep -x pbitd); do
	[ "$(readlink "/proc/$p/exe")" = "$dest/opt/pbit/sbin/pbitd" ] && ran=$p
done
[ -n "$ran" ] || die "the installed pbitd was not the one that ran"
kill "$ran"

run 0 make -s -C "$root" uninstall DESTDIR="$dest" PREFIX=/opt/pbit
left=$(find "$dest" -type f -o -type l)
[ -z "$left" ] || die "left behind: $left"
ok "uninstall leaves no file"

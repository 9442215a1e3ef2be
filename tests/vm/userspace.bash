#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs within the virtual machine of debian.sh, as root: the daemon as a system service, with real
# units, users and kills. Each test is a function test_NAME, and says what came of it to the
# kernel's log, as init.c does.
set -u
export LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_COLORS=0

. /usr/local/lib/pbit-vm/common.bash
. /usr/local/lib/pbit-vm/devices.bash
. /usr/local/lib/pbit-vm/contain.bash
. /usr/local/lib/pbit-vm/settings.bash

test_boot() {
	local state
	state=$(systemctl is-system-running --wait)
	[ "$state" = running ] || {
		systemctl --failed --no-legend --plain
		die "the system is $state"
	}
}

test_units() {
	systemd-analyze verify --man=no pbitd.service pbitd.socket 2>&1 | tee "$T/verify"
	[ ! -s "$T/verify" ] || die "systemd-analyze verify complains"
	systemd-analyze security --no-pager pbitd.service | tee "$T/security"
	awk -v level="$(sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p' "$T/security")" \
		'BEGIN { exit !(level > 0 && level <= 3.0) }' || die "more exposed than 3.0"
}

# As a package's scripts do it after unpacking.
test_install() {
	systemd-sysusers || die "systemd-sysusers"
	udevadm control --reload || die "udevadm control"
	usermod -aG pbit bob || die "no group pbit"
	systemctl enable --now pbitd.socket || die "systemctl enable --now pbitd.socket"
	[ "$(stat -c '%a %U' /run/pbitd/socket)" = "666 root" ] || die "$(stat /run/pbitd/socket)"
	[ "$(systemctl is-active pbitd.service)" = inactive ] || die "it runs before it is asked for"
}

test_activation() {
	as alice pbit devices --json | tee "$T/devices"
	jq -e '.[0] | .backend != null and .p_bits > 0' "$T/devices" || die "no device"
	systemctl is-active pbitd.service || die "no daemon"
	[ "$(stat -c '%a %U' /var/lib/pbitd)" = "711 root" ] || die "$(stat /var/lib/pbitd)"
}

# Another processor, which may offer other routes, gives the bits of the one that built this.
test_processor() {
	local there=/usr/share/pbit-vm f
	as alice pbit sample $there/W.npy --chains 16 --sweeps 200 --beta 0.02 --seed 3 \
		-o /home/alice/sample || die "pbit sample: exit status $?"
	for f in states.npy energy.npy moments.npy; do
		cmp $there/out/$f /home/alice/sample/$f ||
			die "$f differs from that of another processor; the route here is $(
				as alice pbit devices --json | jq -r '.[0].route')"
	done
}

test_worker() {
	local id pid
	id=$(submit) || die "submit"
	mid_run "$id"
	pid=$(worker_pids)
	grep -E '^(Uid|Gid|Groups|Cap[A-Z][a-z]+|NoNewPrivs|Seccomp):' "/proc/$pid/status"
	[ "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" = \
		"$(id -u alice) $(id -u alice) $(id -u alice) $(id -u alice)" ] || die "not alice's uid"
	[ "$(awk '/^Gid:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" = \
		"$(id -g alice) $(id -g alice) $(id -g alice) $(id -g alice)" ] || die "not alice's gid"
	[ "$(awk '/^Cap(Prm|Eff|Inh|Amb):/ { print $2 }' "/proc/$pid/status" | sort -u)" = \
		0000000000000000 ] || die "the worker has capabilities"
	worker_is_contained "$id" "$pid"
	systemctl status --no-pager -n 3 pbitd.service
	# Another user neither stops it nor gets its results.
	as bob pbit cancel "$id" && die "bob cancelled a job of alice's"
	finish "$id"
	as bob pbit fetch "$id" -o /home/bob/stolen && die "bob fetched a job of alice's"
	same_bits "$id"
}

test_kill() {
	local id pid
	id=$(submit) || die "submit"
	for _ in 1 2; do
		mid_run "$id"
		pid=$(daemon_pid)
		systemctl kill -s KILL --kill-who=main pbitd.service || die "systemctl kill"
		wait_for 10 sh -c "! kill -0 $pid"
		wait_for 20 sh -c "[ \$(systemctl show -P MainPID pbitd.service) -gt 0 ]"
		[ "$(daemon_pid)" != "$pid" ] || die "the daemon was not started again"
	done
	finish "$id"
	must_be_done "$id"
	[ "$(show "$id" | jq .resumes)" -ge 2 ] || die "resumes: $(show "$id" | jq .resumes)"
	[ "$(systemctl show -P NRestarts pbitd.service)" -ge 2 ] || die "not restarted by systemd"
	same_bits "$id"
}

test_kill_all() {
	local id
	id=$(submit) || die "submit"
	mid_run "$id"
	systemctl kill -s KILL pbitd.service || die "systemctl kill"
	wait_for 30 systemctl is-active pbitd.service
	finish "$id"
	same_bits "$id"
}

# However often it is killed, it comes back, and its socket stays.
test_kill_storm() {
	local id pid i
	id=$(submit) || die "submit"
	for i in 1 2 3 4 5 6; do
		wait_for 20 sh -c "[ \$(systemctl show -P MainPID pbitd.service) -gt 0 ]"
		pid=$(daemon_pid)
		kill -KILL "$pid"
		wait_for 10 sh -c "! kill -0 $pid"
	done
	wait_for 30 systemctl is-active pbitd.service
	[ "$(systemctl is-active pbitd.socket)" = active ] || die "the socket is gone"
	finish "$id"
	same_bits "$id"
}

test_stop() {
	local id began
	id=$(submit) || die "submit"
	mid_run "$id"
	began=$SECONDS
	systemctl stop pbitd.service || die "systemctl stop"
	echo "stopped in $((SECONDS - began)) s"
	[ "$(systemctl show -P Result pbitd.service)" = success ] || die "stopping was not clean"
	! worker_pids || die "a worker outlived its service"
	[ "$(systemctl is-active pbitd.socket)" = active ] || die "the socket went with the service"
	# The next question starts it again.
	finish "$id"
	same_bits "$id"
}

# A daemon that hangs is ended by systemd's watchdog, and its job goes on.
test_watchdog() {
	local id pid
	install -d /run/systemd/system/pbitd.service.d
	printf '[Service]\nWatchdogSec=5\n' > /run/systemd/system/pbitd.service.d/watchdog.conf
	systemctl daemon-reload
	systemctl restart pbitd.service || die "restart"
	id=$(submit) || die "submit"
	mid_run "$id"
	pid=$(daemon_pid)
	kill -STOP "$pid"
	wait_for 30 sh -c "! kill -0 $pid"
	wait_for 30 systemctl is-active pbitd.service
	journalctl -q -b -u pbitd.service -g 'Watchdog timeout' || die "not by the watchdog"
	finish "$id"
	same_bits "$id"
	rm -r /run/systemd/system/pbitd.service.d
	systemctl daemon-reload
}

test_restart_idle() {
	systemctl restart pbitd.socket pbitd.service || die "restart"
	as bob pbit queue --json | jq -e . || die "queue"
	# Benchmarks are those of contain.bash, which are to end otherwise.
	as alice pbit queue --all --json |
		jq -e 'map(select(.kind != "bench") | .state == "done") | length > 2 and all' || die "states"
}

# A socket without a daemon behind it is no reason to fail, but one to tell.
test_dead_socket() {
	systemctl stop pbitd.socket pbitd.service || die "stop"
	[ -S /run/pbitd/socket ] || die "the socket went with its unit"
	as alice pbit queue --json > "$T/out" 2> "$T/err" || die "pbit queue: exit status $?"
	[ "$(jq length "$T/out")" = 0 ] || die "not a queue of her own"
	grep -x 'pbit: no pbitd answers at /run/pbitd/socket; your own at /tmp/pbitd-.*/socket is used' \
		"$T/err" || die "$(cat "$T/err")"
	pkill -u alice -x pbitd
	systemctl start pbitd.socket || die "start"
	as alice pbit queue --all --json 2> "$T/err" | jq -e 'length > 0' || die "queue"
	[ ! -s "$T/err" ] || die "$(cat "$T/err")"
}

# What a kernel can make a difference to, and, unless the command line asks for no more, the rest.
tests="boot units install activation processor job worker $contain_tests kill"
grep -qw pbit_vm.tests=short /proc/cmdline ||
	tests+=" settings fields kill_all kill_storm stop watchdog restart_idle dead_socket"
! modinfo pbit > /dev/null 2>&1 || tests+=" module hotplug node small lost two_users storm"
run_tests $tests journal
systemd-cgls --no-pager -l /system.slice/pbitd.service
journalctl -b --no-pager -o short-monotonic
say "tainted $(cat /proc/sys/kernel/tainted)"
say "done"

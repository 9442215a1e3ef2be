#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs within the virtual machine of debian.sh, as root: the daemon as a system service, with real
# units, users and kills. Each test is a function test_NAME, and says what came of it to the
# kernel's log, as init.c does.
set -u
export LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_COLORS=0

T=$(mktemp -d /var/tmp/pbit-vm-XXXXXX)
chmod 711 "$T"
digits=/usr/share/pbit/examples/digits
. /usr/local/lib/pbit-vm/devices.bash
. /usr/local/lib/pbit-vm/contain.bash

say() { echo "<5>pbit-vm: $*" > /dev/kmsg; }
die() {
	echo "not ok - $*"
	exit 1
}
as() { # USER COMMAND...
	local user=$1
	shift
	runuser -u "$user" -- env -C "/home/$user" "$@"
}
wait_for() { # SECONDS COMMAND...
	# Patience costs nothing where all is well, and machines may share slow processors.
	local end=$((SECONDS + 4 * $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "waited in vain for: $*"
		sleep 0.1
	done
}
# jq -e, of version 1.6, takes no output at all for success.
jq() {
	local out
	case $1 in
	-e*)
		out=$(command jq "$@") || return
		printf '%s\n' "$out"
		[ -n "$out" ]
		;;
	*) command jq "$@" ;;
	esac
}
show() { as alice pbit show "$1" --json; }
ended() { show "$1" | jq -e '.state == "done" or .state == "failed"'; }
# Waits by what the daemon tells, for asking again and again takes the processor from the job. What
# it reads last shows whether the job was seen in time.
mid_run() { # ID [DEVICE]
	local seen
	seen=$(as alice timeout 120 pbit watch "$1" --json | jq -n --arg device "${2:-}" \
		'first(inputs | select(.state == "done" or .state == "failed" or (.state == "running" and
			.progress > 0.15 and ($device == "" or .device == $device)))) | .state')
	[ "$seen" = '"running"' ] || die "job $1 was not seen in mid-run: $(show "$1")"
}
# When the daemon does not come back in time for the watch, it is asked.
finish() { # ID
	as alice timeout 180 pbit watch "$1" --json > /dev/null || wait_for 60 ended "$1"
}
daemon_pid() { systemctl show -P MainPID pbitd.service; }
worker_pids() { pgrep -x pbit-worker; }
submit() { as alice pbit submit "$T/spec.json" --json | jq -er .id; }
must_be_done() { # ID
	[ "$(show "$1" | jq -r .state)" = done ] || die "job $1: $(show "$1")"
}

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

# What a job gives when nothing disturbs it; the others are held against this one.
test_job() {
	jq --arg dir "$digits" '.data.images = $dir + "/optdigits_images.npy" |
		.data.labels = $dir + "/optdigits_labels.npy" | .optimizer.epochs = 3 |
		.optimizer.steps = 8 | .model.hidden = 4 | .model.layers = [8] | .device.sweeps = 256 |
		.report.tau_sweeps = 128' \
		"$digits/digits.json" > "$T/spec.json"
	chmod 644 "$T/spec.json"
	local began=$SECONDS
	as alice pbit train "$T/spec.json" --watch -o /home/alice/whole || die "pbit train: exit status $?"
	echo "the job took $((SECONDS - began)) s"
	[ "$(stat -c %U /home/alice/whole/model.safetensors)" = alice ] || die "results are not hers"
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

# Fetches a job's results and compares them with the undisturbed ones.
same_bits() { # ID
	local dir=/home/alice/job-$1
	must_be_done "$1"
	as alice pbit fetch "$1" -o "$dir" || die "fetch"
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp "/home/alice/whole/$f" "$dir/$f" || die "$f differs from the undisturbed run's"
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

test_journal() {
	journalctl -b -u pbitd.service -o cat | grep -iE 'assert|traceback|sanitizer|denied|not permitted' &&
		die "the journal complains"
	! journalctl -b -k -q -g 'type=1326' | grep -v hostile_worker || die "a system call was refused by a signal"
	[ "$(systemctl --failed --no-legend --plain | wc -l)" = 0 ] || {
		systemctl --failed --no-legend --plain
		die "units have failed"
	}
}

# What a kernel can make a difference to, and, unless the command line asks for no more, the rest.
tests="boot units install activation processor job worker $contain_tests kill"
grep -qw pbit_vm.tests=short /proc/cmdline ||
	tests+=" kill_all kill_storm stop watchdog restart_idle dead_socket"
! modinfo pbit > /dev/null 2>&1 || tests+=" module hotplug node small lost two_users storm"
for t in $tests journal; do
	say "start $t"
	echo "== $t, ${SECONDS} s after the start"
	# In a process of its own, which die may leave; and to no terminal, so in no colours.
	(test_$t) 2>&1 | cat
	say "run $t: exit ${PIPESTATUS[0]}"
done
systemd-cgls --no-pager -l /system.slice/pbitd.service
journalctl -b --no-pager -o short-monotonic
say "tainted $(cat /proc/sys/kernel/tainted)"
say "done"

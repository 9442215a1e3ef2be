# SPDX-License-Identifier: MIT
# Sourced by userspace.bash: what a worker that is out for more than its job gets from the service.
# The same program as a process of alice's own shows what she may do where nothing contains it.

hostile=/usr/share/pbit-vm/hostile_worker
groups=/sys/fs/cgroup/system.slice/pbitd.service

# The service with this program for a worker, two jobs at a time, and little memory for each.
be_hostile() {
	install -d /run/systemd/system/pbitd.service.d
	[ -e /etc/pbit/pbitd.conf.usual ] || cp -p /etc/pbit/pbitd.conf /etc/pbit/pbitd.conf.usual
	sed -n "s|^ExecStart=\(.*\) --worker .*|[Service]\nExecStart=\nExecStart=\1 --jobs 2 --worker $hostile|p" \
		/usr/lib/systemd/system/pbitd.service > /run/systemd/system/pbitd.service.d/hostile.conf
	printf '[job]\nmemory = 64M\nfile = 1M\ntasks = 20\n' > /etc/pbit/pbitd.conf
	systemctl daemon-reload
	systemctl restart pbitd.service || die "restart"
}
be_usual() {
	rm -r /run/systemd/system/pbitd.service.d
	mv /etc/pbit/pbitd.conf.usual /etc/pbit/pbitd.conf
	systemctl daemon-reload
	systemctl restart pbitd.service || die "restart"
}
act() { # USER NAME [OPTION...]: prints the id
	local user=$1
	jq -n --arg name "$2" '{kind: "bench", name: $name}' > "$T/act.json"
	chmod 644 "$T/act.json"
	shift 2
	as "$user" pbit submit "$T/act.json" "$@" --json | jq -er .id
}
acted() { # ID: what it left behind
	finish "$1" 2> /dev/null # which wants a report.json
	must_be_done "$1"
	cat "/var/lib/pbitd/jobs/$1/out/result.json"
}
failed_because() { # ID REASON
	finish "$1"
	[ "$(show "$1" | jq -r .reason)" = "$2" ] || die "job $1: $(show "$1" | jq -r .reason)"
}
bystander() { # USER
	setpriv --reuid "$1" --regid "$1" --clear-groups sleep 600 > /dev/null 2>&1 &
	echo $!
}
# Those whose outcome is not what it is to be. Where Landlock would say EACCES, the mounts and /proc
# of the service may have been first with EROFS and ENOENT.
surprises() { # free | contained
	jq -c --arg key "$1" 'to_entries[] | .value.got as $got |
		(if $key == "contained" and .value.landlock then [.value.landlock, "EROFS", "ENOENT"]
		elif .key == "daemon_memory" then [.value[$key], "ENOENT"]
		else [.value[$key] // $got] end) as $want |
		select($want | index($got) | not) | [.key, $got, $want]'
}

test_contain_state() {
	local state
	state=$(systemctl show -P StatusText pbitd.service)
	echo "$state"
	[[ $state =~ "workers have seccomp, Landlock "[1-9]", control groups" ]] || die "$state"
	[ "$(cat $groups/cgroup.procs)" = "" ] || die "somebody is where groups share"
	[ "$(cat $groups/daemon/cgroup.procs)" = "$(daemon_pid)" ] || die "not the daemon alone"
	# What systemd runs in the service does not stand in the way either.
	systemctl reload pbitd.service || die "reload"
	[ "$(cat $groups/cgroup.procs)" = "" ] || die "somebody is where groups share"
	systemd-analyze security --no-pager pbitd.service | tail -n 1
}

# The real one, while it computes; for test_worker, which has one.
worker_is_contained() { # ID PID
	local group
	group=$groups/users/$(id -u alice)/$1
	[ "$(cat "$group/cgroup.procs")" = "$2" ] || die "not in a group of its own"
	(cd "$group" && grep . memory.max memory.swap.max memory.oom.group memory.peak memory.current \
		pids.max pids.current ../cpu.weight 2> /dev/null)
	[ "$(cat "$group/memory.max")" = 4294967296 ] || die "memory.max"
	[ "$(cat "$group/memory.oom.group")" = 1 ] || die "memory.oom.group"
	[ "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$2/status")" = 1 ] || die "new privileges"
	[ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$2/status")" = 2 ] || die "no filter"
	! as alice ls "/proc/$2/fd" > /dev/null 2>&1 || die "her other processes reach its descriptors"
	[ "$(cat "/proc/$2/oom_score_adj")" = 500 ] || die "not the first to go"
	grep -E '^Max (core|file size|open)' "/proc/$2/limits"
}

test_contain_probe() {
	local mate victim id words before
	install -d -o alice -g alice -m 700 /srv/alice /srv/alice/file /srv/alice/out
	mate=$(bystander alice) victim=$(bystander bob)
	sleep 1
	words="/srv/alice/file /srv/alice /run/pbitd/socket"
	(cd /srv/alice && setpriv --reuid alice --regid alice --clear-groups \
		"$hostile" free "probe $mate $victim $words") > "$T/free" || die "free: exit status $?"
	jq -c 'map_values(.got)' "$T/free"
	surprises free < "$T/free" | tee "$T/surprises"
	[ ! -s "$T/surprises" ] || die "what she can do otherwise is not known"
	kill -0 "$mate" 2> /dev/null && die "the control did not kill"

	be_hostile
	mate=$(bystander alice)
	sleep 1
	before=$(daemon_pid)
	id=$(act alice "probe $mate $victim ${words% *}") || die "submit"
	acted "$id" > "$T/contained"
	jq -c 'map_values(.got)' "$T/contained"
	[ "$(jq length "$T/contained")" -gt 50 ] || die "it did not try"
	surprises contained < "$T/contained" | tee "$T/surprises"
	[ ! -s "$T/surprises" ] || die "it is not contained"
	# Hers to read, and where the service sees it.
	[ "$(jq -r .read_file.got "$T/contained")" = EACCES ] || die "not by Landlock"
	kill -0 "$mate" || die "a process of hers was killed"
	kill -0 "$victim" || die "a process of bob's was killed"
	[ "$(daemon_pid)" = "$before" ] || die "the daemon was killed"
	kill "$mate" "$victim"
}

# Each fails for itself, while bob's goes on.
test_contain_exhaust() {
	local quiet id began=$SECONDS
	quiet=$(act bob quiet) || die "submit"
	id=$(act alice memory) || die "submit"
	failed_because "$id" "the job used more than its 64 MiB of memory"
	id=$(act alice forks) || die "submit"
	[ "$(acted "$id" | jq .made)" = 0 ] || die "it forked"
	id=$(act alice threads) || die "submit"
	acted "$id" | tee "$T/threads"
	jq -e '.end == "EAGAIN" and .made > 10 and .made < 40' "$T/threads" || die "threads"
	id=$(act alice disk) || die "submit"
	[ "$(acted "$id" | jq -c '[.end, .bytes]')" = '["EFBIG",1048576]' ] || die "disk"
	id=$(act alice foreign) || die "submit"
	failed_because "$id" "worker killed by SIGSYS, for a call of a foreign ABI"
	acted "$quiet" | jq -e .quiet || die "bob's job"
	id=$(act alice stay) || die "submit"
	wait_for 20 eval 'show $id | jq -e .latest'
	as alice pbit cancel "$id" || die "cancel"
	wait_for 20 eval '! pgrep -x -f "$hostile"'
	echo "all of it took $((SECONDS - began)) s"
	wait_for 5 eval '[ -z "$(find $groups/users -mindepth 2 -type d)" ]'
}

# Bob may open any p-bit device, but his job was not given one.
not_given() {
	local id
	modprobe pbit || die "modprobe"
	make_device a || die "device"
	make_device b || die "device"
	udevadm settle
	as bob sh -c ': <> /dev/pbit1' || die "bob cannot open it"
	id=$(act bob "probe 1 1 /none /none" --device embedded0) || die "submit"
	[ "$(acted "$id" | jq -r .open_pbit1.got)" = EACCES ] || die "it opened /dev/pbit1"
	rmdir $configfs/{a,b}
	modprobe -r pbit || die "modprobe -r"
}
test_contain_device() {
	! modinfo pbit > /dev/null 2>&1 || not_given
	be_usual
}
contain_tests="contain_state contain_probe contain_exhaust contain_device"

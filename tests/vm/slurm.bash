#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs within the virtual machine of slurm.sh, as root: what pbit-slurm(7) says, by the example files
# that it is shipped with.
set -u
export LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_COLORS=0
. /usr/local/lib/pbit-vm/common.bash

examples=/usr/share/pbit/examples/slurm
configfs=/sys/kernel/config/pbit
# Which nodes can be opened, "pbit0 ok" a line, or why not.
cat > /usr/local/bin/try-nodes << 'END'
#!/bin/bash
for n in /dev/pbit?; do
	if said=$( (: <> "$n") 2>&1); then echo "${n#/dev/} ok"; else echo "${n#/dev/} ${said##*: }"; fi
done
END
# Says what it may open, and stays until it is told to go.
cat > /usr/local/bin/hold-nodes << 'END'
#!/bin/bash
try-nodes > "$1.new" && mv "$1.new" "$1"
until [ -e "$1.go" ]; do sleep 0.2; done
END
chmod 755 /usr/local/bin/{try,hold}-nodes

test_boot() {
	[ "$(systemctl is-system-running --wait)" = running ] ||
		die "the system: $(systemctl --failed --no-legend)"
	[ -d /sys/module/pbit ] || die "the module was not loaded"
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || die "not control groups v2"
}

# As the manual says, before a device is there: the reference is of the embedded one.
test_install() {
	systemctl mask --now pbitd.socket pbitd.service || die "systemctl mask"
	systemd-sysusers && udevadm control --reload || die "systemd-sysusers"
	for u in alice bob carol; do usermod -aG pbit $u; done
	test_job
	pkill -u alice -x pbitd
	for d in a b; do
		mkdir $configfs/$d && echo 1 > $configfs/$d/live || die "no device"
	done
	udevadm settle
	[ "$(as alice try-nodes | xargs)" = "pbit0 ok pbit1 ok" ] || die "$(as alice try-nodes)"
	install -m 644 -t /etc/slurm $examples/{slurm,gres,cgroup}.conf || die "no examples"
	# There is no network, and the resolver does not count 127.0.0.1 for one.
	ip address add 10.0.0.1/32 dev lo || die "no address"
	slurmd -C
	systemctl restart munge.service slurmctld.service slurmd.service || die "start"
	wait_for 60 eval '[ "$(sinfo -h -o %T)" = idle ]'
	sinfo -o '%n %T %c %G'
	[ "$(sinfo -h -o %G)" = gpu:pbit:2 ] || die "gres: $(sinfo -h -o %G)"
}

# One was asked for, one can be opened; none without asking; outside, all.
test_grant() {
	local others
	as alice srun --gres=gpu:pbit:1 try-nodes | tee "$T/nodes"
	[ "$(grep -c ' ok$' "$T/nodes")" = 1 ] || die "not one node"
	others=$(grep -v ' ok$' "$T/nodes")
	[[ $others == "pbit"[01]" Operation not permitted" ]] || die "the other: $others"
	as alice srun try-nodes | tee "$T/nodes"
	[ "$(grep -c 'Operation not permitted' "$T/nodes")" = 2 ] || die "a job without any has one"
	as alice srun --gres=gpu:pbit:2 try-nodes | tee "$T/nodes"
	[ "$(grep -c ' ok$' "$T/nodes")" = 2 ] || die "not two nodes"
}

# What the job's own pbitd makes of that.
test_private() {
	as alice srun --gres=gpu:pbit:1 pbit private -n pbit devices --json > "$T/devices" ||
		die "pbit private: exit status $?"
	jq -c '.[] | [.name, .backend, .state, .reason]' "$T/devices"
	[ "$(jq -c 'map(select(.backend == "emulated" and .state == "idle")) | length' \
		"$T/devices")" = 1 ] || die "not one device"
	jq -e 'map(select(.state == "unsupported") | .reason) | sort | (.[0] | test(
		"^/dev/pbit[01] cannot be opened: Operation not permitted; its control group")) and
		(.[1] | test("jobs = 0"))' "$T/devices" || die "reasons"
	as alice srun pbit private -n pbit devices > "$T/out" 2> "$T/err" && die "without a device"
	cat "$T/err"
	grep -q '^pbit private: no p-bit device can be used: /dev/pbit[01] cannot be opened' "$T/err" ||
		die "it does not say why"
	[ -z "$(find /tmp -maxdepth 1 -name 'pbit-*')" ] || die "left behind: $(ls -d /tmp/pbit-*)"
	! pgrep -x pbitd || die "a pbitd stays"
}

job_state() { scontrol -o show job "$1" | sed -n 's/.* JobState=\([A-Z]*\) .*/\1/p'; }
is_job() { [ "$(job_state "$1")" = "$2" ]; }
batch() { # USER ARGUMENT...: prints the number
	local user=$1
	shift
	as "$user" sbatch --parsable -o "/home/$user/%j.log" "$@"
}
same_as_whole() { # DIR
	local f
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp "/home/alice/whole/$f" "$1/$f" || die "$f differs from the embedded device's"
	done
}

# The example as it is shipped; on the device that was given, with the bits of the embedded one.
test_train() {
	local id began=$SECONDS
	id=$(batch alice $examples/train.sbatch "$T/spec.json" out) || die "sbatch"
	wait_for 300 eval '! is_job $id PENDING && ! is_job $id RUNNING && ! is_job $id COMPLETING'
	cat "/home/alice/$id.log"
	is_job "$id" COMPLETED || die "$(scontrol show job "$id")"
	echo "trained in $((SECONDS - began)) s"
	jq -c .device /home/alice/out/report.json
	[ "$(jq -r .device.backend /home/alice/out/report.json)" = emulated ] || die "not in the kernel"
	same_as_whole /home/alice/out
}

# Two users at once, and a third, who waits for a device while there are processors.
test_three() {
	local a b c d
	a=$(batch alice --gres=gpu:pbit:1 --wrap "srun hold-nodes /home/alice/a") || die "sbatch"
	wait_for 60 test -s /home/alice/a
	b=$(batch bob --gres=gpu:pbit:1 --wrap "srun hold-nodes /home/bob/b") || die "sbatch"
	wait_for 60 test -s /home/bob/b
	cat /home/alice/a /home/bob/b
	[ "$(cat /home/alice/a /home/bob/b | grep ' ok$' | sort | xargs)" = "pbit0 ok pbit1 ok" ] ||
		die "they have the same device"
	c=$(batch carol --gres=gpu:pbit:1 --wrap "srun hold-nodes /home/carol/c") || die "sbatch"
	wait_for 60 eval '[ "$(squeue -h -j $c -o "%T %r")" = "PENDING Resources" ]'
	squeue -o '%i %u %T %r %b'
	touch /home/bob/b.go
	wait_for 60 test -s /home/carol/c
	[ "$(grep ' ok$' /home/carol/c)" = "$(grep ' ok$' /home/bob/b)" ] || die "$(cat /home/carol/c)"
	touch /home/alice/a.go /home/carol/c.go
	wait_for 60 eval '[ -z "$(squeue -h)" ]'
	# It is the device that is waited for: one job has both, and another runs without.
	a=$(batch alice --gres=gpu:pbit:2 --wrap "srun hold-nodes /home/alice/both") || die "sbatch"
	wait_for 60 test -s /home/alice/both
	c=$(batch carol --gres=gpu:pbit:1 --wrap true) || die "sbatch"
	wait_for 60 eval '[ "$(squeue -h -j $c -o "%T %r")" = "PENDING Resources" ]'
	d=$(batch bob --wrap true) || die "sbatch"
	wait_for 60 is_job "$d" COMPLETED
	is_job "$c" PENDING || die "carol's job does not wait"
	touch /home/alice/both.go
	wait_for 60 eval '[ -z "$(squeue -h)" ]'
}

private_state() { PBIT_SOCKET=$(echo /tmp/pbit-*/socket) as alice pbit show 1 --json; }
# Taken off its device in mid-run, and put back into Slurm's queue: the manual's script.
test_requeue() {
	local id
	cat > "$T/requeue" << 'END'
#!/bin/bash
#SBATCH --requeue --gres=gpu:pbit:1
srun pbit private -n --state-dir "$HOME/pbit-$SLURM_JOB_ID" sh -c '
	id=$(pbit queue --all --json | jq ".[0].id // empty")
	id=${id:-$(pbit submit '"$SPEC"' --json | jq .id)}
	pbit watch "$id" && pbit show "$id" --json > show.json && pbit fetch "$id" -o requeued'
END
	chmod 755 "$T/requeue"
	id=$(SPEC=$T/spec.json batch alice "$T/requeue") || die "sbatch"
	wait_for 100 eval 'private_state | jq -e ".state == \"running\" and .progress > 0.15"'
	scontrol requeue "$id" || die "requeue"
	wait_for 100 eval 'is_job $id PENDING && ! pgrep -x pbitd'
	scontrol update JobId="$id" StartTime=now || die "update"
	wait_for 300 eval 'is_job $id COMPLETED'
	cat "/home/alice/$id.log"
	[ "$(jq .resumes /home/alice/show.json)" -ge 1 ] || die "it began anew"
	same_as_whole /home/alice/requeued
}

run_tests boot install grant private train three requeue journal
cat /var/log/slurm/slurmctld.log /var/log/slurm/slurmd.log
journalctl -b --no-pager -o short-monotonic
say "tainted $(cat /proc/sys/kernel/tainted)"
say "done"

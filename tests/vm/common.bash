# SPDX-License-Identifier: MIT
# Sourced by what runs within a virtual machine: users' commands, waiting, jobs and their results.
# Each test is a function test_NAME, and says what came of it to the kernel's log, as init.c does.

T=$(mktemp -d /var/tmp/pbit-vm-XXXXXX)
chmod 711 "$T"
digits=/usr/share/pbit/examples/digits

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

# Fetches a job's results and compares them with the undisturbed ones.
same_bits() { # ID
	local dir=/home/alice/job-$1
	must_be_done "$1"
	as alice pbit fetch "$1" -o "$dir" || die "fetch"
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp "/home/alice/whole/$f" "$dir/$f" || die "$f differs from the undisturbed run's"
	done
}

test_journal() {
	journalctl -b -u pbitd.service -o cat | grep -iE 'assert|traceback|sanitizer|denied|not permitted' &&
		die "the journal complains"
	! journalctl -b -k -q -g 'type=1326' | grep -v hostile_worker ||
		die "a system call was refused by a signal"
	[ "$(systemctl --failed --no-legend --plain | wc -l)" = 0 ] || {
		systemctl --failed --no-legend --plain
		die "units have failed"
	}
}

run_tests() { # NAME...
	local t
	for t in "$@"; do
		say "start $t"
		echo "== $t, ${SECONDS} s after the start"
		# In a process of its own, which die may leave; and to no terminal, so in no colours.
		(test_$t) 2>&1 | cat
		say "run $t: exit ${PIPESTATUS[0]}"
	done
}

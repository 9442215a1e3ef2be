#!/bin/bash
# SPDX-License-Identifier: MIT
# A job survives kill -9 of the daemon, of daemon and worker, a gentle stop, the death of its worker, a
# preemption and a hold, each in mid-run; its results are the bits of an undisturbed run. A worker that
# dies twice fails its job alone.
. "$(dirname "$0")/common.bash"

small_spec | jq '.optimizer.epochs = 12 | .optimizer.steps = 20' > spec.json
run 0 "$pbit" train spec.json --watch -o whole
ok "undisturbed run"

strip() { jq -S 'del(.timing)' "$1/report.json"; }
check_bits()
{
	run 0 "$pbit" fetch "$1" -o "$2"
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp whole/$f "$2/$f" || die "$2: $f differs from the undisturbed run's"
	done
	[ "$(strip whole)" = "$(strip "$2")" ] || die "$2: report.json differs"
	grep -q '"seconds"' whole/metrics.jsonl || die "metrics have no seconds"
	diff <(jq -cS 'del(.seconds)' whole/metrics.jsonl) <(jq -cS 'del(.seconds)' "$2/metrics.jsonl") ||
		die "$2: metrics.jsonl differs"
}

in_mid_run() { "$pbit" show "$1" --json | jq -e '.state == "running" and .progress > 0.15'; }
has_died() { "$pbit" show "$1" --json | jq -e ".crashes == $2"; }
ended() { "$pbit" show "$1" --json | jq -e '.state == "done" or .state == "failed"'; }

for how in kill9 term kill9-twice; do
	run 0 "$pbit" submit spec.json --json
	id=$(jq -r .id "$T/out")
	wait_for 60 in_mid_run "$id"
	daemon=$(daemon_pids)
	case $how in
	term) kill -TERM "$daemon" ;;
	*) kill -9 "$daemon" ;;
	esac
	while kill -0 "$daemon" 2> /dev/null; do sleep 0.05; done
	if [ $how = kill9-twice ]; then
		"$pbit" queue > /dev/null
		sleep 0.4
		kill -9 "$(daemon_pids)"
	fi
	wait_for 90 ended "$id" # each question starts a daemon if there is none
	is_state "$id" done || die "$how: job is $(state_of "$id")"
	[ "$("$pbit" show "$id" --json | jq .resumes)" -ge 1 ] || die "$how: the job was not resumed"
	check_bits "$id" "after-$how"
	ok "$how in mid-run: resumed, same bits"
done

# One job that is held, makes room for a short one, and loses its worker.
resumed() { "$pbit" show "$1" --json | jq -e ".state == \"running\" and .resumes == $2 and .latest"; }
run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
wait_for 60 in_mid_run "$id"
daemon=$(daemon_pids)
run 0 "$pbit" hold "$id"
wait_for 30 is_state "$id" queued
[ "$("$pbit" show "$id" --json | jq -r .held)" = user ] || die "the job is not held"
pgrep -P "$daemon" -f pbit-worker && die "a held job has a process"
run 0 "$pbit" release "$id"
wait_for 30 resumed "$id" 1
jq '.optimizer.epochs = 1 | .optimizer.steps = 2' spec.json > short.json
run 0 "$pbit" submit short.json --time 10 --json
short=$(jq -r .id "$T/out")
wait_for 60 is_state "$short" done
is_state "$id" done && die "the long job was done before the short one began"
wait_for 60 resumed "$id" 2
kill -SEGV "$(pgrep -P "$daemon" -f pbit-worker)"
wait_for 90 ended "$id"
is_state "$id" done || die "a worker's first death left its job $(state_of "$id")"
"$pbit" show "$id" --json | jq -e '.resumes == 3 and .crashes == 1' > /dev/null ||
	die "resumes and crashes: $("$pbit" show "$id" --json)"
check_bits "$id" after-all-that
ok "held, preempted by a short job, its worker killed by SIGSEGV: resumed, same bits"

run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
for i in 1 2; do
	wait_for 60 has_died "$id" $((i - 1))
	wait_for 60 in_mid_run "$id"
	kill -SEGV "$(pgrep -P "$daemon" -f pbit-worker)"
done
wait_for 30 ended "$id"
is_state "$id" failed || die "a killed worker left its job $(state_of "$id")"
"$pbit" show "$id" --json | jq -r .reason | grep -q SIGSEGV || die "the reason does not name SIGSEGV"
[ "$(daemon_pids)" = "$daemon" ] || die "the daemon did not stay as it was"
ok "killed twice: $("$pbit" show "$id" --json | jq -r .reason)"

run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
wait_for 60 in_mid_run "$id"
run 0 "$pbit" cancel "$id"
wait_for 30 is_state "$id" cancelled
pgrep -P "$(daemon_pids)" -f pbit-worker && die "a cancelled job's worker lives on"
ok "cancel in mid-run"

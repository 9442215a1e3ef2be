#!/bin/bash
# SPDX-License-Identifier: MIT
# pbit log and pbit metrics: of a job that is done, one that is followed through a crash of the
# daemon to its end, one that failed; and what is hostile in a log.
. "$(dirname "$0")/common.bash"

small_spec | jq '.optimizer.epochs = 12 | .optimizer.steps = 20' > spec.json
run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
"$pbit" metrics "$id" --follow > followed 2> "$T/followed-err" &
follower=$!
"$pbit" log "$id" --follow > followed-log 2>> "$T/followed-err" &
reader=$!
wait_for 60 grep -q tau_int followed
daemon=$(daemon_pids)
echo $'\e[2J cleared \xff' >> "$T/state/pbit/jobs/$id/log"
kill -9 "$daemon"
wait $follower || die "metrics --follow: $(cat "$T/followed-err")"
wait $reader || die "log --follow: $(cat "$T/followed-err")"
is_state "$id" done || die "job $id is $(state_of "$id")"
run 0 "$pbit" metrics "$id"
cmp followed "$T/out" || die "what was followed is not what there is"
jq -se 'length > 5 and .[0].event == "started" and .[-1].event == "done" and
	([.[] | select(.event == "started")] | length) >= 2 and
	([.[].time] == ([.[].time] | unique)) and
	([.[] | select(.tau_int != null) | .loss > 0 and .K > 0 and .tau_error >= 0 and .flips > 0 and
		.epoch >= 1 and .k_over_tau > 0] | length > 0 and all)' "$T/out" > /dev/null ||
	die "metrics: $(cat "$T/out")"
ok "metrics, followed through a crash: $(wc -l < followed) lines"

grep -q '^?\[2J cleared ?$' followed-log || die "log --follow: $(cat -v followed-log)"
grep -q $'\e' followed-log && die "a job moves the cursor of its reader"
run 0 "$pbit" log "$id" --json
jq -e '.line == "?[2J cleared ?"' "$T/out" > /dev/null || die "log --json: $(cat "$T/out")"
ok "log: $(cat followed-log)"

# Metrics of a run that is as its report says it was.
run 0 "$pbit" fetch "$id" -o results
jq -s '[.[] | select(.model == "hypernetwork" and .tau_int != null)] | last' followed > last.json
jq -e --slurpfile last last.json '.epochs[] | select(.epoch == $last[0].epoch) |
	(.tau_int - $last[0].tau_int | fabs) < 1e-6 * .tau_int and
	(.loglik_train - $last[0].loglik_train | fabs) < 1e-6' results/report.json > /dev/null ||
	die "the report says otherwise: $(cat last.json)"
ok "metrics and report agree"

# It stays when the job has failed.
run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
wait_for 60 grep -q loss <("$pbit" metrics "$id" --follow)
# Once is forgiven.
again() { "$pbit" show "$id" --json | jq -e '.crashes == 1 and .state == "running"'; }
kill -SEGV "$(pgrep -P "$(daemon_pids)" -f pbit-worker)"
wait_for 30 again
kill -SEGV "$(pgrep -P "$(daemon_pids)" -f pbit-worker)"
wait_for 30 is_state "$id" failed
run 0 "$pbit" metrics "$id"
jq -se '.[0].event == "started" and .[-1].event == "failed" and (.[-1].reason | test("SIGSEGV"))
	and any(.loss != null)' "$T/out" > /dev/null || die "metrics of a job that failed: $(cat "$T/out")"
ok "metrics of a job that failed"
refused 'no job 999' "$pbit" log 999
refused 'no job 999' "$pbit" metrics 999
refused 'not a job number' "$pbit" metrics x

#!/bin/bash
# SPDX-License-Identifier: MIT
# The verbs of a shared queue, with a real daemon: bands, time limits, holds, dependencies, arrays,
# ranges, usage, reservations; and, for root, three users who are not each other.
. "$(dirname "$0")/common.bash"

small_spec > spec.json
jq '.optimizer.epochs = 2000 | .name = "long"' spec.json > long.json
echo '{"kind": "bench", "seconds": 0.01, "chains": 16, "threads": 1, "training": 0}' > bench.json
me=$(id -un)
field() { "$pbit" show "$1" --json | jq -r "$2"; }
is() { [ "$(field "$1" "$2")" = "$3" ]; }
must() { is "$@" || die "job $1: $2 is '$(field "$1" "$2")', not '$3'"; }
order() { "$pbit" queue --state queued --json | jq -r 'sort_by(.position) | map(.id) | join(" ")'; }

# Nothing starts behind this one, which is held when the rest is looked at.
run 0 "$pbit" submit long.json --json --band low --time 1h
jq -e '. == {"id": 1}' "$T/out" > /dev/null || die "submit --json: $(cat "$T/out")"
wait_for 30 is_state 1 running
must 1 .band low
must 1 .time_limit 3600

# An array: one submission, numbers that follow each other, a spec of its own each.
run 0 "$pbit" submit spec.json --array optimizer.rate=0.01,0.02,0.03 --hold
[ "$(cat "$T/out")" = 'jobs 2-4 queued' ] || die "$(cat "$T/out")"
run 0 "$pbit" submit spec.json --array seed=5..6 --json
jq -e '. == {"id": 5, "count": 2}' "$T/out" > /dev/null || die "array --json: $(cat "$T/out")"
for i in 0 1 2; do
	must $((2 + i)) .spec.optimizer.rate "0.0$((1 + i))"
	must $((2 + i)) .array 2
	must $((2 + i)) .index $i
	must $((2 + i)) .held user
done
must 6 .spec.seed 6
run 0 "$pbit" show 4
grep -Eq '^array +2, value 3$' "$T/out" || die "show of an array's job"
grep -Eq '^held by +its owner$' "$T/out" || die "show of a held job"
refused 'array value 2, -1: optimizer.rate' "$pbit" submit spec.json --array optimizer.rate=1,-1
run 0 "$pbit" queue --json
[ "$(jq length "$T/out")" = 6 ] || die "an array with a bad value was queued in part"
ok "arrays, all or none"

# Bands order one's own jobs; every waiting job has a position and a reason.
run 0 "$pbit" submit spec.json --band low
run 0 "$pbit" submit spec.json --band high
[ "$(order)" = '8 5 6 7 2 3 4' ] || die "the order is $(order)"
run 0 "$pbit" queue --json
jq -e 'map(select(.state == "queued")) | (map(.position) | sort) == [range(1; 8)] and
	all(.reason != "")' "$T/out" > /dev/null || die "positions and reasons"
ok "bands: $(order)"

# The queue on a terminal of 80 columns and less, and where there is none.
for columns in 80 60 44; do
	COLUMNS=$columns TERM=xterm script -qec "'$pbit' queue" "$T/typescript" > /dev/null
	sed '1d;$d' "$T/typescript" | tr -d '\r' > "$T/out"
	[ "$(wc -L < "$T/out")" -le $columns ] || die "wider than $columns columns"
	[ "$(grep -Ec "^ *[0-9]+ +$me " "$T/out")" = 8 ] || die "not every job at $columns"
	# Nothing of a reason is lost.
	for word in $(field 6 .reason); do
		grep -qF -- "$word" "$T/out" || die "$columns columns lack '$word'"
	done
done
run 0 "$pbit" queue
[ "$(wc -l < "$T/out")" = 9 ] || die "a line each, without a terminal"
grep -Eq "^ *6 .* $(field 6 .reason)$" "$T/out" || die "a reason is cut without a terminal"
run 0 "$pbit" queue --state running,queued --user "$me" --json
[ "$(jq length "$T/out")" = 8 ] || die "queue --state --user"
run 0 "$pbit" queue --user nobody-here --json
[ "$(jq length "$T/out")" = 0 ] || die "queue --user"
ok "the queue keeps its terminal's width, and cuts nothing elsewhere"

# Dependencies: one that cannot be kept fails its job, with the reason; any end will do for another.
run 0 "$pbit" submit spec.json --after 2,3 --json
run 0 "$pbit" submit spec.json --after 2 --after-any 3 --hold --json
must 9 '.after_ok | map(tostring) | join(",")' 2,3
must 10 '.after_ok + .after_any | map(tostring) | join(",")' 2,3
run 0 "$pbit" show 10
grep -Eq '^after end +3$' "$T/out" || die "show of a dependent job"
refused 'job 999' "$pbit" submit spec.json --after 999
run 0 "$pbit" cancel 3
wait_for 10 is_state 9 failed
field 9 .reason | grep -q 'job 3' || die "the reason is '$(field 9 .reason)'"
ok "job 9 failed: $(field 9 .reason)"

# Hold and release, one that runs among them; ranges mean what waits or runs.
run 0 "$pbit" hold 1 --json
jq -e '. == [{"id": 1, "held": true}]' "$T/out" > /dev/null || die "hold --json"
wait_for 30 is_state 8 done
must 1 .held user
is_state 1 queued || die "a held job is $(state_of 1)"
done_of_1=$(field 1 .progress)
wait_for 60 is_state 7 done
run 0 "$pbit" release 2-4
[ "$(sort "$T/out" | tr '\n' ' ')" = 'job 2 released job 4 released ' ] || die "$(cat "$T/out")"
wait_for 30 is_state 4 done
is_state 10 queued || die "a held job with its dependencies met is $(state_of 10)"
run 0 "$pbit" release 10
wait_for 30 is_state 10 done
run 0 "$pbit" release 1 --json
wait_for 30 is_state 1 running
awk "BEGIN { exit !($(field 1 .progress) >= $done_of_1) }" || die "a released job lost its progress"
ok "a held job goes on from where it was, at $(field 1 .progress)"

run 0 "$pbit" submit bench.json --array seed=1..4 --hold
run 0 "$pbit" cancel 11-12 13 --json
jq -e 'map(.id) == [11, 12, 13] and all(.state == "cancelled")' "$T/out" > /dev/null || die "cancel"
run 1 "$pbit" cancel 11-13
grep -q '11-13: none of these jobs waits or runs' "$T/err" || die "$(cat "$T/err")"
run 1 "$pbit" cancel 12 5-14
[ "$(cat "$T/out")" = 'job 14 cancelled' ] || die "cancel of one that ended and a range"
[ "$(wc -l < "$T/err")" = 1 ] || die "not one line: $(cat "$T/err")"
ok "ranges: $(cat "$T/err")"

# A time limit ends a job; what it had stays.
run 0 "$pbit" submit long.json --time 1 --json
id=$(jq .id "$T/out")
wait_for 60 is_state "$id" failed
field "$id" .reason | grep -q 'time limit of 1 s' || die "the reason is '$(field "$id" .reason)'"
ok "job $id failed: $(field "$id" .reason)"

# Accounting, with the prices.
run 0 "$pbit" cancel 1
is_idle() { [ "$("$pbit" devices --json | jq '.[0].running')" = 0 ]; }
wait_for 30 is_idle
run 0 "$pbit" usage --json
jq -e --arg me "$me" '(.users | length) == 1 and (.users[0] | .user == $me and .device_seconds > 1 and
	.flips > 0 and .joules_device > 0 and .joules_software > .joules_device) and
	(.prices | length) > 2 and (.prices | all(.what != "" and .joules > 0 and .source != ""))' \
	"$T/out" > /dev/null || die "usage --json: $(cat "$T/out")"
"$pbit" queue --all --json | jq -r '.[].id' | while read -r id; do field "$id" .device_seconds; done |
	awk '{ sum += $1 } END { print sum }' > "$T/sum"
jq -e --argjson sum "$(cat "$T/sum")" '.users[0].device_seconds - $sum | fabs < 0.001' "$T/out" \
	> /dev/null || die "the jobs' device time is $(cat "$T/sum")"
jobs=$(jq '.users[0].jobs' "$T/out")
run 0 "$pbit" usage --user "$me" --since 7d
grep -Eq "^$me +$jobs +[0-9:]+ +[0-9.e]+ +[0-9.]+ .J +[0-9.]+ .?J$" "$T/out" || die "usage"
grep -q 'flip of an sMTJ p-bit .* 1 fJ  design figure' "$T/out" || die "usage without its prices"
run 0 "$pbit" usage --since "$(date -d tomorrow +%F)" --json
jq -e '[.users[] | .jobs] | add // 0 | . == 0' "$T/out" > /dev/null || die "usage --since tomorrow"
ok "usage: $("$pbit" usage | grep "^$me ")"

# Reservations: who is meant, and when.
run 0 "$pbit" reserve embedded0 --from 2099-01-01 --for 2h --user "$me" --why 'a talk' --json
id=$(jq .id "$T/out")
run 0 "$pbit" reserve --list --json
jq -e --argjson id "$id" --arg me "$me" '.[0] | .id == $id and .device == "embedded0" and
	.users == [$me] and .why == "a talk" and .by == $me and .until - .from == 7200000000' \
	"$T/out" > /dev/null || die "reserve --list --json: $(cat "$T/out")"
run 0 "$pbit" reserve --list
grep -Eq "^ *$id +embedded0 +2099-01-01 00:00 +2099-01-01 02:00 +$me +$me +a talk$" "$T/out" ||
	die "reserve --list: $(cat "$T/out")"
run 0 "$pbit" reserve --cancel "$id"
refused 'no reservation' "$pbit" reserve --cancel "$id"
refused 'nobody-here' "$pbit" reserve embedded0 --for 2h --user nobody-here
run 0 "$pbit" reserve --list --json
[ "$(jq length "$T/out")" = 0 ] || die "a cancelled reservation is listed"
ok "reservations"

# Three users: needs root, to be them.
[ "$(id -u)" = 0 ] || exit 0
chmod 711 "$T"
mkdir -m 755 "$T/shared"
install -m 644 spec.json long.json bench.json "$T/shared"
cd "$T/shared" || exit 1
export PBIT_SOCKET=$T/shared/socket
"$bin/pbitd" --socket "$PBIT_SOCKET" --state-dir "$T/state/shared" > "$T/shared.log" 2>&1 &
wait_for 10 test -S "$PBIT_SOCKET"
as() { # UID COMMAND...
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}
run 0 as 3001 "$pbit" submit long.json
run 0 as 3002 "$pbit" submit bench.json --array seed=1..2 --hold
run 0 as 3001 "$pbit" submit bench.json --hold
wait_for 30 is_state 1 running

# Others see that there is a job, whose it is and how far it is; not what it is, and not its figures.
run 0 as 3002 "$pbit" show 1 --json
jq -e '.user == "3001" and .state == "running" and .name == "" and .latest == null and
	(has("spec") | not)' "$T/out" > /dev/null || die "what another sees: $(cat "$T/out")"
wait_for 30 is 1 '.latest.loss != null' true
run 0 as 3002 "$pbit" top --json
jq -e '(.jobs | length) == 4 and (.jobs[] | select(.id == 1) | .latest) == null and
	(.users | map(.user) | sort) == ["3001", "3002"]' "$T/out" > /dev/null || die "top of another"
run 0 as 3001 "$pbit" top --once
grep -Eq '^ +1  3001 .* loss ' "$T/out" || die "top of the owner: $(cat "$T/out")"
ok "what others see"

# Nobody acts on another's; of a range, one's own are meant, and the rest is counted.
run 1 as 3002 "$pbit" cancel 1
grep -q "job 1 is 3001's" "$T/err" || die "$(cat "$T/err")"
run 1 as 3002 "$pbit" hold 1
run 1 as 3002 "$pbit" cancel 1-9
[ "$(cat "$T/out")" = $'job 2 cancelled\njob 3 cancelled' ] || die "a range: $(cat "$T/out")"
grep -q '1-9: 2 jobs are not yours, and were left alone' "$T/err" || die "$(cat "$T/err")"
ok "$(cat "$T/err")"
run 0 "$pbit" hold 1
run 1 as 3001 "$pbit" release 1
grep -q 'held by an admin' "$T/err" || die "$(cat "$T/err")"
ok "$(cat "$T/err")"
run 0 "$pbit" release 1
for way in 'reserve embedded0 --for 2h --user 3002' 'reserve --cancel 1'; do
	# shellcheck disable=SC2086
	run 1 as 3002 "$pbit" $way
	grep -q 'only root and the group pbit-admin' "$T/err" || die "$(cat "$T/err")"
done
ok "$(cat "$T/err")"
run 0 as 3002 "$pbit" usage --json
jq -e '(.users | map({user, jobs})) == [{"user": "3001", "jobs": 2}, {"user": "3002", "jobs": 2}]' \
	"$T/out" > /dev/null || die "usage of all: $(cat "$T/out")"
run 0 "$pbit" cancel 1-9
ok "three users"
kill %%
wait 2> /dev/null

#!/bin/bash
# SPDX-License-Identifier: MIT
# The pbit command with a real daemon: watching, detaching, reconnecting, fetching, bad files.
. "$(dirname "$0")/common.bash"

small_spec > spec.json
jq '.optimizer.epochs = 400' spec.json > long.json

# --json --watch: one object a line, the id first, the report last.
run 0 "$pbit" train spec.json --watch --json --set name='a job' --seed 5
jq -es '.[0].id > 0 and (.[1:-1] | all(.state != null)) and .[-2].state == "done"
	and .[-1].kind == "train" and .[-1].id == .[0].id and .[-1].seed == 5 and .[-1].name == "a job"' \
	"$T/out" > /dev/null || die "stream of train --watch --json"
done_id=$(head -1 "$T/out" | jq .id)
ok "train --watch --json"

# Not a terminal: a few lines, no control characters before the table.
run 0 "$pbit" watch "$done_id"
grep -q "^job $done_id: done" "$T/out" || die "no line for the state"
grep -q $'[\r\033]' "$T/out" && die "control characters without a terminal"
ok "watch of a job that is done"

# On a terminal: a redrawn line within its columns, then the table.
COLUMNS=60 TERM=xterm script -qec "$pbit train spec.json --watch" "$T/typescript" > /dev/null
tr '\r' '\n' < "$T/typescript" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' | grep -a '^job .*%' > "$T/bars"
grep -q '[█░].* %' "$T/bars" || die "no bar on a terminal"
while read -r line; do
	[ ${#line} -lt 60 ] || die "wider than the terminal: $line"
done < "$T/bars"
grep -aq 'held-out' "$T/typescript" || die "no table on a terminal"
ok "progress bar on a terminal: $(sed -n 2p "$T/bars")"

# Ctrl-C detaches: the job goes on.
"$pbit" train long.json --watch --json > "$T/out" 2> "$T/err" &
watcher=$!
wait_for 30 grep -q running "$T/out"
long=$(head -1 "$T/out" | jq .id)
# A shell starts background jobs with SIGINT ignored, which the watch respects.
kill -INT $watcher
sleep 0.2
kill -0 $watcher 2> /dev/null || die "an ignored SIGINT ended the watch"
kill $watcher
wait $watcher 2> /dev/null
python3 - "$pbit" "$long" > "$T/out" 2> "$T/err" << 'PYTHON' || die "Ctrl-C did not detach"
import signal, subprocess, sys
w = subprocess.Popen([sys.argv[1], "watch", sys.argv[2]], stdout=subprocess.PIPE, text=True,
                     stderr=subprocess.PIPE)
w.stdout.readline()
w.send_signal(signal.SIGINT)
out, err = w.communicate(timeout=100)
sys.exit(0 if w.returncode == 0 and err.count("\n") == 1 and "goes on" in err else 1)
PYTHON
is_state "$long" running || die "the job ended with its watcher: $(state_of "$long")"
ok "Ctrl-C detaches"

# A device by its name: the one there is, one there is not, and what is no name.
run 0 "$pbit" submit spec.json --device pbit63 --json
elsewhere=$(jq .id "$T/out")
run 0 "$pbit" show "$elsewhere" --json
jq -e '.reason | startswith("waits for pbit63, which is not there")' "$T/out" > /dev/null ||
	die "show: $(cat "$T/out")"
jq -e '.spec.device.name == "pbit63"' "$T/out" > /dev/null || die "the name is not in the spec"
run 0 "$pbit" cancel "$elsewhere"
refused "device.name: is no device's name" "$pbit" submit spec.json --device /dev/pbit0
run 0 "$pbit" show "$long" --json
jq -e '.device == "embedded0"' "$T/out" > /dev/null || die "where it runs"
run 0 "$pbit" devices
grep -Eq "^embedded0 +embedded +[0-9]+ +busy +[0-9]+ +[^ ]+ +$long of " "$T/out" || die "devices"
ok "devices by their names"

# A job that waits says why; cancelling one that waits.
run 0 "$pbit" submit spec.json --json
waiting=$(jq .id "$T/out")
run 0 "$pbit" queue --json
jq -e --argjson id "$waiting" '.[] | select(.id == $id) | .state == "queued" and .position == 1 and
	.reason != "" and .user != "" and .kind == "train" and .progress == 0' "$T/out" > /dev/null ||
	die "queue --json: $(cat "$T/out")"
run 0 "$pbit" queue
grep -Eq "^ *$waiting .*queued" "$T/out" || die "queue"
run 1 "$pbit" fetch "$waiting"
[ "$(wc -l < "$T/err")" = 1 ] || die "fetch of a job that waits"
ok "$(cat "$T/err")"
run 0 "$pbit" cancel "$waiting" --json
jq -e --argjson id "$waiting" '.[0].id == $id' "$T/out" > /dev/null || die "cancel --json"
run 1 "$pbit" cancel "$waiting"
[ "$(wc -l < "$T/err")" = 1 ] || die "second cancel"
ok "$(cat "$T/err")"
run 1 "$pbit" watch "$waiting"
grep -q 'was cancelled' "$T/err" || die "watch of a cancelled job"
ok "$(cat "$T/err")"
refused 'no job 999' "$pbit" show 999
refused 'no job 999' "$pbit" watch 999
refused 'no job 999' "$pbit" cancel 999
refused 'no job 999' "$pbit" fetch 999

# The daemon dies in mid-watch: the watch goes on with the next one.
"$pbit" watch "$long" --json > "$T/watch" 2> "$T/watch-err" &
watcher=$!
wait_for 30 grep -q running "$T/watch"
daemon=$(daemon_pids)
kill -9 "$daemon"
lines=$(wc -l < "$T/watch")
more_lines() { [ "$(wc -l < "$T/watch")" -gt "$lines" ]; }
wait_for 30 more_lines
kill -0 $watcher || die "the watch ended with the daemon: $(cat "$T/watch-err")"
run 0 "$pbit" cancel "$long"
wait $watcher
[ $? = 1 ] || die "watch of a cancelled job does not exit 1"
grep -q "job $long was cancelled" "$T/watch-err" || die "$(cat "$T/watch-err")"
ok "a watch outlives the daemon"

# Fetch: nothing is overwritten, nothing half is left.
run 0 "$pbit" fetch "$done_id"
[ -s "pbit-$done_id/report.json" ] || die "fetch into pbit-$done_id"
refused 'exists; give --force' "$pbit" fetch "$done_id"
run 0 "$pbit" fetch "$done_id" --force --json
jq -e --argjson id "$done_id" '.id == $id and (.files | length) > 3' "$T/out" > /dev/null ||
	die "fetch --json"
touch file
refused 'file' "$pbit" fetch "$done_id" -o file
refused 'cannot make' "$pbit" fetch "$done_id" -o missing/directory
refused 'exists; give --force' "$pbit" train spec.json --watch -o "pbit-$done_id"
mkdir full
refused 'cannot write full/.*nothing of it was kept' \
	bash -c "trap '' XFSZ; ulimit -f 1; exec '$pbit' fetch $done_id -o full"
[ -z "$(ls -A full)" ] || die "left behind: $(ls -A full)"
ok "a full disk leaves nothing half"

# Sample and bench.
python3 -c "
import struct
def npy(name, shape, values):
    h = repr({'descr': '<f8', 'fortran_order': False, 'shape': shape})
    h += ' ' * (63 - (10 + len(h)) % 64) + '\n'
    with open(name, 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(h)) + h.encode())
        f.write(struct.pack('<%dd' % len(values), *values))
npy('W.npy', (3, 2), [0.5, -0.25, 0.125, 1.0, -1.0, 0.75])
npy('nan.npy', (3, 2), [0.5, -0.25, 0.125, float('nan'), -1.0, 0.75])
npy('flat.npy', (6,), [0.5, -0.25, 0.125, 1.0, -1.0, 0.75])
npy('codes.npy', (10, 2), [float('inf')] * 20)
npy('few.npy', (3, 2), [1.0] * 6)
"
run 0 "$pbit" sample W.npy --chains 8 --sweeps 300 --beta 0.5 --scan random-direction --json -o sampled
jq -e '.id > 0 and .flips == 12000 and .seconds >= 0 and .device_joules > 0 and .chains == 8
	and .best_energy < 0 and .mean_energy >= .best_energy' "$T/out" > /dev/null || die "sample"
[ -s sampled/report.json ] || die "sample -o"
ok "sample --json"
run 0 "$pbit" sample W.npy
grep -q 'lowest E' "$T/out" || die "table of sample"
run 0 "$pbit" bench --seconds 0.02 --chains 64 --threads 2 --model W.npy --json
jq -e '.kind == "bench" and (.rows | length) > 3 and (.rows | all(.network != null and
	.backend != null and .threads > 0 and .flips_per_ns > 0)) and (.rows | map(select(.network == "3x2 model")) | length) == 4 and
	.trained == "W.npy, code 0" and
	(.ratios | all(.threads == 1 or .embedded_over_one_thread > 0))' "$T/out" > /dev/null ||
	die "bench"
refused 'W_none.npy' "$pbit" bench --model W_none.npy
refused 'nan.npy: row 1, value 1, is NaN' "$pbit" bench --model nan.npy
refused 'leave out one of them' "$pbit" bench --session --model W.npy
ok "bench --json, and a model of one's own"

# Bad files are told before anything is queued.
run 0 "$pbit" queue --all --json
before=$(jq length "$T/out")
refused 'nan.npy: row 1, value 1, is NaN' "$pbit" sample nan.npy
refused 'flat.npy: couplings have shape' "$pbit" sample flat.npy
refused 'W.npy: W\[0\]\[0\] = 0.5 is beyond 8 coupling bits' "$pbit" sample W.npy --scale 0.001
refused 'missing.npy' "$pbit" sample missing.npy
refused 'spec.json' "$pbit" sample spec.json
refused 'is a directory' "$pbit" sample .
refused 'codes.npy: code 0, value 0, is \+inf' "$pbit" train spec.json \
	--set model.code="$PWD/codes.npy"
refused 'few.npy has codes for 0 .. 2' "$pbit" train spec.json \
	--set model.code="$PWD/few.npy"
refused 'labels have' "$pbit" train spec.json --set data.labels="$PWD/few.npy"
head -c 1000 "$digits/optdigits_images.npy" > cut.npy
refused 'cut.npy' "$pbit" train spec.json --set data.images="$PWD/cut.npy"
run 0 "$pbit" queue --all --json
[ "$(jq length "$T/out")" = "$before" ] || die "a bad job was queued"
ok "nothing bad was queued"

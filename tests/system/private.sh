#!/bin/bash
# SPDX-License-Identifier: MIT
# pbit private: a daemon of a command's own, which leaves with it, whatever becomes of either.
. "$(dirname "$0")/common.bash"

export TMPDIR=$T/tmp
mkdir "$TMPDIR"
small_spec > spec.json
# Those of this test; a worker's parent is its daemon.
daemons() { pgrep -f -- "--state-dir $T/"; }
nothing_left()
{
	wait_for 60 eval '! daemons'
	[ -z "$(ls "$TMPDIR")" ] || die "left behind: $(find "$TMPDIR")"
}

run 0 "$pbit" private sh -c 'echo "$PBIT_SOCKET"; exec "$0" devices --json' "$pbit"
[ "$(dirname "$(dirname "$(head -n 1 "$T/out")")")" = "$TMPDIR" ] || die "its socket is elsewhere"
tail -n +2 "$T/out" | jq -e '.[0].name == "embedded0"' > /dev/null || die "no device"
nothing_left
ok "a command finds the daemon, which leaves nothing behind"

run 7 "$pbit" private sh -c 'exit 7'
run 137 "$pbit" private sh -c 'kill -9 $$'
run 127 "$pbit" private "$T/none"
run 126 "$pbit" private "$T"
run 0 "$pbit" private printf '%s|' --watch -- -o x
[ "$(cat "$T/out")" = '--watch|--|-o|x|' ] || die "arguments: $(cat "$T/out")"
run 0 "$pbit" private --json echo hello
[ "$(tail -n 1 "$T/out")" = hello ] || die "the command's output"
sed '$d' "$T/out" | jq -e '.socket and .state_dir and .devices[0].name == "embedded0"' > /dev/null ||
	die "--json"
refused "unknown option --frobnicate" "$pbit" private --frobnicate true
refused "--state-dir: $T/out is not a directory" "$pbit" private -d "$T/out" true
nothing_left
ok "exit status, arguments and output are the command's"

PBIT_PBITD=$T/none run 75 "$pbit" private touch ran
PBIT_PBITD=/bin/false run 75 "$pbit" private touch ran
run 75 "$pbit" private --state-dir "$T/none/there" touch ran
TMPDIR=$T/none run 75 "$pbit" private touch ran
run 1 "$pbit" private --nodes-only touch ran
grep -q '^pbit private: no p-bit device can be used: ' "$T/err" || die "$(cat "$T/err")"
[ ! -e ran ] || die "the command was run"
TMPDIR=$T/$(printf 'long%.0s' {1..30}) run 0 "$pbit" private true
nothing_left
ok "without a daemon or a device, nothing is run"

# Descriptor 8 is a pipe that nobody reads any more; the command's own SIGPIPE is as usual.
mkfifo unread
exec 7<> unread 8> unread 7<&-
"$pbit" private --json true >&8 2> "$T/err"
[ $? = 2 ] || die "a pipe that nobody reads: exit status $?"
grep -q 'cannot write to stdout: Broken pipe' "$T/err" || die "$(cat "$T/err")"
PBIT_PBITD=/bin/ls "$pbit" private true > "$T/out" 2>&8
[ $? = 75 ] || die "nobody reads its stderr: exit status $?"
"$pbit" private sh -c 'while :; do echo more; done' >&8 2> "$T/err"
[ $? = 141 ] || die "the command's SIGPIPE: exit status $?"
exec 8>&-
nothing_left
ok "pipes that nobody reads leave nothing behind"

# Beside the usual daemon, and beside each other.
run 0 "$pbit" train spec.json --watch -o whole
for i in 1 2; do
	"$pbit" private "$pbit" train spec.json --watch -o private-$i > private-$i.log 2>&1 &
	pids[i]=$!
done
for i in 1 2; do
	wait "${pids[i]}" || die "$(cat private-$i.log)"
	cmp whole/model.safetensors private-$i/model.safetensors || die "not the same bits"
done
[ "$("$pbit" queue --all --json | jq length)" = 1 ] || die "they are in the user's queue"
nothing_left
ok "two at once have a queue each, and the bits of the usual daemon"

# What ends the command ends the daemon and its workers; what kills pbit does, too.
long='{"kind": "bench", "seconds": 600}'
for s in TERM HUP KILL; do
	echo "$long" | "$pbit" private sh -c '"$0" submit - --json > id; echo $$ > started; exec sleep 600' \
		"$pbit" > private.log 2>&1 &
	pid=$!
	wait_for 60 test -s started
	daemon=$(daemons)
	wait_for 60 pgrep -P "$daemon" -x pbit-worker
	worker=$(pgrep -P "$daemon" -x pbit-worker)
	[ "$(ps -o sid= -p "$daemon")" != "$(ps -o sid= -p $pid)" ] || die "the terminal's keys reach it"
	kill -$s $pid
	wait $pid
	status=$?
	[ $status = $((128 + $(kill -l $s))) ] || die "SIG$s: exit status $status"
	wait_for 60 eval "! kill -0 $worker 2> /dev/null"
	wait_for 60 eval "! kill -0 $daemon 2> /dev/null"
	[ $s = KILL ] || nothing_left
	[ $s != KILL ] || kill "$(cat started)"
	rm -rf started id "${TMPDIR:?}"/*
done
ok "no worker outlives it"

nohup "$pbit" private sh -c 'kill -HUP $PPID; kill -HUP $$; sleep 0.2; echo stays' > private.log 2>&1 ||
	die "nohup: exit status $?"
grep -qx stays private.log || die "nohup: $(cat private.log)"
nothing_left
ok "what was ignored stays so"

# A job that was not done goes on where its directory is named again.
small_spec | jq '.optimizer.epochs = 12' > longer.json
run 0 "$pbit" train longer.json --watch -o longer
"$pbit" private --state-dir kept sh -c '"$0" submit longer.json; echo "$PBIT_SOCKET" > started
	exec sleep 600' "$pbit" > private.log 2>&1 &
pid=$!
wait_for 60 test -s started
sock=$(cat started)
progress() { PBIT_SOCKET=$sock "$pbit" show 1 --json | jq -e '.progress > 0.1'; }
wait_for 60 progress
kill $pid
wait $pid
nothing_left
# shellcheck disable=SC2016
run 0 "$pbit" private -d kept sh -c '"$0" watch 1 && "$0" fetch 1 -o resumed && "$0" show 1 --json > show' \
	"$pbit"
jq -e '.resumes >= 1' show > /dev/null || die "it began anew: $(cat show)"
cmp longer/model.safetensors resumed/model.safetensors || die "not the same bits"
nothing_left
ok "jobs of a directory that is named go on, to the same bits"

# The manual of sites of Slurm's shows the files that are shipped and tested.
for f in gres.conf cgroup.conf train.sbatch; do
	grep -v '^# ' "$root/client/examples/slurm/$f"
done > lines
sed -n '/^$/,$p' "$root/client/examples/slurm/slurm.conf" >> lines
sed -i -e '/^#SBATCH --job-name/d; /^set -eu$/d; /^$/d' lines
[ "$(wc -l < lines)" -gt 10 ] || die "$(cat lines)"
while read -r line; do
	grep -qxF -- "$line" "$root/client/man/pbit-slurm.7" || die "pbit-slurm(7) lacks: $line"
done < lines
ok "the manual has the lines of the example files"

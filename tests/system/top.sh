#!/bin/bash
# SPDX-License-Identifier: MIT
# pbit top on a real terminal (tmux's), over a real daemon with jobs: keys are sent, the screen is
# read back.
. "$(dirname "$0")/common.bash"

export TMUX_TMPDIR=$T
mux() { tmux -L top -f /dev/null "$@"; }
trap 'mux kill-server 2> /dev/null; clean_up' EXIT

screen() { mux capture-pane -p -t top > "$T/out" && cat "$T/out"; }
shows() { screen | grep -Eq -- "$1"; }
shows_not() { ! shows "$1"; }
expect() { wait_for 30 shows "$1"; }
keys() { mux send-keys -t top "$@"; }
# No line is wider than the screen, and there are as many as it has.
fits() { # COLUMNS ROWS
	[ "$(screen | wc -l)" = "$2" ] || die "$(wc -l < "$T/out") lines on a screen of $2"
	[ "$(wc -L < "$T/out")" -le "$1" ] || die "a line is wider than $1 columns"
}

small_spec > spec.json
jq '.optimizer.epochs = 2000 | .name = "long"' spec.json > long.json
me=$(id -un)
run 0 "$pbit" submit long.json
run 0 "$pbit" submit long.json --array seed=2..30
run 0 "$pbit" submit spec.json --hold
run 0 "$pbit" submit spec.json --after 1
is_running() { is_state 1 running; }
wait_for 30 is_running

# One frame as text, and as JSON: what is in one is in the other.
run 0 "$pbit" top --once
grep -Eq '^pbit top +1 running, 31 waiting, temperature 31\.00 +[0-9:]+$' "$T/out" || die "title"
grep -Eq "^embedded0 +embedded +32768 +busy +[-0-9.]+ +1 of $me$" "$T/out" || die "device"
grep -Eq "^$me +1 +█+│? +100 % +100 % +[0-9:]+ +1 +31$" "$T/out" || die "share"
grep -Eq "^ +1 +$me +train +running +[█▏▎▍▌▋▊▉░]+ +[0-9]+ % " "$T/out" || die "running job"
grep -Eq "^ +32 +$me +train +waits [0-9]+ +waits for job 1" "$T/out" || die "dependent job"
[ "$(grep -c ' waits [0-9]' "$T/out")" = 31 ] || die "not every waiting job is in the frame"
grep -q $'\033' "$T/out" && die "escapes without a terminal"
run 0 env COLUMNS=40 LC_ALL=C "$pbit" top < /dev/null
[ "$(wc -L < "$T/out")" -le 40 ] || die "a frame of 40 columns"
grep -q '[^ -~]' "$T/out" && die "more than ASCII in the C locale"
run 0 "$pbit" top --json
jq -e '(.devices | length) == 1 and .devices[0].state == "busy" and (.users | length) == 1 and
	.users[0].share == 1 and .queue.running == 1 and .queue.waiting == 31 and
	.queue.temperature == 31 and (.jobs | length) == 32 and .half_life_s == 604800 and
	(.jobs[0] | .id == 1 and .device == "embedded0" and .state == "running") and
	(.jobs[1:] | all(.position > 0 and .reason != ""))' "$T/out" > /dev/null || die "top --json"
ok "one frame, as text and as JSON"

# Live. Escape sequences are tmux's business: what it shows is what a user would see.
# It may start no daemon itself, so that it is seen to be without one.
mux new-session -d -s top -x 80 -y 24 "PBIT_PBITD=/nonexistent '$pbit' top --interval 0.3; echo status \$?; exec cat"
expect '^pbit top +1 running, 31 waiting'
expect "^ +1 +$me +train +running .*loss [0-9.]+, K/tau"
expect '^q quit .* k cancel '
shows '1-[0-9]+ of 32$' || die "which part of the list is shown"
fits 80 24
ok "80x24: $(grep -E '^ +1 ' "$T/out")"

# Arrows choose, the list follows, a line tells all of the chosen job.
keys Down
expect '^job 1: loss .* epoch [0-9]+/2000'
keys End
expect '^job 32: waits for job 1'
keys Up
expect '^job 31: waits: it is held by'
expect "^ +31 +$me .* waits "
shows "^ +1 +$me +train +running" && die "the list did not scroll"
keys Home
expect "^ +1 +$me +train +running"
ok "arrows"

# Another size, while it runs.
for size in 40x10 120x40 60x12; do
	mux resize-window -t top -x ${size%x*} -y ${size#*x}
	case $size in
	40x10) expect '^pbit top +1 run 31 wait T 31\.00' ;;
	120x40) expect '^pbit top +1 running, 31 waiting, temperature 31.00 ' ;;
	60x12) expect '^pbit top +1 run 31 wait T 31\.00' ;;
	esac
	expect "^ +1 +$me .*running"
	wait_for 10 shows '^q quit'
	fits ${size%x*} ${size#*x}
	ok "$size"
done
mux resize-window -t top -x 80 -y 24

# Help, and the jobs of a user.
keys '?'
expect 'k +cancel the chosen job'
keys x
expect "^ +1 +$me"
keys u nobody Enter
expect '^pbit top, jobs of nobody'
expect 'no jobs of that user'
keys u BSpace Escape
expect '^pbit top, jobs of nobody'
keys u "$me" Enter
expect "^pbit top, jobs of $me "
expect "^ +1 +$me"
keys u Enter
expect '^pbit top +1 running'
ok "help, and the jobs of one user"

# Cancel: only after a yes.
keys Home Down k
expect '^cancel job 2, train of '
keys n
expect '^q quit'
is_state 2 queued || die "job 2 is $(state_of 2)"
keys k
expect '^cancel job 2, '
keys y
expect '^job 2 is cancelled'
is_state 2 cancelled || die "job 2 is $(state_of 2)"
expect '1 running, 30 waiting'
ok "cancel with a confirmation"

# The daemon dies, and is there again. What was there stays on the screen.
daemon=$(daemon_pids)
kill -9 "$daemon"
expect '^pbitd is gone since [0-9]+ s; trying to reach it again'
expect "^ +1 +$me"
keys u x
expect '^jobs of user .*: x_'
keys Escape
expect '^pbitd is gone since [1-9]'
ok "$(grep gone "$T/out")"
run 0 "$pbit" queue
expect '^pbitd was gone for [0-9]+ s, and is there again'
ok "$(grep 'there again' "$T/out")"
wait_for 30 is_running
expect '1 running, 30 waiting'

keys q
expect '^status 0'
shows '^pbit top' && die "the screen was not given back"
is_running || die "leaving ended a job"

# Ctrl-C leaves too; a terminal that can do nothing gets a frame of text.
mux respawn-pane -k -t top "'$pbit' top; echo status \$?; exec cat"
expect '^pbit top '
keys C-c
expect '^status 0'
mux respawn-pane -k -t top "TERM=dumb '$pbit' top | head -1; exec cat"
expect '^pbit top +1 running'
mux respawn-pane -k -t top "TERM=no-such-terminal '$pbit' top; echo status \$?; exec cat"
expect "terminal 'no-such-terminal' cannot be used"
expect '^status 2'
ok "leaving, and terminals that cannot"

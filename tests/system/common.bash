# SPDX-License-Identifier: MIT
# Sourced by the tests in this folder: a runtime and state directory of their own, the programs of
# $BUILD, and clean-up of every daemon they started. Steps report with ok and die.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$root/$BUILD ;; esac
bin=$BUILD/bin
pbit=$bin/pbit
digits=$root/client/examples/digits

T=$(mktemp -d /tmp/pbit-test-XXXXXX)
export XDG_RUNTIME_DIR=$T/run XDG_STATE_HOME=$T/state HOME=$T LC_ALL=C.UTF-8
unset PBIT_SOCKET NOTIFY_SOCKET LISTEN_FDS
mkdir -p -m 700 "$T/run" "$T/state" "$T/work"
cd "$T/work" || exit 1

daemon_pids()
{
	for p in $(pgrep -x pbitd); do
		{ tr '\0' '\n' < "/proc/$p/environ"; } 2>/dev/null | grep -qx "XDG_RUNTIME_DIR=$T/run" && echo "$p"
	done
}

clean_up()
{
	for p in $(daemon_pids); do kill -9 "$p" 2>/dev/null; done
	jobs -p | xargs -r kill -9 2>/dev/null
	cd / && rm -rf "$T"
}
trap clean_up EXIT

ok() { echo "ok - $*"; }
die()
{
	echo "not ok - $*"
	for f in "$T"/out "$T"/err "$T"/state/pbit/pbitd.log; do
		[ -s "$f" ] && { echo "--- $f"; tail -n 20 "$f"; }
	done
	exit 1
}

# run EXPECTED_STATUS COMMAND...: output in $T/out and $T/err.
run()
{
	local want=$1 got
	shift
	"$@" > "$T/out" 2> "$T/err" < /dev/null
	got=$?
	[ "$got" = "$want" ] || die "$*: exit status $got, expected $want"
}

# refused PATTERN COMMAND...: exit 2 and exactly one line on stderr, which matches PATTERN.
refused()
{
	local pattern=$1
	shift
	run 2 "$@"
	[ "$(wc -l < "$T/err")" = 1 ] || die "$*: not one line on stderr"
	grep -Eq -- "$pattern" "$T/err" || die "$*: '$(cat "$T/err")' does not match '$pattern'"
	ok "$(cut -c1-150 "$T/err")"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for()
{
	# Patience costs nothing where all is well; beside other work, a machine may be ten times slower.
	local end=$((SECONDS + 10 * $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "waited in vain for: $*"
		sleep 0.1
	done
}

# jq -e, of version 1.6, takes no output at all for success.
jq()
{
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

state_of() { "$pbit" show "$1" --json | jq -r .state; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }

# A train job on the digits that takes about a second.
small_spec()
{
	jq --arg dir "$digits" '.data.images = $dir + "/optdigits_images.npy" |
		.data.labels = $dir + "/optdigits_labels.npy" | .optimizer.epochs = 3 |
		.optimizer.steps = 5 | .model.hidden = 6 | .report.tau_sweeps = 256' \
		"$digits/digits.json"
}

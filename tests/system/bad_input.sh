#!/bin/bash
# SPDX-License-Identifier: MIT
# Bad input: one clear line and exit 2, or a failed job with the reason; nothing crashes, nothing is
# lost, and a good job still runs afterwards.
. "$(dirname "$0")/common.bash"

small_spec > good.json
variant() { jq "$1" good.json > bad.json; }

# npy NAME HEADER-DICT BYTES: a .npy file by hand.
npy()
{
	python3 - "$@" << 'PY'
import struct, sys
name, header, size = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
header += b" " * (-(len(header) + 11) % 64) + b"\n"
open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(size))
PY
}

# The daemon is up for all of it, and must be the same one at the end.
run 0 "$pbit" devices
daemon=$(daemon_pids)

refused 'nowhere\.json' "$pbit" train nowhere.json
printf '{"kind": "train",\n "data": }' > bad.json
refused 'line 2' "$pbit" train bad.json
printf '%0.s[' {1..100000} > bad.json
refused 'deep|nest' "$pbit" train bad.json
head -c 300000 /dev/zero | tr '\0' ' ' > bad.json
refused 'large|KiB|bytes' "$pbit" train bad.json
: > bad.json
refused 'empty' "$pbit" train bad.json
variant '.optimizer.rtae = 1'
refused "optimizer\.rtae.*'rate'" "$pbit" train bad.json
variant '.optimizer.rate = "fast"'
refused 'optimizer\.rate' "$pbit" train bad.json
variant '.optimizer.rate = 1e999'
refused 'optimizer\.rate|range|number' "$pbit" train bad.json
variant '.device.beta = -1'
refused 'device\.beta' "$pbit" train bad.json
variant '.device.chains = 0'
refused 'device\.chains' "$pbit" train bad.json
variant '.model.hidden = 1000000'
refused 'model\.hidden' "$pbit" train bad.json
variant 'del(.data.images)'
refused 'data\.images|images' "$pbit" train bad.json

images() { jq --arg f "$T/work/$1" '.data.images = $f' good.json > bad.json; }
images absent.npy
refused 'absent\.npy' "$pbit" train bad.json
head -c 5000 "$digits/optdigits_images.npy" > cut.npy
images cut.npy
refused 'cut\.npy.*(truncated|short|holds|bytes)' "$pbit" train bad.json
echo hello > text.npy
images text.npy
refused 'text\.npy' "$pbit" train bad.json
npy complex.npy "{'descr': '<c16', 'fortran_order': False, 'shape': (1797, 8), }" 230016
images complex.npy
refused 'complex\.npy.*(c16|complex)' "$pbit" train bad.json
npy fortran.npy "{'descr': '|u1', 'fortran_order': True, 'shape': (1797, 8, 8), }" 115008
images fortran.npy
refused 'fortran\.npy.*Fortran' "$pbit" train bad.json
npy huge.npy "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }" 64
images huge.npy
refused 'huge\.npy' "$pbit" train bad.json
npy short.npy "{'descr': '|u1', 'fortran_order': False, 'shape': (12, 8, 8), }" 768
images short.npy
refused 'images|labels' "$pbit" train bad.json
npy scalar.npy "{'descr': '|u1', 'fortran_order': False, 'shape': (), }" 1
images scalar.npy
refused 'scalar\.npy|images' "$pbit" train bad.json
mkfifo pipe.npy
images pipe.npy
refused 'pipe\.npy.*(regular|file)' "$pbit" train bad.json
images .
refused 'regular|directory' "$pbit" train bad.json
printf '\0\0\x08\x03\0\0\0\x05\0\0\0\x08\0\0\0\x08abc' > cut.idx
images cut.idx
refused 'cut\.idx' "$pbit" train bad.json

python3 - "$digits/optdigits_labels.npy" << 'PY'
import sys
d = bytearray(open(sys.argv[1], "rb").read())
d[-1] = 200
open("labels.npy", "wb").write(d)
import struct
def codes(name, value):
    h = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10, 2), }"
    h += b" " * (-(len(h) + 11) % 64) + b"\n"
    body = [0.5] * 20
    body[7] = value
    open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h + struct.pack("<20d", *body))
codes("nan.npy", float("nan")); codes("inf.npy", float("inf")); codes("good-codes.npy", 0.25)
PY
jq --arg f "$T/work/labels.npy" --arg c "$T/work/good-codes.npy" '.data.labels = $f | .model.code = $c' good.json > bad.json
refused 'label.*200|200.*label|label' "$pbit" train bad.json
for v in nan inf; do
	jq --arg c "$T/work/$v.npy" '.model.code = $c' good.json > bad.json
	refused "$v\.npy" "$pbit" train bad.json
done

# Couplings beyond the device.
npy wide.npy "{'descr': '|i1', 'fortran_order': False, 'shape': (20000, 2), }" 40000
refused 'wide\.npy|20000|16384' "$pbit" sample wide.npy
python3 - << 'PY'
import struct
h = b"{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }"
h += b" " * (-(len(h) + 11) % 64) + b"\n"
open("range.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h + struct.pack("<4h", 1, 2, 3000, -4))
PY
refused '3000.*127' "$pbit" sample range.npy --bits 8

# Usage.
refused 'train' "$pbit" train
refused 'fly' "$pbit" fly
refused '999' "$pbit" show 999
refused 'x' "$pbit" show x

# Descriptors that are closed: none of them is the socket to the daemon, which has to go on.
for c in 'queue --json' devices 'sample range.npy --bits 16 --chains 8 --sweeps 101'; do
	# shellcheck disable=SC2086
	"$pbit" $c >&- 2> "$T/err"
	[ "$? $(wc -l < "$T/err")" = "2 1" ] || die "$c >&-: not refused in one line"
	grep -q 'cannot write to stdout' "$T/err" || die "$c >&-: $(cat "$T/err")"
	# shellcheck disable=SC2086
	run 0 sh -c 'exec "$@" 2>&-' sh "$pbit" $c
	[ -s "$T/out" ] || die "$c 2>&-: no output"
done
"$pbit" show 999 > "$T/out" 2>&-
[ "$? $(wc -c < "$T/out")" = "2 0" ] || die "show 999 2>&-: not refused in silence"
"$pbit" submit - <&- > "$T/out" 2> "$T/err"
[ "$? $(wc -l < "$T/err")" = "2 1" ] || die "submit - <&-: not refused in one line"
"$bin/pbitd" --user --socket "$T/run/bare" --state-dir "$T/state/bare" <&- >&- 2>&- &
bare=$!
wait_for 10 test -S "$T/run/bare"
for fd in 0 1 2; do
	[ "$(readlink "/proc/$bare/fd/$fd")" = /dev/null ] || die "pbitd without $fd: something else has it"
done
PBIT_SOCKET=$T/run/bare run 0 "$pbit" devices
kill $bare
ok "descriptors that are closed stay apart from the daemon's"

# Results that cannot be written.
run 0 "$pbit" submit good.json --json
id=$(jq -r .id "$T/out")
run 0 "$pbit" watch "$id"
mkdir shut && touch shut/report.json
refused 'report\.json' "$pbit" fetch "$id" -o shut
ok "an existing result is not overwritten"
if mount -t tmpfs -o size=16k none "$T/state" 2> /dev/null; then
	umount "$T/state"
	mkdir small && mount -t tmpfs -o size=16k none small
	"$pbit" fetch "$id" -o small/out > "$T/out" 2> "$T/err" && die "fetch to a full disk succeeded"
	[ "$(wc -l < "$T/err")" = 1 ] || die "fetch to a full disk: not one line"
	ok "$(cat "$T/err")"
	umount small
fi

# A daemon on a full disk refuses, and lives. The limit on file sizes stands in for the disk where
# the test may not mount one.
cat > full.sh << 'SH'
ulimit -f 64
exec "$1" --user --socket "$2" --state-dir "$3"
SH
bash full.sh "$bin/pbitd" "$T/run/full" "$T/state/full" > /dev/null 2>&1 &
wait_for 10 test -S "$T/run/full"
PBIT_SOCKET=$T/run/full "$pbit" submit good.json > "$T/out" 2> "$T/err" &&
	die "a job was acknowledged on a full disk"
[ "$(wc -l < "$T/err")" = 1 ] || die "full disk: not one line"
ok "full disk: $(cat "$T/err")"
run 0 env PBIT_SOCKET="$T/run/full" "$pbit" queue --all --json
[ "$(jq length "$T/out")" = 0 ] || die "a job that was refused is in the queue"

# A daemon that dies in mid-call: frozen, so that the call is under way, then killed.
bash -c 'exec "$0" --user --socket "$1" --state-dir "$2"' "$bin/pbitd" "$T/run/dies" "$T/state/dies" \
	> /dev/null 2>&1 &
victim=$!
wait_for 10 test -S "$T/run/dies"
kill -STOP $victim
(sleep 1; kill -9 $victim) &
PBIT_SOCKET=$T/run/dies "$pbit" submit good.json > "$T/out" 2> "$T/err"
got=$?
[ $got = 75 ] || die "a daemon that dies in mid-call: exit status $got, expected 75"
[ "$(wc -l < "$T/err")" = 1 ] || die "a daemon that dies in mid-call: not one line"
ok "daemon dies in mid-call: $(cat "$T/err")"

[ "$(daemon_pids | grep -cx "$daemon")" = 1 ] || die "the daemon is not the one of the beginning"
run 0 "$pbit" train good.json --watch
ok "a good job still runs, on the same daemon"

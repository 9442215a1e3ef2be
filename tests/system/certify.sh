#!/bin/bash
# SPDX-License-Identifier: MIT
# The exact gate end to end: reference values, kernels, gradients, refusals, stop and start again.
. "$(dirname "$0")/common.bash"

# npy NAME ROWS COLUMNS VALUE...: a .npy file of float64; one value fills it.
npy()
{
	python3 - "$@" << 'PY'
import struct, sys
name, n, m, *x = sys.argv[1:]
n, m, x = int(n), int(m), [float(v) for v in x]
x = x * (n * m) if len(x) == 1 else x
header = str({"descr": "<f8", "fortran_order": False, "shape": (n, m)}).encode()
header += b" " * (-(len(header) + 11) % 64) + b"\n"
open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header +
                       struct.pack(f"<{n * m}d", *x))
PY
}

# The values of a .npy file of float64, one a line.
values()
{
	python3 - "$1" << 'PY'
import struct, sys
b = open(sys.argv[1], "rb").read()
size = struct.unpack("<H", b[8:10])[0]
assert b"'<f8'" in b[10:10 + size]
for x in struct.unpack(f"<{(len(b) - 10 - size) // 8}d", b[10 + size:]):
    print(repr(x))
PY
}

# close A B TOLERANCE: relative.
close() { python3 -c "import sys; a, b, t = map(float, sys.argv[1:]); sys.exit(abs(a - b) > t * abs(b))" "$@"; }
value() { jq "$1" "$T/out"; }

# The reference instance, to the digits known.
npy W.npy 2 2 -0.165460216688931 -0.503730108081027 -0.136124001192678 -0.608282363834905
run 0 "$pbit" certify W.npy --grad G.npy --json
close "$(value .T_O)" 8.331609849209988 2e-15 || die "T_O: $(value .T_O)"
close "$(value .sum_var)" 3.402558280482539 2e-15 || die "sum_var: $(value .sum_var)"
jq -e '.n == 2 and .m == 2 and .beta == 1 and .kernel == "random-scan" and .a2_residual < 1e-15 and
	.condition > 1 and .condition < 1e3 and .gamma > 0 and .gamma < 1 and .tau_max > 1 and
	.value_agreement < 1e-14 and .gradient_agreement < 1e-12 and .refused == null' \
	"$T/out" > /dev/null || die "report: $(cat "$T/out")"
paste <(values G.npy) <(printf '%s\n' -0.0529257336 0.1564308348 0.3542240721 -0.3752691138) |
	while read -r got want; do
		close "$got" "$want" 1e-9 || exit 1
	done || die "gradient: $(values G.npy)"
[ "$(values G.npy)" = "$(jq -r '.grad_W[][]' "$T/out" | python3 -c 'import sys
for x in sys.stdin: print(repr(float(x)))')" ] || die "G.npy is not grad_W"
ok "the reference instance: T_O $(value .T_O), agreement $(value .value_agreement)"

# People get the same, with units.
run 0 "$pbit" certify W.npy
grep -q 'A2 *holds: random-scan is reversible' "$T/out" || die "no verdict: $(cat "$T/out")"
grep -Eq '^ *T_O +8\.33160984920998. +steps' "$T/out" || die "no T_O: $(cat "$T/out")"
grep -q '8 even states, .*about .* s and .* MiB' "$T/out" || die "no estimate: $(cat "$T/out")"
ok "a table for people"

# Without couplings T_O = m^3, however degenerate the spectrum is, and the gradient is zero.
npy zero.npy 4 4 0
run 0 "$pbit" certify zero.npy --json
close "$(value .T_O)" 64 1e-14 || die "W = 0: $(value .T_O)"
jq -e '[.grad_W[][] | fabs] | max < 1e-10' "$T/out" > /dev/null || die "W = 0: a gradient"
ok "W = 0: T_O = m^3"

# Integers, another beta, every kernel: J and beta are one scale, so that the values agree.
npy one.npy 3 4 0.5
python3 -c 'import struct
h = str({"descr": "<i2", "fortran_order": False, "shape": (3, 4)}).encode()
h += b" " * (-(len(h) + 11) % 64) + b"\n"
open("int.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h +
                            struct.pack("<12h", *[5] * 12))'
for kernel in random-scan random-2-block palindrome mixture; do
	run 0 "$pbit" certify one.npy --kernel $kernel --json
	t=$(value .T_O)
	jq -e --arg k $kernel '.kernel == $k and .T_O > 0 and .a2_residual < 1e-15 and .refused == null
		and .value_agreement < 1e-13' "$T/out" > /dev/null || die "$kernel: $(cat "$T/out")"
	run 0 "$pbit" certify int.npy --beta 0.1 --kernel $kernel --json
	close "$(value .T_O)" "$t" 1e-13 || die "$kernel: $(value .T_O), not $t"
	ok "$kernel: T_O $t"
done

# Alternating sweeps are not reversible: the residual and the reason, no values.
run 0 "$pbit" certify one.npy --kernel alternating --json
jq -e '.a2_residual > 1e-3 and .T_O == null and .grad_W == null and .reversible == false and
	(.refused | test("reversible"))' "$T/out" > /dev/null || die "alternating: $(cat "$T/out")"
run 0 "$pbit" certify one.npy --kernel alternating
grep -q 'A2 *fails' "$T/out" || die "alternating, for people: $(cat "$T/out")"
ok "alternating: $(sed -n 's/^A2 *//p' "$T/out")"

# The slope of tau_max and of ln T_O along one coupling, against a difference.
npy a.npy 2 3 0.3 -0.2 0.5 0.1 0.7 -0.4
npy b.npy 2 3 0.30001 -0.2 0.5 0.1 0.7 -0.4
for of in tau_max log-T_O; do
	run 0 "$pbit" certify a.npy --objective $of --json
	cp "$T/out" a.json
	run 0 "$pbit" certify b.npy --objective $of --json
	jq -es --arg of $of 'def f: if $of == "tau_max" then .tau_max else (.T_O | log) end;
		(((.[1] | f) - (.[0] | f)) / 1e-5) as $d | .[0].grad_W[0][0] as $a | .[1].grad_W[0][0] as $b |
		($d - ($a + $b) / 2 | fabs) < 1e-6 * ($d | fabs) + 1e-9' a.json "$T/out" > /dev/null ||
		die "the slope of $of"
done
ok "gradients of tau_max and ln T_O are slopes"

# Refusals: one line that says what, where and how to mend it.
npy nan.npy 2 2 0 nan 0 0
refused 'nan.npy: .*(NaN|finite)' "$pbit" certify nan.npy
npy inf.npy 1 2 inf 0
refused 'inf.npy: .*(inf|finite)' "$pbit" certify inf.npy
python3 - << 'PY'
import struct
def npy(name, shape):
    n = 1
    for d in shape: n *= d
    h = str({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
    h += b" " * (-(len(h) + 11) % 64) + b"\n"
    open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h + bytes(8 * n))
npy("line.npy", (4,))
npy("cube.npy", (2, 2, 2))
npy("empty.npy", (0, 3))
npy("large.npy", (13, 14))
npy("huge.npy", (300, 300))
h = str({"descr": "|i1", "fortran_order": False, "shape": (8000, 8000)}).encode()
h += b" " * (-(len(h) + 11) % 64) + b"\n"
with open("bytes.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h)
    f.truncate(10 + len(h) + 8000 * 8000)
open("model.safetensors", "wb").write(struct.pack("<Q", 147) + b'{"__metadata__":{}}' + b" " * 128)
PY
for f in line cube empty; do
	refused "$f.npy: W (is|has) " "$pbit" certify $f.npy
done
refused 'large.npy: .*GiB' "$pbit" certify large.npy --memory 1
refused 'huge.npy: .*p-bits' "$pbit" certify huge.npy
# Not 512 MB of doubles first.
refused 'bytes.npy: .*p-bits' sh -c "ulimit -v 400000; exec '$pbit' certify bytes.npy"
refused 'model.safetensors: is a trained model' "$pbit" certify model.safetensors
mkfifo pipe.npy
refused 'pipe.npy: .*regular' timeout 10 "$pbit" certify pipe.npy
refused 'beta: 0 is out of range' "$pbit" certify W.npy --beta 0
refused 'beta: -1 is out of range' "$pbit" certify W.npy --beta -1
refused "kernel: 'palindrom' is unknown; did you mean 'palindrome'" "$pbit" certify W.npy --kernel palindrom
refused 'reversible kernel' "$pbit" certify W.npy --kernel alternating --grad H.npy
refused 'no gradient of --objective none' "$pbit" certify W.npy --objective none --grad H.npy
[ -e H.npy ] && die "a file for nothing"
refused 'G.npy exists; give --force' "$pbit" certify W.npy --grad G.npy
refused 'W.npy is missing' "$pbit" certify
refused 'leave W.npy out' "$pbit" certify W.npy --family
refused '--beta does not go with --family' "$pbit" certify --family --beta 2
refused '--cells: only the family' "$pbit" certify W.npy --cells 3
refused '--family and --trap' "$pbit" certify --family --trap
refused 'nowhere.npy' "$pbit" certify nowhere.npy
refused 'text.npy' sh -c "echo hello > text.npy; exec $pbit certify text.npy"

# A client that does not look: the worker refuses too, and says so.
jq -n '{kind: "certify", model: "large.npy", memory: 0.5}' > large.json
run 0 "$pbit" submit large.json --json
large=$(jq .id "$T/out")
run 1 "$pbit" watch "$large"
grep -q 'GiB' "$T/err" || die "not said why: $(cat "$T/err")"
ok "worker: $(cut -c1-140 "$T/err")"

# Stopped and let go again, it begins anew and ends with the same bits; cancelled, it is gone.
npy big.npy 8 8 0
python3 - << 'PY'
import random, struct
random.seed(2)
b = open("big.npy", "rb").read()
open("big.npy", "wb").write(b[:-512] + struct.pack("<64d", *[random.gauss(0, 0.6) for _ in range(64)]))
PY
jq -n '{kind: "certify", model: "big.npy"}' > big.json
run 0 "$pbit" submit big.json --json
first=$(jq .id "$T/out")
run 0 "$pbit" submit big.json --json
second=$(jq .id "$T/out")
wait_for 60 sh -c "'$pbit' show $first --json | jq -e '.latest.phase != null' > /dev/null"
run 0 "$pbit" hold "$first"
wait_for 60 is_state "$first" queued
wait_for 600 is_state "$second" done
run 0 "$pbit" release "$first"
wait_for 600 is_state "$first" done
run 0 "$pbit" fetch "$first" -o one
run 0 "$pbit" fetch "$second" -o two
cmp one/grad.npy two/grad.npy || die "not the same gradient"
[ "$(jq -S 'del(.timing)' one/report.json)" = "$(jq -S 'del(.timing)' two/report.json)" ] ||
	die "not the same report"
run 0 "$pbit" show "$first" --json
jq -e '.resumes >= 1' "$T/out" > /dev/null || die "it was not stopped: $(cat "$T/out")"
ok "stopped and begun again: the same bits"

run 0 "$pbit" submit big.json --json
gone=$(jq .id "$T/out")
wait_for 60 is_state "$gone" running
run 0 "$pbit" cancel "$gone"
wait_for 60 is_state "$gone" cancelled
ok "cancelled"

# The family: a few cells, the same at one stretch and stopped between; the first cells alone.
run 0 "$pbit" certify --family --cells 8 --json
jq -e '.cells == 8 and .constructed == 8 and .worst_value_agreement <= 1e-14 and
	.worst_gradient_error <= 1e-7 and .seconds > 0 and .g1b == "constructed" and
	(.table | length == 8 and all(.criteria.a and .criteria.b and .criteria.c and .criteria.d))' \
	"$T/out" > /dev/null || die "family: $(cat "$T/out")"
ok "family: $(jq -c '[.constructed, .worst_value_agreement, .worst_gradient_error, .seconds]' "$T/out")"
run 0 "$pbit" certify --family --cells 2
grep -q '^G1b *constructed: 2 of 2 cells' "$T/out" || die "no verdict: $(cat "$T/out")"

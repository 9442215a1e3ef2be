#!/bin/bash
# SPDX-License-Identifier: MIT
# A model's mixing, measured and by enumeration; verdicts for people; refusals.
. "$(dirname "$0")/common.bash"

python3 - << 'PY'
import struct
# Two layers that pull at each other: slow enough to have something to measure.
w = [[0.9 if i % 3 == j % 3 else 0.1 * ((i + 2 * j) % 3 - 1) for j in range(5)] for i in range(6)]
h = str({"descr": "<f8", "fortran_order": False, "shape": (6, 5)}).encode()
h += b" " * (-(len(h) + 11) % 64) + b"\n"
open("W.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h +
                          struct.pack("<30d", *sum(w, [])))
PY
value() { jq "$1" "$T/out"; }

# What is measured is what is computed, but for the rounding of the couplings to the device's.
run 0 "$pbit" certify W.npy --kernel mixture --json
t_o=$(value .T_O) bulk=$(value .gamma_bulk) tau=$(value .tau_max)
run 0 "$pbit" measure W.npy --bits 16 --seed 3 --json
jq -e --argjson t "$t_o" --argjson bulk "$bulk" --argjson tau "$tau" '.codes[0] as $c |
	($c.T_O - $t | fabs) < 6 * $c.T_O_error + 0.001 * $t and $c.T_O_resolved and $c.resolved and
	$c.T_O_bound - 6 * $c.T_O_bound_error < $t and $c.T_O_at_least > 0.8 * $t and
	$c.tau_int < 1.5 * $tau and $c.tau_int > 0.5 * $tau and .mixing.a6 == "holds" and
	(.mixing.gamma_bulk - $bulk | fabs) < 0.001 and .flips > 0' "$T/out" > "$T/verdict" ||
	die "T_O $t_o, tau $tau, bulk $bulk: $(cat "$T/out")"
ok "T_O $(value '.codes[0].T_O') +- $(value '.codes[0].T_O_error'), exactly $t_o"

run 0 "$pbit" measure W.npy --window 20 --chains 32
grep -q 'A6 fails: K = 20 sweeps' "$T/out" || die "A6: $(cat "$T/out")"
grep -q 'it would hold from K = ' "$T/out" || die "which K: $(cat "$T/out")"
grep -Eq 'A7 (holds|fails): gamma_bulk = .* by enumeration' "$T/out" || die "A7: $(cat "$T/out")"
run 0 "$pbit" measure W.npy --sweeps 16 --chains 4
grep -q 'A6 not resolved' "$T/out" || die "too short: $(cat "$T/out")"
ok "verdicts"

refused 'not reversible \(A2\)' "$pbit" measure W.npy --scan alternating
refused 'device.chains: 3 chains' "$pbit" measure W.npy --chains 3
refused 'none.npy: cannot be opened' "$pbit" measure none.npy
ok "refusals"

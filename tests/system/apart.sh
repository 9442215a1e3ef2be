#!/bin/bash
# SPDX-License-Identifier: MIT
# The trap is apart: its archive alone has the derivative of an eigendecomposition, no program that runs
# jobs links it, and beside it nothing but the spectrum refers to an eigen-solver. (That no gradient
# leads to the spectrum is tests/exact/test_link's.)
. "$(dirname "$0")/common.bash"

# LAPACK's eigen- and singular value solvers, by their Fortran and C names.
solvers='^(LAPACKE_)?[sdcz](sy|he|st|sb|hb|sp|hp|ge|gg|bd)(ev|evd|evr|evx|es|esx|gv|gvd|gvx|svd|sdd|eqr|erf|edc|ebz|ein|egr|emr|qr|ds|ds?qr)(_2stage)?(_work|_64)?_?$'

# "archive object symbol" of all undefined symbols.
for a in exact numerics worker machine daemon policy base trap; do
	[ -f "$BUILD/lib/lib$a.a" ] || continue
	nm -A -u "$BUILD/lib/lib$a.a" | sed 's|^.*/lib\([a-z]*\)\.a:\([^:]*\): *U |\1 \2 |'
done > undefined
[ "$(wc -l < undefined)" -gt 100 ] || die "nm says nothing"

awk -v re="$solvers" '$3 ~ re { print $1, $2 }' undefined | sort -u > callers
grep -qx 'trap eigh.o' callers || die "the trap has no eigen-solver: the pattern is wrong"
others=$(grep -vxE 'trap eigh\.o|exact spectrum\.o' callers)
[ -z "$others" ] || die "these refer to an eigen-solver: $others"
ok "eigen-solvers: $(paste -sd, callers)"

users=$(awk '$3 ~ /^eigh_/ { print $1, $2 }' undefined | sort -u)
[ "$users" = "trap trap.o" ] || die "these refer to the derivative of an eigendecomposition: $users"
for p in pbit pbitd pbit-worker; do
	nm "$bin/$p" > symbols || die "$p is not there"
	grep -E ' [tT] eigh_' symbols && die "$p has it"
done
ok "the derivative of an eigendecomposition is in no program that runs jobs"

#!/bin/bash
# SPDX-License-Identifier: MIT
# No gradient is taken through an eigendecomposition: of the objects that a job's program is made of,
# none refers to an eigen-solver but the one of the spectrum, and no object of a gradient refers to
# the spectrum. The derivative of an eigendecomposition is in the trap's archive alone.
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
others=$(grep -vxE 'trap eigh\.o|exact (spectrum|lanczos)[a-z_]*\.o' callers)
[ -z "$others" ] || die "these refer to an eigen-solver: $others"
ok "eigen-solvers: $(paste -sd, callers)"

users=$(awk '$3 ~ /^eigh_/ { print $1, $2 }' undefined | sort -u)
[ "$users" = "trap trap.o" ] || die "these refer to the derivative of an eigendecomposition: $users"
for p in pbit pbitd pbit-worker; do
	nm "$bin/$p" | grep -E ' [tT] eigh_' && die "$p has it"
done
ok "the derivative of an eigendecomposition is in no program that runs jobs"

# What a gradient is made of, and all that it leads to, stays clear of the spectrum.
nm -A --defined-only "$BUILD"/lib/lib{exact,numerics}.a |
	sed 's|^.*/lib\([a-z]*\)\.a:\([^:]*\):.* [A-Z] |\1 \2 |' | grep -E '^(exact|numerics) ' > defined
reached="exact_mixing exact_log_t_o_gradient exact_likelihood phi_gradient learner_train"
for _ in $(seq 20); do
	reached=$(
		{
			tr ' ' '\n' <<< "$reached"
			awk 'FILENAME == ARGV[1] { want[$1] = 1; next }
			     FILENAME == "defined" { if ($3 in want) object[$1 " " $2] = 1; next }
			     ($1 " " $2) in object { print $3 }' \
				<(tr ' ' '\n' <<< "$reached") defined undefined
		} | sort -u | paste -sd' '
	)
done
grep -qw exact_pull_back <<< "$reached" || die "the walk from the gradients leads nowhere"
bad=$(tr ' ' '\n' <<< "$reached" | grep -E "^exact_spectrum|^eigh_|$solvers")
[ -z "$bad" ] || die "a gradient leads to $bad"
ok "from the gradients $(wc -w <<< "$reached") symbols are reached, no eigen-solver among them"

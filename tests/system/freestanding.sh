#!/bin/bash
# SPDX-License-Identifier: MIT
# The p-bit machine is freestanding: its scalar files compile for general registers only (so there is
# no floating point in them), and nothing in it calls a library but for memory copies, which the
# kernel has too.
. "$(dirname "$0")/common.bash"

for f in "$root"/kmod/machine/*.c; do
	case $f in
	*_avx2.c) flags="-mavx2 -mbmi -mbmi2 -mpopcnt -maes" ;;
	*_avx512.c | *_amx.c)
		flags="-mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes -mavx512f -mavx512bw -mavx512dq"
		flags="$flags -mavx512vl -mavx512vbmi2 -mamx-tile -mamx-int8"
		;;
	*_vaes.c) flags="-mavx2 -mbmi -mbmi2 -mpopcnt -maes -mvaes" ;;
	*) flags=-mgeneral-regs-only ;;
	esac
	for cc in gcc clang; do
		# shellcheck disable=SC2086
		run 0 $cc -std=gnu11 -O2 -ffreestanding $flags -I"$root/kmod/machine" -c "$f" \
			-o "$(basename "$f" .c)-$cc.o"
	done
done
nm -u ./*.o | awk '/ U / { print $2 }' | sort -u > undefined
nm --defined-only ./*.o | awk 'NF == 3 { print $3 }' | sort -u > defined
calls=$(comm -23 undefined defined | grep -vxE 'mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_')
[ -z "$calls" ] || die "the machine calls: $calls"
ok "freestanding: $(wc -l < defined) symbols, none from a library"
objdump -d rbm_scalar-gcc.o rbm-gcc.o law-gcc.o ars-gcc.o isa-gcc.o | grep -E '%[xyz]mm' &&
	die "vector registers in scalar files"
ok "no vector registers in scalar files"

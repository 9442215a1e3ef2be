#!/bin/bash
# SPDX-License-Identifier: MIT
# The policy is pure: of other code it needs memory, strings, arithmetic and the calendar alone. No
# clock, no bus, no devices, no store, no processes and no threads, so that tests decide what it sees.
. "$(dirname "$0")/common.bash"

lib=$BUILD/lib/libpolicy.a
[ -s "$lib" ] || die "there is no $lib"
nm -u "$lib" | awk '$1 == "U" { print $2 }' | sort -u > undefined
nm --defined-only "$lib" | awk 'NF == 3 { print $3 }' | sort -u > defined
grep -qx queue_next defined || die "the policy is not in $lib"
comm -23 undefined defined > needed
# err_set() of client/base formats a sentence. Days begin where the time zone has it.
grep -vxE '(m|c)alloc|realloc(array)?|free|mem(cpy|set|move|cmp)|str(cmp|len|dup)|snprintf' needed |
	grep -vxE 'exp|expm1|log|fm(ax|in)|ceil|floor|localtime_r|mktime|strftime|err_set' |
	grep -vxE '_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(mem|str|snprintf)[a-z]*_chk' > foreign
[ -s foreign ] && die "the policy calls: $(tr '\n' ' ' < foreign)"
ok "the policy defines $(wc -l < defined) symbols and needs $(wc -l < needed): $(tr '\n' ' ' < needed)"

# Nor do its sources include what would bring such things along.
grep -hoE '^#include [<"][^>"]*' "$root"/daemon/policy/*.[ch] | sed 's/.*[<"]//' | sort -u > includes
for f in $(cat includes); do
	[ -e "$root/daemon/policy/$f" ] && continue
	case $f in
	err.h | errno.h | float.h | inttypes.h | math.h | std*.h | string.h | sys/types.h | time.h) ;;
	*) die "the policy includes $f" ;;
	esac
done
ok "the policy includes its own files and the C library's"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs every command of README.md, in order, in a copy of the tree with a home of its own. A block
# that starts with ```sh is run; `make check` alone is not, because it is what runs this.
. "$(dirname "$0")/common.bash"

mkdir "$T/src"
left_out=()
for d in san clang vm kernels checkpatch test-logs; do
	left_out+=(-path "$BUILD/$d" -prune -o)
done
(cd "$root" && git ls-files -z && find "$BUILD" "${left_out[@]}" -type f -print0 -o -type l -print0 |
	sed -z "s|^$root/||") |
	(cd "$root" && tar --null -T - -cf -) | tar -xf - -C "$T/src"
cd "$T/src" || exit 1
export PATH=$HOME/.local/bin:$PATH

awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' README.md > "$T/commands"
[ "$(wc -l < "$T/commands")" -ge 8 ] || die "README.md has too few commands"
while IFS= read -r line; do
	case $line in
	'' | '#'*) continue ;;
	'make check' | 'make check '*) ok "this is: $line" ; continue ;;
	esac
	start=$SECONDS
	bash -c "$line" > "$T/out" 2> "$T/err" < /dev/null || die "README.md: $line"
	ok "$line ($((SECONDS - start)) s)"
done < "$T/commands"
pkill -f "^$T/" 2> /dev/null
[ -s build/demo/picture.png ] || die "make demo left no picture"
jq -e '.loglik.gain_over_independent >= 2.5 and .loglik.gain_over_separate > 0' \
	build/demo/report.json > /dev/null || die "make demo: the hypernetwork does not win"
jq -r '"the main job: \(.loglik.hypernetwork.all) nats an image, +\(.loglik.gain_over_independent) over independent pixels, +\(.loglik.gain_over_separate) over separate RBMs, \(.timing.seconds) s"' build/demo/report.json
ok "the hypernetwork wins by at least 2.5 nats an image, and over the separate RBMs"

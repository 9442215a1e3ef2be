#!/bin/bash
# SPDX-License-Identifier: MIT
# The pbit command without a daemon: usage errors exit 2 with one line, an unreachable daemon 75.
. "$(dirname "$0")/common.bash"

# Nothing may be started: every refusal must come before that, and 75 from a fixed socket.
export PBIT_SOCKET=$T/none

refused 'give a command' "$pbit"
refused "did you mean 'train'" "$pbit" trian
refused "did you mean 'queue'" "$pbit" help queeu
refused 'there is no command' "$pbit" frobnicate
refused 'is no command' "$pbit" --frobnicate
refused 'one command' "$pbit" help train queue

verbs="devices train submit queue show watch log metrics cancel fetch sample bench"
for c in train submit show watch log metrics cancel fetch sample; do
	refused 'is missing' "$pbit" $c
done
for c in devices queue bench; do
	refused 'one argument too many' "$pbit" $c surplus
done
for c in train submit show watch log metrics fetch sample; do
	refused "'b' is one argument too many" "$pbit" $c a b
done
for c in $verbs; do
	refused 'did you mean --json' "$pbit" $c --jsno
	refused 'did you mean --json' "$pbit" $c --js
	refused 'takes no value' "$pbit" $c --json=yes
	refused 'unknown option -Z' "$pbit" $c -Z
	for form in "$c --help" "$c -h" "help $c"; do
		# shellcheck disable=SC2086
		run 0 "$pbit" $form
		grep -q "^usage: pbit $c" "$T/out" || die "pbit $form: no usage line"
		grep -q -- '--json' "$T/out" || die "pbit $form: no --json"
		[ -s "$T/err" ] && die "pbit $form: text on stderr"
	done
	ok "help of $c"
done
run 0 "$pbit" --version
grep -Eq '^pbit [0-9]+\.[0-9]+\.[0-9]+$' "$T/out" || die "--version: $(cat "$T/out")"
ok "$(cat "$T/out")"
for form in help --help -h; do
	run 0 "$pbit" $form
	for c in $verbs; do
		grep -q "^  $c " "$T/out" || die "$form does not list $c"
	done
	[ "$(grep -Ec '^  [a-z]+ ' "$T/out")" = "$(wc -w <<< "$verbs")" ] || die "$form lists others"
done
ok "help lists the commands"

for c in show watch cancel fetch; do
	for id in x 0 -1 1.5 18446744073709551616 ''; do
		refused 'not a job number|unknown option' "$pbit" $c "$id"
	done
done
refused 'not a job number' "$pbit" cancel 1 2 three

echo '{"kind": "bench"}' > bench.json
refused "not 'train'" "$pbit" train bench.json
refused 'needs --watch' "$pbit" train bench.json -o out
refused 'needs --watch' "$pbit" train bench.json --force
refused 'No such file' "$pbit" train missing.json
refused 'Is a directory|is a directory' "$pbit" submit .
refused 'KEY=VALUE' "$pbit" submit bench.json --set chains
refused 'chains' "$pbit" submit bench.json --set chains=0
refused "bench.json: chians: unknown key; did you mean 'chains'" "$pbit" submit bench.json --set chians=3
refused 'is not an object' "$pbit" submit bench.json --set kind.x=3
refused 'whole number' "$pbit" submit bench.json --seed -1
refused 'whole number' "$pbit" bench --threads two
refused 'finite' "$pbit" bench --seconds nan
refused 'threads' "$pbit" bench --threads 100000
refused 'scan' "$pbit" sample W.npy --scan sideways
refused 'bits' "$pbit" sample W.npy --bits 9
echo '{"kind": "bench",' > cut.json
refused 'cut.json.*line' "$pbit" submit cut.json
printf '[%.0s' $(seq 1 5000) > deep.json
refused 'deep.json' "$pbit" submit deep.json
head -c 300000 /dev/zero | tr '\0' ' ' > large.json
refused 'large.json' "$pbit" submit large.json
echo '{"kind": "bench", "kind": "bench"}' > twice.json
refused 'twice.json.*(duplicate|twice)' "$pbit" submit twice.json
touch file
refused 'file' "$pbit" train bench.json --watch -o file

# An endless stdin ends.
yes '{' 2> /dev/null | "$pbit" submit - > "$T/out" 2> "$T/err"
[ "${PIPESTATUS[1]} $(wc -l < "$T/err")" = "2 1" ] || die "endless stdin"
ok "$(cut -c1-100 "$T/err")"

for c in devices queue 'show 1' 'watch 1' 'cancel 1' 'fetch 1' 'submit bench.json' bench \
	'sample W.npy'; do
	# shellcheck disable=SC2086
	run 75 "$pbit" $c
	[ "$(wc -l < "$T/err")" = 1 ] || die "$c: not one line on stderr"
	[ -s "$T/out" ] && die "$c: text on stdout"
	grep -q "$T/none" "$T/err" || die "$c: the socket is not named"
	ok "75: $(cat "$T/err")"
done
[ -z "$(daemon_pids)" ] || die "a daemon was started in spite of PBIT_SOCKET"
[ -e pbit-1 ] && die "a directory was made for nothing"

# A full disk behind stdout is no success.
"$pbit" help > /dev/full 2> "$T/err"
[ $? = 2 ] || die "help > /dev/full does not exit 2"
grep -q 'cannot write to stdout' "$T/err" || die "help > /dev/full: $(cat "$T/err")"
ok "full disk: $(cat "$T/err")"

# Completion and manual know every command and option that help knows.
for c in $verbs; do
	for option in $("$pbit" help $c | sed -nE 's/^  (-., |    )(--[a-z]+).*/\2/p'); do
		for f in pbit _pbit; do
			grep -q -- "$option" "$root/client/completion/$f" ||
				die "completion/$f lacks $option of $c"
		done
		grep -q -- "Fl -${option#--}\|, -${option#--}" "$root/client/man/pbit.1" ||
			die "pbit.1 lacks $option of $c"
	done
	grep -q "^\.It Cm $c" "$root/client/man/pbit.1" || die "pbit.1 lacks $c"
done
ok "completion and manual are complete"

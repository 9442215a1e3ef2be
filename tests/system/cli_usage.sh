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

verbs="devices train submit queue top show watch log metrics cancel hold release fetch remove report usage
	reserve sample measure certify bench private"
for c in train submit show watch log metrics cancel hold release fetch remove report sample measure private; do
	refused 'is missing' "$pbit" $c
done
for c in devices queue top usage bench; do
	refused 'one argument too many' "$pbit" $c surplus
done
for c in train submit show watch log metrics fetch report sample measure; do
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
for form in help --help -h 'help help'; do
	# shellcheck disable=SC2086
	run 0 "$pbit" $form
	for c in $verbs; do
		grep -q "^  $c " "$T/out" || die "$form does not list $c"
	done
	[ "$(grep -Ec '^  [a-z]+ ' "$T/out")" = "$(wc -w <<< "$verbs")" ] || die "$form lists others"
done
ok "help lists the commands"

for c in show watch cancel hold release fetch remove; do
	for id in x 0 -1 1.5 18446744073709551616 ''; do
		refused 'not a job number|unknown option' "$pbit" $c "$id"
	done
done
refused 'not a job number' "$pbit" cancel 1 2 three
refused 'nor a range' "$pbit" hold 1-2-3
refused 'ends before it begins' "$pbit" release 12-7

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
refused 'device.name: .*UTF-8' "$pbit" bench --session --device $'\xff'
refused 'scan' "$pbit" sample W.npy --scan sideways
refused 'bits' "$pbit" sample W.npy --bits 9
refused "--band: 'urgent' is none" "$pbit" submit bench.json --band urgent
refused "--time: 'soon' is no time span" "$pbit" submit bench.json --time soon
refused "--time: '0' is not between" "$pbit" submit bench.json --time 0
refused "--after: 'x' is not a job number" "$pbit" submit bench.json --after x
refused "--after-any: '1-3' is not a job number" "$pbit" sample W.npy --after-any 1-3
refused 'is not KEY=VALUES' "$pbit" submit bench.json --array seed
refused 'is more than 1000 jobs' "$pbit" submit bench.json --array seed=1..5000
refused "bench.json: array value 1, 1: sede: unknown key; did you mean 'seed'" \
	"$pbit" submit bench.json --array sede=1..3
refused 'bench.json: array value 2, 0: chains' "$pbit" submit bench.json --array chains=8,0
refused 'bench.json: array value 1, "a.npy": models: unknown key' \
	"$pbit" submit bench.json --array models=a.npy,b.npy
refused 'array value 2, "b.npy": model: the jobs of an array share' \
	"$pbit" sample W.npy --array model=a.npy,b.npy
refused '--watch follows one job' "$pbit" train bench.json --watch --array seed=1..3
refused 'the results come later' "$pbit" sample W.npy --hold -o out
refused "--state: 'waiting' is none" "$pbit" queue --state waiting
refused '--interval: give 0.1 to 3600' "$pbit" top --interval 0
refused "--since: 'yesterday' is no time" "$pbit" usage --since yesterday
refused 'give a device to reserve' "$pbit" reserve
refused 'give a device to reserve' "$pbit" reserve pbit0 --list
refused 'needs nothing beside' "$pbit" reserve --list --for 2h
refused 'give either --for' "$pbit" reserve pbit0 --user ada
refused 'give either --for' "$pbit" reserve pbit0 --user ada --for 2h --until 18:00
refused "--from: 'noon' is no time" "$pbit" reserve pbit0 --user ada --from noon --for 2h
refused 'would end before it begins' "$pbit" reserve pbit0 --user ada --for 0
refused '--user is missing' "$pbit" reserve pbit0 --for 2h
refused 'a name is missing' "$pbit" reserve pbit0 --user ada, --for 2h
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

for c in devices queue top 'top --json' 'show 1' 'watch 1' 'cancel 1' 'hold 1-3' 'release 1' 'remove 1' \
	'fetch 1' usage 'reserve --list' 'reserve --cancel 1' \
	'reserve pbit0 --user ada --for 2h' 'submit bench.json' bench 'sample W.npy' 'certify --family'; do
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
"$pbit" certify --trap --json > /dev/full 2> "$T/err"
[ "$? $(wc -l < "$T/err")" = "2 1" ] || die "JSON > /dev/full is not refused once: $(cat "$T/err")"
ok "full disk: $(cat "$T/err")"

# completion FILE VERB: what it has for that command, and what that refers to.
completion()
{
	awk -v verb="$2" '
		/^\t(local )?[a-z]+=/ { name = $0; sub(/^\t(local )?/, "", name); sub(/=.*/, "", name) }
		name { text[name] = text[name] $0 "\n" }
		/[)"]$/ { name = "" }
		/\)/ {
			head = " " $0
			sub(/\).*/, "", head)
			gsub(/\t|:-?[*]/, " ", head)
			on = on || head " " ~ " " verb " "
		}
		on { print; for (n in text) if (index($0, "$" n)) print text[n] }
		/;;/ { on = 0 }' "$root/client/completion/$1"
}

# Completion and manual know every command and option that help knows.
for c in $verbs; do
	for option in $("$pbit" help $c | sed -nE 's/^  (-., |    )(--[a-z]+).*/\2/p'); do
		for f in pbit _pbit; do
			completion $f $c | grep -q -- "$option" ||
				die "completion/$f lacks $option of $c"
		done
		grep -q -- "Fl -${option#--}\|, -${option#--}" "$root/client/man/pbit.1" ||
			die "pbit.1 lacks $option of $c"
	done
	sed -n "/^\.It Cm $c/,/^[^.O]/p" "$root/client/man/pbit.1" > synopsis
	[ -s synopsis ] || die "pbit.1 lacks $c"
	"$pbit" help $c | grep -q -- --band || continue
	grep -q 'queueing\|options' synopsis || die "pbit.1 leaves out that $c takes queueing options"
	sed -n '/^\.Ss Queueing/,/^\.Bl/p' "$root/client/man/pbit.1" | grep -q "$c" ||
		die "pbit.1 has options of queueing, but not of $c"
done
for c in show watch log metrics fetch remove report; do
	completion _pbit $c | grep -q _pbit_all_jobs || die "completion/_pbit: $c is not for jobs that ended"
done
ok "completion and manual are complete"

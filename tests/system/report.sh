#!/bin/bash
# SPDX-License-Identifier: MIT
# pbit report: the pages of jobs that train, sample and measure, of one that runs and of one with a
# hostile name, as a headless Chromium shows them that has no network. Wide and light, narrow and dark;
# the pictures are left in $BUILD/report.
. "$(dirname "$0")/common.bash"

chromium=$(command -v chromium-headless-shell || command -v chromium) || die "no Chromium"
pictures=$BUILD/report
mkdir -p "$pictures"

# shown NAME ID: what the browser makes of it, in NAME.json and NAME-narrow.json.
shown()
{
	run 0 "$pbit" report "$2" -o "$1.html"
	python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1.html" || die "$1: no XML"
	run 0 python3 "$root/tests/system/browser.py" "$chromium" "$1.html" 1100 light "$pictures/$1.png"
	cp "$T/out" "$1.json"
	run 0 python3 "$root/tests/system/browser.py" "$chromium" "$1.html" 400 dark \
		"$pictures/$1-narrow.png"
	cp "$T/out" "$1-narrow.json"
	for seen in "$1.json" "$1-narrow.json"; do
		jq -e --arg url "file://$PWD/$1.html" '.console == [] and .requests == [$url] and
			.scripts == 0 and .broken == [] and .overflow == 0' "$seen" > /dev/null ||
			die "$seen: $(jq -c 'del(.svgs)' "$seen")"
		jq -e '.svgs | map(.width > 300 and .height > 40 and .marks > 0 and .outside == [] and
			.overlaps == [] and .letters >= 8) | all' "$seen" > /dev/null ||
			die "$seen: $(jq -c '.svgs | map_values(del(.points, .values))' "$seen")"
		# Half a pixel, of where its axes say that a point is.
		jq -e '[.svgs[].points[].off] | all(. != null and . < 0.5)' "$seen" > /dev/null ||
			die "$seen: a point is in a wrong place: $(jq -c '.svgs[].points[]' "$seen")"
	done
	[ "$(jq -r .background "$1.json")" != "$(jq -r .background "$1-narrow.json")" ] ||
		die "$1 has one look"
}
has() { # NAME ID...: these figures, in this order
	local name=$1
	shift
	[ "$(jq -r '.svgs | keys_unsorted | join(" ")' "$name.json")" = "$*" ] ||
		die "$name has $(jq -r '.svgs | keys_unsorted | join(" ")' "$name.json")"
}
# Six digits are drawn.
near='def near($a; $b): ($a - $b | fabs) <= 1e-5 * ($b | fabs);
	def all_near($a; $b): ($a | length) == ($b | length) and ([$a, $b] | transpose | all(near(.[0]; .[1])));'

# Long enough for more than one speed to be measured.
small_spec | jq '.optimizer.steps = 40' > spec.json
run 0 "$pbit" train spec.json --watch -o train
run 0 "$pbit" submit "$root/client/examples/digits/digits.json" --set optimizer.epochs=500 \
	--set report.every=3 --json
long=$(jq .id "$T/out")
shown train 1
has train loss tau k-over-tau classes samples energy-device energy-software speed
jq -e --slurpfile r train/report.json "$near"'
	.svgs as $s | $r[0].epochs as $e | $r[0].energy as $j | ($e | length > 1) and
	all_near([$s.loss.points[] | select(.series == "hypernetwork, training images") | .y];
		[$e[] | -.loglik_train]) and
	all_near([$s.tau.points[].y]; [$e[].tau_int | values]) and
	all_near([$s["k-over-tau"].points[].y]; [$e[].k_over_tau | values]) and
	all_near([$s["energy-device"].values[][1]]; [$j.flip_joules, $j.read_joules, $j.write_joules])
	and all_near([$s["energy-software"].values[][1]]; [$j.flip_joules, $j.device_joules,
		$j.software_joules]) and .images == 1 and
	(.tables | map(select(.[0] == "prices"))[0][1]) == ($j.prices | length) + 1' \
	train.json > /dev/null || die "train: $(jq -c .svgs train.json)"
ok "train: loss, tau_int and energy as the report has them, and samples"

# Until an epoch has gone by that is not judged: figures stand at the epoch that they are of.
running()
{
	is_state "$long" running && "$pbit" metrics "$long" | jq -se 'any(.tau_int and .epoch % 3 != 0)'
}
wait_for 60 running
shown running "$long"
jq -e '.svgs.loss and (.svgs["energy-device"] | not) and
	([.svgs.loss, .svgs.tau | .points[].x] | length > 0 and all(. % 3 == 0))' running.json > /dev/null ||
	die "running: $(jq -c '.svgs.loss.points, .svgs.tau.points' running.json)"
run 0 "$pbit" cancel "$long"
ok "of a job that runs, what there is"

run 0 "$pbit" sample train/model.safetensors --code 3 --chains 64 --sweeps 200 -o sample --json
id=$(jq .id "$T/out")
shown sample "$id"
jq -e '.images == 1 and .svgs["energy-trace"] and .svgs["energy-spread"] and .svgs.states and
	.svgs["energy-device"] and .svgs["energy-software"]' sample.json > /dev/null || die "sample"
ok "sample: energies, states and the ledger"

run 0 "$pbit" bench --seconds 0.01 --chains 16 --threads 2 --training 2 --json -o bench
cp "$T/out" bench-report.json
shown bench "$(jq .id "$T/out")"
jq -e --slurpfile r bench-report.json "$near"'
	all_near([.svgs[].values[][1]]; [$r[0].rows[].flips_per_ns])' bench.json > /dev/null ||
	die "bench: $(jq -c '[.svgs[].values]' bench.json)"
ok "bench: every row"

# Its picture stands alone, and is looked at in a page.
python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' bench/bench.svg || die "no XML"
{ printf '<!DOCTYPE html><html><body>'; cat bench/bench.svg; } > picture.html
for look in light dark; do
	run 0 python3 "$root/tests/system/browser.py" "$chromium" picture.html 1040 $look \
		"$pictures/bench-picture-$look.png"
	jq -e --slurpfile r bench-report.json "$near"'
		.console == [] and .broken == [] and .overflow == 0 and .svgs.bench.outside == [] and
		.svgs.bench.overlaps == [] and
		all_near([.svgs.bench.values[][1]]; [$r[0].rows[].flips_per_ns])' "$T/out" > /dev/null ||
		die "bench.svg: $(cat "$T/out")"
done
refused 'bench/report.json exists; give --force' "$pbit" bench -o bench
refused 'leave out one of them' "$pbit" bench --session -o bench
ok "bench -o: report.json, and a picture with every row"

name='</title><script>document.title=1</script><img src=//192.0.2.1/x>'
jq --arg name "$name" '.name = $name | .optimizer.epochs = 1' spec.json > hostile.json
run 0 "$pbit" train hostile.json --watch --json
shown hostile "$(head -n 1 "$T/out" | jq .id)"
[ "$(jq -r .title hostile.json)" = "$name" ] || die "title: $(jq -r .title hostile.json)"
ok "a name stays text"

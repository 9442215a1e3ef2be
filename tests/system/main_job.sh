#!/bin/bash
# SPDX-License-Identifier: MIT
# The main job, shortened, through every real process: client, socket, daemon, store, worker,
# device, results. And the same seed gives the same bits.
. "$(dirname "$0")/common.bash"

small_spec > spec.json
run 0 "$pbit" train spec.json --watch -o first
grep -q 'held-out' "$T/out" || die "no table of held-out log-likelihoods"
grep -Eq 'A6' "$T/out" || die "no A6 verdict"
for f in report.json metrics.jsonl model.safetensors samples.npy picture.png; do
	[ -s first/$f ] || die "result $f is missing"
done
ok "train --watch: table and results"

jq -e '.kind == "train" and .loglik.method == "exact" and (.loglik.hypernetwork.by_class | length) == 10
	and .mixing.a6 != null and .energy.flips > 0 and .device.backend == "embedded"
	and (.energy.prices | length) > 1' first/report.json > /dev/null || die "report.json"
ok "report.json has what the table shows"

run 0 "$pbit" submit spec.json --json
id=$(jq -r .id "$T/out")
run 0 "$pbit" watch "$id"
is_state "$id" done || die "job $id is $(state_of "$id")"
run 0 "$pbit" fetch "$id" -o second
for f in model.safetensors samples.npy picture.png separate.safetensors; do
	cmp first/$f second/$f || die "$f differs between two runs of one seed"
done
[ "$(jq -S 'del(.timing)' first/report.json)" = "$(jq -S 'del(.timing)' second/report.json)" ] ||
	die "report.json differs between two runs of one seed"
ok "same seed, same bits"

run 0 "$pbit" submit spec.json --seed 2 --json
id=$(jq -r .id "$T/out")
run 0 "$pbit" watch "$id"
run 0 "$pbit" fetch "$id" -o third
cmp -s first/samples.npy third/samples.npy && die "another seed gave the same samples"
ok "another seed, other bits"

run 0 "$pbit" queue --all --json
[ "$(jq -r 'map(select(.state == "done")) | length' "$T/out")" = 3 ] || die "queue --all"
ok "queue --all lists three jobs that are done"

run 0 "$pbit" sample first/model.safetensors --code 3 --chains 16 --sweeps 200 --json
jq -e '.flips > 0 and .device_joules > 0 and .best_energy < 0' "$T/out" > /dev/null || die "sample"
ok "sample from the trained model"

run 0 "$pbit" devices --json
jq -e '.[0] | .name == "embedded0" and .backend == "embedded" and .state != null and .p_bits > 0' \
	"$T/out" > /dev/null || die "devices"
ok "devices"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Interactive sessions as Python has them, from the client to the device: moments that can be worked
# out, what is refused, and a training loop of another language that learns; twice, with the same
# result, though the second time another job has its device meanwhile.
. "$(dirname "$0")/common.bash"

python=/usr/bin/python3 # which has the packages of Debian's
export PBIT_LIBRARY=$BUILD/lib/libpbit.so.0 PYTHONPATH=$root/client/python
export PBIT_PBITD=$bin/pbitd PYTHONDONTWRITEBYTECODE=1

mkdir -p "$T/.config/pbit"
printf '[daemon]\njobs = 1\n' > "$T/.config/pbit/pbitd.conf"
run 0 "$pbit" devices # which starts the daemon

cat > moments.py << 'END'
import ctypes
import errno
import itertools
import sys

import numpy
import pbit

n, m, beta = 4, 3, 0.5
rng = numpy.random.default_rng(1)
W = numpy.round(rng.normal(0, 8, (n, m))) / 16
states = numpy.array(list(itertools.product([-1, 1], repeat=n + m)))
v, h = states[:, :n], states[:, n:]
# The device law: sigma(2 beta I), which is exp(-beta E) with E = -v' W h.
p = numpy.exp(beta * numpy.einsum("si,ij,sj->s", v, W, h))
p /= p.sum()
exact = numpy.einsum("s,si,sj->ij", p, v, h)
with pbit.Daemon(autostart=False) as daemon:
    with daemon.session(visible=n, hidden=m, chains=4096, bits=16, seed=3) as s:
        s.couplings[:] = W
        s.call(sweeps=1, burn=200, beta=beta, scale=1 / 16)
        # Independent chains, one sample of each: 6 sigma of 4096, 12 numbers.
        worst = numpy.abs(s.vh - exact).max()
        assert worst < 6 / 64, f"a moment is {worst} off"
        # In the memory itself: no copy was made.
        assert not s.vh.flags.owndata and not s.couplings.flags.owndata
        try:
            s.couplings[1, 2] = numpy.nan
            s.call(sweeps=1)
            sys.exit("couplings of NaN were taken")
        except pbit.Error as e:
            assert "row 1, column 2" in e.strerror, e.strerror
        s.couplings[:] = W
        # A result without its size is refused before the call is made.
        call = pbit._Call(ctypes.sizeof(pbit._Call), 1 << 8, sweeps=1)
        code = pbit._library.pbit_session_call(s._handle(), ctypes.byref(call),
                                               ctypes.byref(pbit.Result()))
        assert code == -errno.EINVAL, code
        for wrong in ({"want": "vh"}, {"want": ["vv"]}, {"sweeps": -1}, {"sweeps": 1 + (1 << 32)},
                      {"burn": 1 << 32}, {"row": -1, "rows": 1}, {"seed": 1 << 64}):
            try:
                s.call(**wrong)
                sys.exit(f"{wrong} was taken")
            except ValueError:
                pass
        s.call(sweeps=1)
        print(s.id)
        job = daemon.show(s.id)
        assert job["kind"] == "session" and job["state"] == "running", job
    assert daemon.watch(s.id) == "done"
END
run 0 "$python" moments.py
ok "moments of session $(cat "$T/out") are exact ones within 6 sigma"

# Trains, and prints nats an image at each epoch, and those of independent pixels at the end. So many
# epochs that it is under way still when it is to be stopped.
train() { "$python" -u "$root/client/examples/train_rbm.py" --epochs 25 --hidden 8 --seed 5; }
train > first 2> "$T/err" || die "train_rbm.py: exit status $?"
cat first
awk '/nats/ { last = $3 } /^independent/ { independent = $3 }
	END { exit !(last < 0 && independent < 0 && last > independent) }' first ||
	die "it did not learn"
ok "train_rbm.py learns"

# Stopped in its second epoch, with another job in its place on the one slot that there is.
train > second 2> "$T/err" &
trainer=$!
wait_for 200 grep '^epoch' second
id=$(sed -n 's/^session \([0-9]*\):.*/\1/p' second)
run 0 "$pbit" hold "$id"
wait_for 60 is_state "$id" queued
run 0 "$pbit" bench --seconds 0.01 --chains 16 --threads 1 --training 0
run 0 "$pbit" release "$id"
wait $trainer || die "train_rbm.py after a stop: exit status $?"
cmp <(grep -v '^session' first) <(grep -v '^session' second) ||
	die "that it was stopped shows in what it learned"
wait_for 60 is_state "$id" done
"$pbit" show "$id" --json > show
jq -e '.kind == "session" and .flips > 0 and .device_seconds > 0 and .resumes > 0' show \
	> /dev/null || die "session $id: $(cat show)"
ok "session $id was resumed $(jq .resumes show) times, and nothing of it shows"

run 0 "$pbit" usage --json
jq -e '.users[0].flips > 0' "$T/out" > /dev/null || die "usage: $(cat "$T/out")"

# Where there is no numpy, arrays are memoryviews.
cat > plain.py << 'END'
import sys

sys.modules["numpy"] = None
import pbit

with pbit.Daemon(autostart=False) as daemon, daemon.session(visible=3, hidden=2, chains=8) as s:
    for i in range(3):
        for j in range(2):
            s.couplings[i, j] = 100.0 if i == j else 0.0
    s.call(sweeps=5, burn=5)
    assert type(s.vh) is memoryview
    assert s.vh[0, 0] == 1.0 and s.vh[1, 1] == 1.0, s.vh.tolist()
END
run 0 "$python" plain.py
ok "without numpy"

# What is measured here is told, and nothing of it is judged but that it adds up.
run 0 "$pbit" bench --session --seconds 0 --json
jq -e '.rows | length == 3 and all(.calls >= 50 and .compute_us > 0 and .above_us > 0 and
	.call_us > .compute_us and .above_99_us >= .above_us)' "$T/out" > /dev/null ||
	die "bench --session: $(cat "$T/out")"
run 0 "$pbit" bench --session --seconds 0 --chains 16
[ "$(wc -l < "$T/out")" = 4 ] || die "bench --session: $(cat "$T/out")"
ok "a call beside its compute: $(awk 'NR > 1 { printf "%s %s x %s", (NR > 2 ? "," : ""), $2, $4 }
	END { print "" }' "$T/out") p-bits"
refused 'leave out one of them' "$pbit" bench --session --threads 2
refused '^pbit bench: --seconds: choose from 0' "$pbit" bench --session --seconds -1
refused '^pbit bench: device.chains: 0 is out of range' "$pbit" bench --session --chains 0

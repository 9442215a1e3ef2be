#!/bin/bash
# SPDX-License-Identifier: MIT
# Socket activation, Type=notify, the watchdog, leaving when idle, and stock busctl as a client.
. "$(dirname "$0")/common.bash"

sock=$T/run/activated
systemd-socket-activate -l "$sock" -E XDG_RUNTIME_DIR="$T/run" \
	"$bin/pbitd" --user --state-dir "$T/state/a" --idle-exit 2 > "$T/activate.log" 2>&1 &
activator=$!
wait_for 10 test -S "$sock"
run 0 env PBIT_SOCKET="$sock" "$pbit" devices --json
ok "socket activation: a client's first call starts pbitd"
run 0 busctl --address="unix:path=$sock" call org.pbit /org/pbit org.pbit.Daemon1 Devices
grep -q embedded0 "$T/out" || die "busctl call Devices"
run 0 busctl --address="unix:path=$sock" introspect org.pbit /org/pbit
grep -q 'Submit .*method' "$T/out" || die "busctl introspect"
ok "busctl calls and introspects"
wait_for 20 sh -c "! kill -0 $activator 2>/dev/null"
ok "pbitd leaves when idle"

# A stand-in for systemd's notification socket, to see what pbitd says on it.
cat > notify.py << 'PY'
import os, socket, subprocess, sys, time
path = os.environ["T_SOCK"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(10)
p = subprocess.Popen(sys.argv[1:], env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="400000"))
seen, end = "", time.time() + 4
while time.time() < end:
    try:
        seen += s.recv(4096).decode() + "\n"
    except socket.timeout:
        break
p.terminate()
while p.poll() is None:
    try:
        seen += s.recv(4096).decode() + "\n"
    except socket.timeout:
        break
s.settimeout(0.2)
try:
    while True:
        seen += s.recv(4096).decode() + "\n"
except (socket.timeout, TimeoutError):
    pass
print(seen)
sys.exit(p.returncode)
PY
T_SOCK=$T/run/notify run 0 python3 notify.py "$bin/pbitd" --user --state-dir "$T/state/b" \
	--socket "$T/run/b"
grep -q 'READY=1' "$T/out" || die "no READY=1"
grep -q 'STOPPING=1' "$T/out" || die "no STOPPING=1"
[ "$(grep -c 'WATCHDOG=1' "$T/out")" -ge 5 ] || die "the watchdog is not fed"
ok "READY=1, WATCHDOG=1 ($(grep -c 'WATCHDOG=1' "$T/out") times in 4 s at 0.4 s), STOPPING=1; SIGTERM exits 0"

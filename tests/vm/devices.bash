# SPDX-License-Identifier: MIT
# Sourced by userspace.bash: jobs on the kernel's emulated devices, which come and go through
# configfs under udev and the daemon.

configfs=/sys/kernel/config/pbit
devices() { as bob pbit devices --json; }
sees() { # NAME
	devices | jq -e --arg name "$1" \
		'any(.name == $name and .backend == "emulated" and .state != "unsupported")'
}
sees_none() { devices | jq -e 'length == 1'; }
make_device() { # NAME [ATTRIBUTE=VALUE...]
	local dir=$configfs/$1
	shift
	mkdir "$dir" || return
	for a; do
		echo "${a#*=}" > "$dir/${a%%=*}" || return
	done
	echo 1 > "$dir/live"
}
plug() { # NAME [ATTRIBUTE=VALUE...]: as pbit0, whatever the test before left behind
	[ ! -d $configfs ] || rmdir $configfs/* 2> /dev/null
	modprobe pbit || die "modprobe pbit"
	make_device "$@" || die "no device is made"
	wait_for 10 sees pbit0
}
contexts() { cat /sys/class/pbit/pbit0/contexts; }
unused() { [ "$(contexts)" = 0 ]; }
# With no context left, and the module unloaded: nothing holds it.
unplug() { # NAME
	wait_for 10 unused
	rmdir "$configfs/$1" || die "rmdir"
	udevadm settle
	wait_for 10 sees_none
	modprobe -r pbit || die "modprobe -r"
}
waits_because() { [ "$(show "$1" | jq -r .reason)" = "$2" ]; }
# What the report says, of the job's whole life.
ran_on() { # ID NAME...
	local names
	names=$(jq -r '.device | [(.earlier // [])[].name, .name] | join(" ")' \
		"/home/alice/job-$1/report.json")
	shift
	[ "$names" = "$*" ] || die "it ran on $names"
}
submit_to() { # NAME
	as alice pbit submit "$T/spec.json" --device "$1" --json | jq -er .id
}

test_module() {
	local d
	modprobe pbit || die "modprobe pbit"
	[ -d $configfs ] || die "no $configfs"
	make_device a || die "no device is made"
	udevadm settle
	udevadm info /sys/class/pbit/pbit0 || die "udev does not know it"
	[ -c /dev/pbit0 ] || die "no /dev/pbit0"
	[ "$(stat -c '%U:%G %a' /dev/pbit0)" = "root:pbit 660" ] || die "$(stat /dev/pbit0)"
	[ "$(systemctl is-active dev-pbit0.device)" = active ] || die "systemd does not know it"
	! modprobe -r pbit 2> "$T/err" || die "rmmod with a device made"
	wait_for 5 sees pbit0
	# Bob is in the group, alice is not.
	as bob sh -c ': <> /dev/pbit0' || die "bob cannot open it"
	! as alice sh -c ': <> /dev/pbit0' 2> "$T/err" || die "alice can open it"
	grep 'Permission denied' "$T/err" || die "$(cat "$T/err")"
	# P-bits that differ, for those who ask for them.
	make_device odd beta_spread_ppm=10000 p_bits=256 || die "no device that is not ideal"
	wait_for 5 sees pbit1
	d=$(devices | jq -c 'map(select(.name == "pbit1"))[0] | [.ideal, .p_bits, .state]')
	[ "$d" = '[false,256,"idle"]' ] || die "$d"
	as alice pbit devices | tee "$T/devices"
	grep -E '^pbit0 +emulated +4096 +idle ' "$T/devices" || die "pbit0 in the table"
	grep -E '^pbit1 +emulated, not ideal +256 +idle ' "$T/devices" || die "pbit1 in the table"
	rmdir $configfs/odd || die "rmdir"
	unplug a
	[ ! -e /dev/pbit0 ] || die "/dev/pbit0 stays"
}

# Many at once and again and again, with a job under way.
test_hotplug() {
	local id i round
	id=$(submit) || die "submit"
	mid_run "$id"
	for round in 1 2; do
		modprobe pbit || die "modprobe"
		for i in a b c d; do
			make_device $i || die "round $round: device $i"
		done
		udevadm settle
		for i in 0 1 2 3; do
			[ -c /dev/pbit$i ] || die "round $round: no /dev/pbit$i"
			# Held open while it goes.
			sleep 60 < /dev/pbit$i &
		done
		sleep 0.5
		wait_for 10 sees pbit3
		rmdir $configfs/{a,b,c,d} || die "round $round: rmdir"
		udevadm settle
		! ls /dev/pbit? || die "round $round: nodes stay"
		! modprobe -r pbit 2> /dev/null || die "round $round: unloaded while files are open"
		kill $(jobs -p)
		wait
		modprobe -r pbit || die "round $round: modprobe -r"
		wait_for 10 sees_none
	done
	finish "$id"
	same_bits "$id"
}

# What does not say how fast and where: the rest is the same on every device.
figures() { jq -S 'del(.device, .devices, .timing, .spec)' "$1/report.json"; }

test_node() {
	local f began=$SECONDS
	plug a
	as alice pbit train "$T/spec.json" --device pbit0 --watch -o /home/alice/node ||
		die "pbit train: exit status $?"
	echo "the job took $((SECONDS - began)) s"
	jq -c .device /home/alice/node/report.json
	[ "$(jq -r '.device | .name + " " + .backend' /home/alice/node/report.json)" = \
		"pbit0 emulated" ] || die "the report says another device"
	[ "$(cat /sys/class/pbit/pbit0/flips)" -gt 1000000 ] || die "the device did not run it"
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp /home/alice/{whole,node}/$f || die "$f differs from that of the embedded device"
	done
	figures /home/alice/whole > "$T/whole"
	figures /home/alice/node > "$T/node"
	[ "$(wc -l < "$T/whole")" -gt 100 ] || die "no figures to compare"
	diff "$T/whole" "$T/node" || die "figures differ from those of the embedded device"
	unplug a
}

# One that is too small is left alone by those who did not ask for it.
test_small() {
	local w=/usr/share/pbit-vm/W.npy
	modprobe pbit || die "modprobe pbit"
	make_device a p_bits=64 || die "no device is made"
	wait_for 10 sees pbit0
	as alice pbit sample $w --sweeps 200 -o /home/alice/small || die "pbit sample"
	[ "$(jq -r .device.name /home/alice/small/report.json)" = embedded0 ] || die "where?"
	journalctl -q -b -u pbitd.service -g 'is run elsewhere than on pbit0: .*p-bits' ||
		die "no word of it"
	! as alice pbit sample $w --sweeps 200 --device pbit0 2> "$T/err" || die "it fits"
	grep 'p-bits' "$T/err" || die "$(cat "$T/err")"
	unplug a
}

# The device goes in mid-job: who did not ask for it goes on elsewhere, who did waits for it.
test_lost() {
	local id
	plug a
	id=$(submit) || die "submit"
	mid_run "$id" pbit0
	rmdir $configfs/a || die "rmdir"
	finish "$id"
	[ "$(show "$id" | jq .resumes)" = 1 ] || die "$(show "$id")"
	same_bits "$id"
	journalctl -q -b -u pbitd.service \
		-g "job $id: pbit0 went away; it goes on from its checkpoint" || die "no word of it"
	ran_on "$id" pbit0 embedded0

	plug a
	id=$(submit_to pbit0) || die "submit"
	mid_run "$id" pbit0
	rmdir $configfs/a || die "rmdir"
	wait_for 20 waits_because "$id" "waits for pbit0, which is not there"
	plug a
	finish "$id"
	same_bits "$id"
	ran_on "$id" pbit0
	unplug a
}

# Two users at once on one device, each with his own context.
both_run() { devices | jq -e 'any(.name == "pbit0" and .running == 2)' && [ "$(contexts)" = 2 ]; }
test_two_users() {
	local a b f
	plug a
	install -d /run/systemd/system/pbitd.service.d
	sed -n 's/^ExecStart=.*/[Service]\nExecStart=\n& --device-jobs 2/p' \
		/usr/lib/systemd/system/pbitd.service > /run/systemd/system/pbitd.service.d/two.conf
	systemctl daemon-reload
	systemctl restart pbitd.service || die "restart"
	a=$(submit_to pbit0) || die "submit"
	b=$(as bob pbit submit "$T/spec.json" --device pbit0 --json | jq -er .id) || die "submit"
	wait_for 60 both_run
	finish "$a"
	finish "$b"
	same_bits "$a"
	as bob pbit fetch "$b" -o /home/bob/two || die "fetch"
	for f in model.safetensors samples.npy picture.png separate.safetensors; do
		cmp /home/alice/whole/$f /home/bob/two/$f || die "$f of bob's differs"
	done
	rm -r /run/systemd/system/pbitd.service.d
	systemctl daemon-reload
	systemctl restart pbitd.service || die "restart"
	unplug a
}

# Restarts and kills of the daemon, its worker, or both, at any moment of a job on the device.
test_storm() {
	local id pid i
	# Slow enough for all of them, however fast the machine.
	plug a rate_limit=2000000
	id=$(submit_to pbit0) || die "submit"
	mid_run "$id" pbit0
	! modprobe -r pbit 2> /dev/null || die "unloaded while in use"
	systemctl restart pbitd.service || die "restart"
	for i in 1 2 3 4; do
		wait_for 30 eval '[ "$(contexts)" -ge 1 ]'
		pid=$(daemon_pid)
		if [ $((i % 2)) = 1 ]; then
			systemctl kill -s KILL pbitd.service || die "systemctl kill"
		else
			kill -KILL "$pid"
		fi
		wait_for 10 sh -c "! kill -0 $pid"
		wait_for 20 sh -c "[ \$(systemctl show -P MainPID pbitd.service) -gt 0 ]"
	done
	finish "$id"
	[ "$(show "$id" | jq .resumes)" -ge 3 ] || die "resumes: $(show "$id" | jq .resumes)"
	same_bits "$id"
	unplug a
}

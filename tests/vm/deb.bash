#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs within the virtual machine of deb.sh, as root: the packages' whole life, with three users at
# work on /dev/pbit0 while they are upgraded.
set -u
export LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive
. /usr/local/lib/pbit-vm/common.bash

there=/usr/share/pbit-vm
release=$(uname -r)
configfs=/sys/kernel/config/pbit
names=(pbit-dkms pbitd libpbit0 libpbit-dev pbit-tools)
versions() { # of what is in the archive, the older one first
	sed -n '/^Package: pbitd$/,/^$/s/^Version: //p' /srv/archive/Packages | sort -V
}
old=$(versions | head -n 1) new=$(versions | tail -n 1)
apt() { apt-get -y -q -o Dpkg::Use-Pty=0 "$@"; }
module_is() { # VERSION STATE
	[ "$(dkms status "pbit/$1")" = "pbit/$1, $release, x86_64: $2" ]
}
nodes() { grep -c . /sys/class/pbit/*/contexts 2> /dev/null; }

test_boot() {
	systemctl is-system-running --wait || die "the system: $(systemctl --failed --no-legend)"
	[ "$old" != "$new" ] || die "one version alone is in the archive"
	apt update || die "apt-get update"
	# mmdebstrap's, by which nothing would be started.
	rm -f /usr/sbin/policy-rc.d
}

test_install() {
	local began=$SECONDS list
	apt install "${names[@]/%/=$old}" || {
		cat /var/lib/dkms/pbit/*/build/make.log
		die "apt-get install: exit status $?"
	}
	echo "installed in $((SECONDS - began)) s"
	list=$(dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version}\n' "${names[@]}" libinih1)
	echo "$list"
	[ "$(grep -c "^ii .* $old$" <<< "$list")" = ${#names[@]} ] || die "not all are installed"
	grep '^ii libinih1' <<< "$list" || die "what they need is not installed"
	dpkg --audit | tee "$T/audit"
	[ ! -s "$T/audit" ] || die "dpkg --audit"
	getent group pbit pbit-admin || die "no groups"
	[ "$(systemctl is-enabled pbitd.socket pbitd.service | sort -u)" = enabled ] || die "not enabled"
	[ "$(systemctl is-active pbitd.socket pbitd.service | sort -u)" = active ] || die "not active"
	[ "$(stat -c '%a %U' /run/pbitd/socket /var/lib/pbitd | xargs)" = "666 root 711 root" ] ||
		die "$(stat /run/pbitd/socket /var/lib/pbitd)"
	ldconfig -p | grep 'libpbit.so.0 ' || die "no library"
	as alice pbit devices || die "pbit devices"
}

# What dkms says of the module, which kernels are refused before anything is compiled, and what a new
# kernel's package does.
test_dkms() {
	local before
	module_is "$old" installed || die "$(dkms status)"
	case $(modinfo -n pbit) in
	"/lib/modules/$release/updates/dkms/pbit.ko"*) ;;
	*) die "installed as $(modinfo -n pbit)" ;;
	esac
	[ "$(modinfo -F version pbit)" = "$old" ] || die "version $(modinfo -F version pbit)"
	for before in 5.10.0-1-amd64 6.0.0-1-amd64; do
		! dkms build "pbit/$old" -k $before \
			--kernelsourcedir "/lib/modules/$release/build" > "$T/out" 2>&1 ||
			die "built for $before"
		grep BUILD_EXCLUSIVE "$T/out" || die "$before: $(cat "$T/out")"
	done
	dkms uninstall "pbit/$old" || die "dkms uninstall"
	module_is "$old" built || die "$(dkms status)"
	! modinfo pbit > /dev/null 2>&1 || die "it stays after uninstall"
	dkms autoinstall -k "$release" || die "dkms autoinstall"
	module_is "$old" installed || die "$(dkms status)"
}

# Loaded by the service, which was there first and started again for it.
test_module() {
	[ "$(cat /sys/module/pbit/version)" = "$old" ] || die "it is not loaded"
	$there/program || die "the program fails"
}

# On the embedded device, and the settings for what follows: three at once on a device.
test_reference() {
	test_job
	sed -i 's/^#device_jobs = 1/device_jobs = 3/' /etc/pbit/pbitd.conf
	systemctl reload pbitd.service || die "systemctl reload"
}

queue_of() { as "$1" pbit queue --all --json | jq -r --arg u "$1" '.[] | select(.user == $u) | .id'; }
has_jobs() { [ "$(queue_of "$1" | wc -l)" -ge "$2" ]; }
at_work() { [ "$(cat /sys/class/pbit/pbit0/contexts)" = 3 ]; }
# Two jobs each, on a device that is slow enough for jobs to outlast the upgrade.
test_work() {
	local u n
	mkdir $configfs/slow && echo 200000 > $configfs/slow/rate_limit &&
		echo 1 > $configfs/slow/live || die "no device"
	udevadm settle
	[ "$(stat -c '%U:%G %a' /dev/pbit0)" = "root:pbit 660" ] || die "$(stat /dev/pbit0)"
	# One of each first. Carol's clients wait for their jobs, over the restart as well.
	for n in 1 2; do
		as carol pbit sample $there/W.npy --chains 16 --sweeps 20000 --every 100 --beta 0.02 \
			--seed 3 --device pbit0 -o "/home/carol/followed-$n" > "$T/carol-$n" 2>&1 &
		wait_for 10 has_jobs carol $n
		for u in alice bob; do
			as $u pbit submit "$T/spec.json" --device pbit0 || die "submit"
		done
	done
	wait_for 30 at_work
	[ "$(as alice pbit queue --json | jq -r '[.[] | select(.state == "running") | .user] | sort |
		join(" ")')" = "alice bob carol" ] || die "$(as alice pbit queue)"
}

test_upgrade() {
	local pid began=$SECONDS
	pid=$(daemon_pid)
	apt upgrade || die "apt-get upgrade: exit status $?"
	echo "upgraded in $((SECONDS - began)) s"
	[ "$(dpkg-query -W -f '${Version}\n' "${names[@]}" | sort -u)" = "$new" ] || die "not upgraded"
	[ "$(daemon_pid)" != "$pid" ] || die "the daemon was not restarted"
	[ "$(readlink "/proc/$(daemon_pid)/exe")" = /usr/sbin/pbitd ] || die "an old daemon runs"
	[ "$(systemctl show -P NRestarts pbitd.service)" = 0 ] || die "it did not start at once"
	grep -qx 'device_jobs = 3' /etc/pbit/pbitd.conf || die "the settings are gone"
	module_is "$new" installed || die "$(dkms status)"
	[ -z "$(dkms status "pbit/$old")" ] || die "the old module stays: $(dkms status)"
	[ "$(cat /sys/module/pbit/version)" = "$old" ] || die "the module was changed under its users"
	wait_for 30 at_work
}

# The slow device goes, and they wait for another of its name, on which they end sooner.
test_finish() {
	local u id f resumes=0 n=0
	rmdir $configfs/slow || die "rmdir"
	mkdir $configfs/fast && echo 1 > $configfs/fast/live || die "no device"
	for u in alice bob carol; do
		for id in $(queue_of $u); do
			as $u timeout 400 pbit watch "$id" --json > /dev/null
			as $u pbit fetch "$id" -o "/home/$u/job-$id" || die "job $id of $u"
			n=$((n + 1))
			resumes=$((resumes + $(as $u pbit show "$id" --json | jq .resumes)))
			case $u in
			carol)
				for f in states.npy energy.npy moments.npy; do
					cmp $there/out/$f "/home/$u/job-$id/$f" ||
						die "job $id: $f differs"
				done
				;;
			*)
				for f in model.safetensors samples.npy picture.png; do
					cmp /home/alice/whole/$f "/home/$u/job-$id/$f" ||
						die "job $id: $f differs"
				done
				;;
			esac
		done
	done
	echo "$n jobs, resumed $resumes times, with the bits of undisturbed ones"
	[ $n = 7 ] || die "$n of 7 jobs are there, the undisturbed one among them"
	[ $resumes -ge 6 ] || die "resumed $resumes times"
}

test_new_module() {
	rmdir $configfs/fast || die "rmdir"
	modprobe -r pbit || die "modprobe -r"
	modprobe pbit || die "modprobe"
	[ "$(cat /sys/module/pbit/version)" = "$new" ] || die "version $(cat /sys/module/pbit/version)"
	modprobe -r pbit || die "modprobe -r"
}

# Jobs and settings stay, programs, units and module go.
test_remove() {
	apt remove "${names[@]}" || die "apt-get remove: exit status $?"
	[ -s /var/lib/pbitd/jobs.db ] || die "the jobs are gone"
	[ -e /etc/pbit/pbitd.conf ] || die "the settings are gone"
	! systemctl is-active pbitd.service pbitd.socket || die "it runs"
	! pgrep -x pbitd && ! pgrep -x pbit-worker || die "processes stay"
	[ ! -e /run/pbitd/socket ] || die "the socket stays"
	[ -z "$(dkms status)" ] || die "dkms: $(dkms status)"
	! modinfo pbit > /dev/null 2>&1 || die "the module stays"
	! modprobe pbit 2> /dev/null || die "the module can be loaded"
	! command -v pbit pbitd || die "programs stay"
}

test_purge() {
	apt purge "${names[@]}" || die "apt-get purge: exit status $?"
	[ -z "$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${names[@]}" 2> /dev/null |
		grep -v '^un')" ] || die "$(dpkg-query -W "${names[@]}")"
	# The groups stay, as Debian has it: their numbers may be those of files.
	find / -xdev \( -path /proc -o -path /sys -o -path /srv -o -path /home -o -path '/var/tmp' \
		-o -path /usr/share/pbit-vm -o -path /usr/local \) -prune -o \
		\( -name '*pbit*' \) -print | grep -v -e '/pbit-vm' -e '/sources.list.d/pbit.list' \
		-e '^/var/lib/apt/lists' -e '^/var/log' -e '/var/lib/dpkg/info.*libpbit' | tee "$T/left"
	[ ! -s "$T/left" ] || die "left behind"
}

run_tests boot install dkms module reference work upgrade finish new_module remove purge journal
journalctl -b --no-pager -o short-monotonic
say "tainted $(cat /proc/sys/kernel/tainted)"
say "done"

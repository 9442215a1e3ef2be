# SPDX-License-Identifier: MIT
# Sourced by userspace.bash: /etc/pbit/pbitd.conf read again over a queue that is busy, and the fields
# of the journal's entries.

slots() { as alice pbit devices --json | jq -e --argjson n "$1" '.[0].slots == $n'; }
runs() { [ "$(show "$1" | jq -r .state)" = running ]; }
# The daemon's own entries since the given moment that have this text.
said_since() { # TIME TEXT
	journalctl -q -b -u pbitd.service --since "$1" -o cat | grep -F "$2"
}
test_settings() {
	local a b pid conf=/etc/pbit/pbitd.conf began
	cp $conf "$T/conf"
	grep -qx '#jobs = 1' $conf || die "$conf is not the one that is installed"
	a=$(submit) || die "submit"
	b=$(submit) || die "submit"
	mid_run "$a"
	! runs "$b" || die "two jobs run at once"
	pid=$(daemon_pid)
	sed 's/^#jobs = 1/jobs = 2/' "$T/conf" > $conf
	systemctl reload pbitd.service || die "systemctl reload"
	wait_for 5 slots 2
	wait_for 10 runs "$b"
	# What is bad fails the reload, and changes nothing.
	began=$(date '+%F %T')
	sed 's/^#jobs = 1/jobs = 3\njosb = 4/' "$T/conf" > $conf
	! systemctl reload pbitd.service 2> "$T/err" || die "a bad file is no failure"
	said_since "$began" "$conf:8: [daemon] has no 'josb'; see pbitd.conf(5)" ||
		die "no word of it"
	slots 2 || die "a bad file has changed something"
	systemctl is-active pbitd.service || die "it is gone"
	# By signal as well, and not for everybody.
	! as bob busctl --address=unix:path=/run/pbitd/socket call org.pbit.Daemon1 /org/pbit \
		org.pbit.Daemon1 Reload 2> "$T/err" || die "bob reloads"
	grep 'only root and members of pbit-admin' "$T/err" || die "$(cat "$T/err")"
	cp "$T/conf" $conf
	systemctl kill -s HUP --kill-who=main pbitd.service || die "systemctl kill"
	wait_for 5 slots 1
	[ "$(daemon_pid)" = "$pid" ] || die "it was restarted"
	finish "$a"
	finish "$b"
	[ "$(show "$a" | jq .resumes) $(show "$b" | jq .resumes)" = "0 0" ] || die "jobs were disturbed"
	same_bits "$a"
	same_bits "$b"
}

test_fields() {
	local id entries
	id=$(submit) || die "submit"
	finish "$id"
	entries=$(journalctl -q -b "PBIT_JOB=$id" -o json) || die "journalctl"
	jq -e -n --arg id "$id" --arg uid "$(id -u alice)" '[inputs] | length >= 3 and
		all(.PBIT_JOB == $id and .PBIT_USER == "alice" and .PBIT_UID == $uid and
			.SYSLOG_IDENTIFIER == "pbitd" and .PRIORITY == "6") and
		any(.PBIT_DEVICE == "embedded0" and (.MESSAGE | contains("runs on embedded0"))) and
		([.[] | .MESSAGE_ID | select(. != null)] | unique | length) >= 3' <<< "$entries" ||
		die "$entries"
	[ "$(journalctl -q -b "PBIT_JOB=$id" PBIT_USER=bob | wc -l)" = 0 ] || die "bob's as well"
	journalctl --update-catalog || die "the catalog"
	journalctl -q -b -x "PBIT_JOB=$id" > "$T/out"
	grep "Subject: Job $id of alice is done" "$T/out" || die "$(cat "$T/out")"
}

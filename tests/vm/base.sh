#!/bin/bash
# SPDX-License-Identifier: MIT
# base.sh CACHE-DIR NAME PACKAGE,... [MMDEBSTRAP-OPTION]...: a minimal Debian with these packages as
# an archive for the kernel to unpack; prints its path. It is made once for a list of packages and
# options, and kept in CACHE-DIR.
set -euo pipefail

die() {
	echo "base.sh: $*" >&2
	exit 1
}

[ $# -ge 3 ] || die "usage: base.sh CACHE-DIR NAME PACKAGE,... [MMDEBSTRAP-OPTION]..."
cache=$1 name=$2 options=(--variant=minbase --format=null "--include=$3")
shift 3
for part in doc man locale info; do
	options+=("--dpkgopt=path-exclude=/usr/share/$part/*")
done
options+=("$@")
# Programs built here must find the libraries that they were built with.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$cache/$name-$(sha256sum <<< "$suite ${options[*]}" | cut -c 1-16).cpio
mkdir -p "$cache"
# Two may want it at the same time.
exec 9> "$cache/base.lock"
flock 9
if [ ! -e "$base" ]; then
	rm -f "$cache/$name"-*.cpio
	# Written within mmdebstrap, where files have their owners whoever runs it.
	if ! mmdebstrap "${options[@]}" --customize-hook="cd \"\$1\" && find . -xdev \
		-not -path './proc/*' -not -path './sys/*' -not -path './dev/*' \
		-not -path './var/cache/apt/*' -not -path './var/lib/apt/lists/*' |
		cpio -o -H newc --quiet > '$(realpath -m "$base.new")'" "$suite" - \
		> /dev/null 2> "$base.log"; then
		tail -n 20 "$base.log" >&2
		die "mmdebstrap failed"
	fi
	mv "$base.new" "$base"
fi
echo "$base"

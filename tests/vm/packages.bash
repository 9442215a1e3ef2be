# SPDX-License-Identifier: MIT
# Sourced: Debian's kernel packages, fetched and unpacked into a directory but never installed.
# APT_OPTIONS are apt's, to choose other archives than those of this machine.

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

APT_OPTIONS=${APT_OPTIONS-}
# shellcheck disable=SC2086
apt_cache() { apt-cache $APT_OPTIONS "$@"; }

# The package that a meta-package stands for today.
real_package() { # META PREFIX
	apt_cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		sed -n "s/^ *|\{0,1\}Depends: \($2[0-9].*\)$/\1/p" | head -n 1
}

# The release, as uname -r says it, of a series and a flavour: 6.1, 6.12-rt. linux-image-amd64 is
# the Debian release's own series; others carry theirs in the name.
release_of() { # KERNEL
	local series=${1%%-*} flavour= own meta release
	[ "$series" = "$1" ] || flavour=-${1#*-}
	own=$(real_package linux-image-amd64 linux-image-)
	case $own in
	linux-image-"$series".*) meta=linux-image$flavour-amd64 ;;
	*) meta=linux-image-$series$flavour-amd64 ;;
	esac
	release=$(real_package "$meta" linux-image-)
	release=${release#linux-image-}
	case $release in
	'') die "no package $meta: run apt-get update, or choose another kernel" ;;
	"$series".*) echo "$release" ;;
	*) die "$meta is $release, not $series" ;;
	esac
}

# The headers of a release, and what of their dependencies is part of the kernel's own build tree.
header_packages() { # RELEASE
	echo "linux-headers-$1"
	apt_cache depends --no-recommends --no-suggests "linux-headers-$1" |
		sed -n 's/^ *|\{0,1\}Depends: \(linux-\(headers\|kbuild\)-[0-9].*\)$/\1/p'
}

# What ROOT has already stays.
unpack() { # ROOT PACKAGE...
	local root=$1 debs=$1/debs package missing=()
	shift
	mkdir -p "$root/unpacked"
	for package in "$@"; do
		[ -e "$root/unpacked/$package" ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	rm -rf "$debs"
	mkdir -p "$debs"
	# Where apt's own user cannot write, apt says so and fetches all the same.
	# shellcheck disable=SC2086
	(cd "$debs" && apt-get $APT_OPTIONS download -qq "${missing[@]}" 2> apt.log) ||
		die "$(cat "$debs/apt.log")"
	for package in "${missing[@]}"; do
		dpkg-deb -x "$debs/$package"_*.deb "$root" || die "cannot unpack $package"
	done
	rm -rf "$debs"
	(cd "$root/unpacked" && touch "${missing[@]}")
}

# For make -C ROOT/usr/src/linux-headers-RELEASE M=...
unpack_headers() { # ROOT RELEASE
	local root headers packages
	root=$(realpath -m "$1") headers=$root/usr/src/linux-headers-$2
	mapfile -t packages < <(header_packages "$2")
	unpack "$root" "${packages[@]}"
	# Debian's headers include each other by absolute path.
	grep -q "^include $root/" "$headers/Makefile" ||
		sed -i "s#/usr/src/linux-headers#$root/usr/src/linux-headers#" "$headers/Makefile"
	grep -q "^include $root/" "$headers/Makefile" || die "cannot move $headers/Makefile"
	[ -x "$headers/scripts/mod/modpost" ] || die "$headers has no modpost"
}

# Runs a command again after an update of the package lists, when these are missing or older than
# the archive.
with_lists() { # COMMAND...
	("$@") && return
	echo "updating the package lists" >&2
	# shellcheck disable=SC2046,SC2086
	$([ "$(id -u)" = 0 ] || echo sudo) apt-get $APT_OPTIONS update -qq
	("$@")
}

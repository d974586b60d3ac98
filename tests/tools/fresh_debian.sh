#!/bin/bash
# Runs a command in a clone of this tree inside a fresh Debian with nothing installed:
#
#     tests/tools/fresh_debian.sh bookworm ./test.sh
#     tests/tools/fresh_debian.sh trixie ./run.sh --once
#
# Needs root and debootstrap. The bare system is kept as a tar file (CACHE) so that only the
# first run has to fetch it. Only what is committed gets in. Logs of the tests come back to
# build/fresh-RELEASE/. KEEP=1 leaves the system in place and prints where.
set -euo pipefail

release=${1:?usage: fresh_debian.sh RELEASE COMMAND [ARGUMENT]...}
shift
cd "$(dirname "$0")/../.."
tree=$PWD
cache=${CACHE:-/var/tmp/callbackd-debian}
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -v '^#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)}

if [ "$(id -u)" != 0 ]; then
    echo "fresh_debian.sh: needs root, for chroot and mounts" >&2
    exit 2
fi
if ! command -v debootstrap >/dev/null; then
    apt-get install -y --no-install-recommends debootstrap >&2
fi

mkdir -p "$cache"
root=$(mktemp -d "$cache/root-$release-XXXXXX")
clean() {
    local mounted
    # A program left behind in there would hold the mounts.
    for mounted in dev/pts dev proc sys; do
        mountpoint -q "$root/$mounted" && umount -l "$root/$mounted"
    done
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $root" >&2
    else
        rm -rf --one-file-system "$root"
    fi
}
trap clean EXIT
trap 'exit 130' INT TERM

# The base system: made once, and under a lock, as two runs may want it at the same time.
exec 9>"$cache/$release.lock"
flock 9
if [ ! -s "$cache/$release-base.tar" ]; then
    echo "fetching $release from ${mirror:-the mirror of debootstrap} ..." >&2
    debootstrap --variant=minbase "$release" "$root" ${mirror:+"$mirror"} \
        >"$cache/$release.log" 2>&1 ||
        { tail -n 5 "$cache/$release.log" >&2; exit 1; }
    tar -C "$root" -cf "$cache/$release-base.tar.new" .
    mv "$cache/$release-base.tar.new" "$cache/$release-base.tar"
else
    tar -C "$root" -xf "$cache/$release-base.tar"
fi
flock -u 9
chmod 755 "$root" # mktemp made it for root alone, but there are programs that run as others

mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys" -o ro
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
cp /etc/resolv.conf "$root/etc/resolv.conf"
grep -q localhost "$root/etc/hosts" 2>/dev/null ||
    echo "127.0.0.1 localhost" >>"$root/etc/hosts"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"

git -c safe.directory='*' clone -q "file://$tree" "$root/root/callbackd"
echo "== $(cat "$root/etc/debian_version") ($release): $*" >&2
code=0
chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive CI="${CI:-1}" \
    sh -c 'cd /root/callbackd && exec "$@"' sh "$@" || code=$?

if [ -d "$root/root/callbackd/build/test-logs" ]; then
    mkdir -p "$tree/build/fresh-$release"
    cp -r "$root/root/callbackd/build/test-logs/." "$tree/build/fresh-$release/"
fi
exit "$code"

#!/bin/bash
# Makes the image debian:trixie-slim out of Debian's own packages, for a Docker Engine that
# reaches no image registry but does reach a Debian mirror:
#
#     tests/tools/docker_base.sh             only when the engine has no such image and cannot
#                                            pull one
#     tests/tools/docker_base.sh --force     in any case
#
# Needs root and debootstrap. The bare system is the one that fresh_debian.sh keeps (CACHE).
set -euo pipefail

image=debian:trixie-slim
release=trixie
cache=${CACHE:-/var/tmp/callbackd-debian}
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -v '^#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)}

if [ "${1:-}" != --force ]; then
    if docker image inspect "$image" >/dev/null 2>&1; then
        exit 0
    elif timeout 60 docker pull -q "$image" >/dev/null 2>&1; then
        exit 0
    fi
    echo "$image cannot be pulled: making it from ${mirror:-the mirror of debootstrap}" >&2
fi

if [ "$(id -u)" != 0 ]; then
    echo "docker_base.sh: needs root, for debootstrap" >&2
    exit 2
fi
if ! command -v debootstrap >/dev/null; then
    apt-get install -y --no-install-recommends debootstrap >&2
fi

mkdir -p "$cache"
exec 9>"$cache/$release.lock"
flock 9
if [ ! -s "$cache/$release-base.tar" ]; then
    root=$(mktemp -d "$cache/root-$release-XXXXXX")
    trap 'rm -rf --one-file-system "$root"' EXIT
    debootstrap --variant=minbase "$release" "$root" ${mirror:+"$mirror"} \
        >"$cache/$release.log" 2>&1 ||
        { tail -n 5 "$cache/$release.log" >&2; exit 1; }
    tar -C "$root" -cf "$cache/$release-base.tar.new" .
    mv "$cache/$release-base.tar.new" "$cache/$release-base.tar"
fi
flock -u 9

# What "slim" leaves out: nobody reads manuals in a container. The lists of packages and their
# files would be old in no time.
slim=$(mktemp -d "$cache/slim-XXXXXX")
trap 'rm -rf --one-file-system "$slim" "${root:-/nonexistent}"' EXIT
tar -C "$slim" -xf "$cache/$release-base.tar" --exclude './dev/*' \
    --exclude './var/cache/apt/*' --exclude './var/lib/apt/lists/*' \
    --exclude './usr/share/man/*' --exclude './usr/share/info/*' \
    --exclude './usr/share/locale/*' --exclude './usr/share/doc/*/[!c]*'
cat >"$slim/etc/dpkg/dpkg.cfg.d/slim" <<'RULES'
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
RULES
printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' \
    >"$slim/etc/apt/apt.conf.d/slim"
printf 'force-unsafe-io\n' >"$slim/etc/dpkg/dpkg.cfg.d/fast"
tar -C "$slim" -c . | docker import -c 'CMD ["bash"]' - "$image" >/dev/null
docker image inspect -f '{{.Id}} {{.Size}} bytes' "$image"

#!/bin/bash
# Makes the images that the topologies run in: those that users build, and a newer version of
# the node beside them. Slow the first time, quick when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."

compose=docker-compose
command -v docker-compose >/dev/null || compose='docker compose'

tests/tools/docker_base.sh
$compose build
docker build -t callbackd-build --target build .
docker build -t callbackd-next tests/topologies/next

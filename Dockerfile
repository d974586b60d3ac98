# Two stages: one builds, the other has only what runs. Both start from the same small Debian.
# Where no image registry is reached, tests/tools/docker_base.sh makes that one.
FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config \
        libuv1-dev libllhttp-dev libmsgpack-c-dev uuid-dev libcurl4-openssl-dev libssl-dev \
        libyaml-dev libjansson-dev
COPY CMakeLists.txt /src/
COPY cmake /src/cmake
COPY proto /src/proto
COPY cluster /src/cluster
COPY node /src/node
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_TESTING=OFF \
    && cmake --build /build && DESTDIR=/out cmake --install /build --strip

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates libuv1t64 libllhttp9.2 libmsgpack-c2 libuuid1 libcurl4t64 libssl3t64 \
        libyaml-0-2 libjansson4 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
COPY --from=build /out/usr/bin/ /usr/bin/
# Nobody in particular: no home, no shell, no capability, and no setuid program to get one by.
# Nothing is written, so run it as docker-compose.yml does:
#     docker run --read-only --cap-drop ALL --security-opt no-new-privileges callbackd
USER 65532:65532
# Reachable, so it starts with CALLBACKD_AUTH_KEYS_FILE, or with CALLBACKD_AUTH_OPEN=true where
# nobody but its clients can reach it (docs/auth.md).
ENV CALLBACKD_LISTEN=0.0.0.0:8080 CALLBACKD_ADMIN=0.0.0.0:9090
EXPOSE 8080 9090 7070
HEALTHCHECK --interval=2s --timeout=2s --retries=5 CMD ["callbackctl", "health"]
ENTRYPOINT ["callbackd"]

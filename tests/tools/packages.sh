# What callbackd needs from Debian, 12 and 13 alike. Sourced by run.sh and test.sh.
#
#     install_missing build        to build the node and run it
#     install_missing test         and to test it

# The newest of two spellings of one package that this release has.
first_known() {
    local name
    for name in "$@"; do
        if apt-cache show "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "$1"
}

# Installed under either name?
is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

any_installed() {
    local name
    for name in "$@"; do
        if is_installed "$name"; then
            return 0
        fi
    done
    return 1
}

packages_build="gcc libc6-dev cmake ninja-build pkg-config|pkgconf libuv1-dev uuid-dev
    libllhttp-dev|node-llhttp libmsgpack-c-dev|libmsgpack-dev libyaml-dev libjansson-dev
    libcurl4-openssl-dev|libcurl4-gnutls-dev libssl-dev ca-certificates curl python3"
packages_test="libcmocka-dev clang python3-pytest python3-pytest-xdist
    git procps openssl binutils curl haproxy cppcheck valgrind"

# Compiler run-time for the sanitizers of Clang, which Debian keeps apart.
clang_runtime() {
    local version
    version=$(clang --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p')
    [ -n "$version" ] && echo "libclang-rt-$version-dev"
}

# As root, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "Please install as root: ${*: -1}" >&2
        return 1
    fi
}

apt_install() {
    echo "installing: $*"
    if [ -z "${apt_lists_are_fresh:-}" ]; then
        as_root apt-get -q update >>"$install_log" 2>&1 || true
        apt_lists_are_fresh=1
    fi
    local name names=()
    for name in "$@"; do
        # shellcheck disable=SC2086  # alternatives are words
        names+=("$(first_known ${name//|/ })")
    done
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends "${names[@]}" >>"$install_log" 2>&1; then
        tail -n 15 "$install_log" >&2
        echo "could not install: ${names[*]} (see $install_log)" >&2
        return 1
    fi
}

# For ./test.sh static; what is not there is said when it is wanted.
install_static() {
    local name
    for name in cppcheck clang-tidy; do
        if ! is_installed "$name" && command -v apt-get >/dev/null; then
            apt_install "$name" || true
        fi
    done
}

install_missing() {
    local wanted=$packages_build missing=() name
    install_log=${install_log:-/dev/null}
    if [ "$1" = test ]; then
        wanted="$wanted $packages_test"
    fi
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "not a Debian: taking for granted what the README lists"
        return 0
    fi
    for name in $wanted; do
        # shellcheck disable=SC2086
        any_installed ${name//|/ } || missing+=("$name")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        apt_install "${missing[@]}" || return 1
    fi
    if [ "$1" = test ]; then
        name=$(clang_runtime)
        if [ -n "$name" ] && ! is_installed "$name"; then
            apt_install "$name" || return 1
        fi
        # Formatting is checked where this release has the version that is meant.
        if ! command -v clang-format >/dev/null && ! command -v clang-format-14 >/dev/null &&
            apt-cache show clang-format-14 >/dev/null 2>&1; then
            apt_install clang-format-14 || true
        fi
    fi
}

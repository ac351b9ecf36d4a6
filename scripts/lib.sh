# shellcheck shell=bash disable=SC2034 # what seems unused here is for those who source this
# What the scripts and the shell tests agree on: places, names, and how to say things. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$root/target
dist=$target/dist
# scripts/test builds a second copy of the source with the first one's tools, hence the way to name them.
venv=${PROBESERVER_VENV:-$target/venv}
image=localhost/probeserver:dev archive=$dist/probeserver.oci.tar
# Every architecture there is a binary for, as scripts/build names it.
all_arches="amd64 arm64 armv7 armv6 riscv64"

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
# A script's leading comment says what it is for, and how it is used: the lines in it that stand in by three.
self=$(realpath "$0")
help() { # ARGUMENT...: that comment, where -h or --help is among them
    case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$self" && exit 0 ;; esac
}
usage() {
    sed -n '2,/^[^#]/s/^#   //p' "$self" >&2
    exit 2
}
# What was asked for cannot be meant.
refuse() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 2
}
# The version stands in Cargo.toml alone.
own_version() { sed -n '/^\[package\]/,/^\[dep/s/^version *= *"\(.*\)"/\1/p' "$root/Cargo.toml"; }
# A name that a registry takes, with the tag that nobody should have to guess, and no digest.
is_tagged() { [[ $1 == */*:* && ${1##*:} != */* && $1 != *@* ]]; }
# A program on PATH: a function of that name, as podman below, does not count.
has() { type -P "$1" >/dev/null; }

# The static binaries are built together with std, so the compiler has to come with std's source: a rustup toolchain with
# its rust-src component, or Debian's rustc-web, cargo-web and rust-web-src. Sets rust_path (what has to be first on PATH)
# and rust_src (the folder that library/ is in).
find_rust() {
    local bin sysroot
    for bin in "" /usr/bin; do
        rust_path=${bin:+$bin:}$PATH
        sysroot=$(PATH=$rust_path rustc --print sysroot 2>/dev/null) || continue
        rust_src=$sysroot/lib/rustlib/src/rust
        if [ -f "$rust_src/library/Cargo.lock" ] && PATH=$rust_path cargo --version >/dev/null 2>&1; then return 0; fi
    done
    rust_path='' rust_src=''
    return 1
}

# podman with settings and storage of its own under target/, so that nothing here touches the images and containers of
# whoever runs it. runc rather than crun, plain files rather than overlays, no systemd and small limits, since it has to
# work inside a container or a small virtual machine too.
containers=$target/containers
podman() {
    if [ ! -f "$containers/containers.conf" ]; then
        mkdir -p "$containers"
        cat >"$containers/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    fi
    # DISABLE_HC_SYSTEMD: a HEALTHCHECK runs when asked to, not by a timer of systemd.
    CONTAINERS_CONF=$containers/containers.conf DISABLE_HC_SYSTEMD=true \
        command podman --root "$containers/storage" --runroot "$containers/run" --tmpdir "$containers/tmp" \
        --storage-driver vfs "$@"
}

#!/usr/bin/env bash
# inside.sh ROOT COMMAND…: runs a command in the folder that `setup.sh` made, where this checkout is /livetape. The processes that it
# leaves, such as Wine's, end with it, and nothing stays mounted.
set -euo pipefail
root=$(realpath "$1")
checkout=$(realpath "$(dirname "$0")/../..")
shift
unshare --mount --pid --fork --kill-child sh -c '
  root=$1 checkout=$2
  shift 2
  mount --bind "$checkout" "$root/livetape"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  exec chroot "$root" env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin HOME=/opt/home LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt \
    CARGO_TARGET_DIR=/target CARGO_PROFILE_DEV_DEBUG=false RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_unwind \
    CC_aarch64_apple_darwin=aarch64-macos-cc CC_x86_64_apple_darwin=x86_64-macos-cc CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-cc \
    AR_aarch64_apple_darwin=ar AR_x86_64_apple_darwin=ar AR_aarch64_unknown_linux_gnu=ar SDKROOT=/ \
    ZIG_LOCAL_CACHE_DIR=/target/zig ZIG_GLOBAL_CACHE_DIR=/target/zig \
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine XDG_RUNTIME_DIR=/tmp WINEDEBUG=-all WINEPATH="Z:\opt\windows" WINEPREFIX=/opt/home/wine \
    INSTA_WORKSPACE_ROOT=/livetape INSTA_UPDATE=no \
    sh -c "cd /livetape && exec \"\$@\"" sh "$@"' sh "$root" "$checkout" "$@"

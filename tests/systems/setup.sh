#!/usr/bin/env bash
# setup.sh ROOT ZIG: makes the folder ROOT, of about 4 GB, in which livetape is built for other systems (`inside.sh`). It has Debian's
# current Rust with the sources of std, MinGW and Wine for Windows, and zig, from the folder ZIG, as the C compiler for macOS and
# arm64. Requires Debian and root; takes up to five minutes.
set -euo pipefail
root=$1 zig=$2
if [ ! -x "$root/usr/bin/apt-get" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep --invert-match security | head -1)
  # What it mounts is gone with the namespace.
  unshare --mount debootstrap --variant=minbase --include=ca-certificates sid "$root" "$mirror" >/dev/null
fi
install -D /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
install -D --mode 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root/opt/zig"
mkdir -p "$root/livetape" "$root/opt/home" "$root/target"
cp -r "$zig" "$root/opt/zig"
# As a C compiler for one target: without the flags that crates add for the system's own.
for target in aarch64-macos x86_64-macos aarch64-linux-gnu; do
  cat >"$root/usr/local/bin/$target-cc" <<CC
#!/bin/bash
for flag; do
  case \$flag in --target=* | -mmacosx-version-min=* | -arch | arm64 | x86_64) ;; *) flags+=("\$flag") ;; esac
done
exec /opt/zig/zig cc -target $target "\${flags[@]}"
CC
  chmod +x "$root/usr/local/bin/$target-cc"
done
"$(dirname "$0")/inside.sh" "$root" bash -c 'apt-get -o Acquire::Check-Valid-Until=false update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    rustc cargo rust-clippy rust-src gcc libc6-dev gcc-mingw-w64-x86-64 wine wine64 git >/dev/null
  # A command that does nothing, which Wine lacks.
  mkdir -p /opt/windows
  echo "int main(void) { return 0; }" | x86_64-w64-mingw32-gcc -x c - -o /opt/windows/true.exe'

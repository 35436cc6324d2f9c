#!/usr/bin/env bash
# Boot Debian's stock kernel in QEMU, with this machine's files read-only underneath, and run tests/usb inside as root.
# The kernel brings what this one may lack: uinput, dummy_hcd, USB gadgets. Nothing is written outside the guest.
#
#   tests/usb/run.sh [pytest arguments]        PATIENCE_S=1800 gives it more time
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(dirname "$(dirname "$here")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in qemu-system-x86_64 busybox cpio modprobe; do
  command -v "$tool" >/dev/null || { echo "test-usb: $tool is not installed" >&2; exit 2; }
done
kernel=$(find /boot -name 'vmlinuz-*' | sort -V | tail -1)
[ -n "$kernel" ] || { echo "test-usb: no kernel in /boot (linux-image-amd64)" >&2; exit 2; }
release=${kernel#/boot/vmlinuz-}

# A first root of busybox and the modules that reach the files of this machine over 9p.
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here/init" "$root/init"
for module in virtio_pci 9pnet_virtio 9p overlay; do
  modprobe --set-version "$release" --show-depends "$module" | awk '/^insmod/ {print $2}' | while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp "$file" "$root$file"
    echo "$file" >>"$root/modules"
  done
done
(cd "$root" && find . | cpio --create --format=newc --quiet | gzip -1) >"$work/initrd.gz"

# Two serial ports on a null-modem cable, with modem lines; without a C compiler the tests that need them are skipped.
lines=() shim=
if command -v cc >/dev/null; then
  cc -shared -fPIC -O1 -o "$work/null_modem.so" "$here/null_modem.c" -ldl
  shim=$work/null_modem.so
  mkfifo "$work/ends"
  python3 -B "$here/null_modem.py" >"$work/ends" &
  cable=$!
  trap 'kill "$cable" 2>/dev/null; rm -rf "$work"' EXIT
  read -r left right <"$work/ends"
  for end in "$left" "$right"; do
    lines+=(-chardev "serial,id=line${end##*/},path=$end" -device "pci-serial,chardev=line${end##*/}")
  done
fi

{ [ $# -eq 0 ] || printf '%q ' "$@"; } >"$work/arguments"
log=$work/console
# TCG on purpose: guests hang on some virtual machines' nested KVM, and it is fast enough.
timeout "${PATIENCE_S:-1200}" env LD_PRELOAD="$shim" \
  qemu-system-x86_64 -accel tcg -m 1024 -smp 2 -nographic -no-reboot "${lines[@]}" \
  -kernel "$kernel" -initrd "$work/initrd.gz" \
  -append "console=ttyS0 quiet panic=-1 guest=$here/guest.sh arguments=$work/arguments tree=$tree" \
  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null 2>&1 | sed --unbuffered 's/\r//g' | tee "$log"
grep --quiet '^GUEST ENDED 0$' "$log"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: demo.sh
#
# A narrated session with the Nyx software IOMMU: what it is for, with real data, and at its
# end a stock guest. Needs the module loaded and a user who may open /dev/nyx-iommu; works in
# a VM and on a host alike, and leaves nothing behind. Every step is checked; the last line
# is "demo: PASS", and then the exit status is 0.
#
# NYXCTL and NYX_VMM name other programs than those that were built here, or installed.
# NYX_DEMO_KERNEL and NYX_DEMO_INITRD are the guest's; without them, or without /dev/kvm, the
# guest's step is left out.
set -euo pipefail
case ${1-} in
'') ;;
-h | --help) sed -n '3,/^set/{/^# \{0,1\}/!d; s///p}' "$0"; exit ;;
*) echo "demo: no argument '$1'; see --help" >&2; exit 2 ;;
esac

top=$(cd "$(dirname "$0")/../.." && pwd)
# found PROGRAM: the one that was built here, else the installed one
found()
{
	local built=$top/build/user/$1
	if [[ -x $built ]]; then echo "$built"; else type -P "$1"; fi
}
tool=${NYXCTL:-$(found nyxctl)} ||
	{ echo 'demo: nyxctl is not built; run "make cli"' >&2; exit 1; }

tmp=$(mktemp -d)
export NYX_UNIT=vm-$$
step=0

nyxctl() { "$tool" "$@"; }

cleanup()
{
	nyxctl --quiet unit destroy 2>/dev/null || :
	rm -rf "$tmp"
}
trap cleanup EXIT

# ---- how to tell it ---------------------------------------------------------

if [[ -t 1 ]]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[36m') plain=$(printf '\033[0m')
else
	bold='' dim='' plain=''
fi

# title TEXT: begin a step
title()
{
	step=$((step + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}

fail()
{
	printf 'demo: FAIL: %s\n' "$*" >&2
	exit 1
}

# do_it STATUS COMMAND: show it, run it, show what it says
do_it()
{
	local want=$1 status=0 word line=
	shift
	for word; do
		[[ $word == *[\ \'\"\$]* ]] && word="'$word'"
		line+=" $word"
	done
	printf '   %s$%s%s\n' "$dim" "$line" "$plain"
	(cd "$tmp" && "$@") >"$tmp/.out" 2>&1 || status=$?
	sed 's/^/   /' "$tmp/.out"
	((status == want)) || fail "'$*' ended with $status, not $want"
}
run() { do_it 0 "$@"; }
refused() { do_it 1 "$@"; }
# said TEXT: the last command did
said() { grep -qF -- "$1" "$tmp/.out" || fail "the last command did not say '$1'"; }
# is WANT COMMAND
is()
{
	local want=$1 seen
	shift
	seen=$("$@")
	[[ $seen == "$want" ]] || fail "'$*' says '$seen', not '$want'"
}

# ---- the story --------------------------------------------------------------

nic=0000:03:00.0 disk=0000:04:00.0
cat <<END
${bold}Nyx: an IOMMU in software.$plain A virtual machine's devices get addresses of their own
for its memory: each reaches what it was given, and nothing else.
END

title 'A virtual machine gets an IOMMU, and 64 MiB of memory'
run nyxctl unit create "$NYX_UNIT"
run nyxctl memory add --memfd 64M
is 67108864 nyxctl memory list -o raw --columns length_bytes

title 'Its network card gets 16 MiB of that, at addresses of its own'
run nyxctl device assign $nic strict
run nyxctl map add strict/$nic 0x80000000 16M 16M
is 2097152 nyxctl map list strict/$nic -o raw --columns smallest_page_bytes

title 'The card moves 5 MB through the IOMMU by DMA: they arrive as they were'
head -c 5000000 /dev/urandom >"$tmp/sent"
run nyxctl dma write $nic 0x80000100 --from sent
run nyxctl dma read $nic 0x80000100 5000000 --to received
run sha256sum sent received
cmp "$tmp/sent" "$tmp/received" || fail 'the data differ'

title 'What it was not given is out of reach, to the byte, and the record says why'
do_it 5 nyxctl dma write $nic 0x80fffff8 --data 00112233445566778899aabbccddeeff
said 'after 8 bytes'
refused nyxctl dma read $nic 0x12345000 64
run nyxctl fault list --columns device,access,iova,cause
is "$nic 0x81000000 w;$nic 0x12345000 r;" \
	eval "nyxctl fault list -o raw --columns device,iova,access | tr '\n' ';'"

title 'A second device does not see the first one'"'"'s memory'
run nyxctl device assign $disk strict
refused nyxctl dma read $disk 0x80000100 16

title 'When an unmap returns, nothing uses what was unmapped'
run nyxctl map remove strict/$nic 0x80000000 4K
refused nyxctl dma read $nic 0x80000100 16
run nyxctl map list strict/$nic --columns iova,length_bytes,gpa,prot

title 'A device that does not stop is cut off: quarantine after 10 faults in a minute'
run nyxctl unit policy --threshold 10 --window 1m --backoff 1m
for ((i = 0; i < 10; i++)); do
	nyxctl --quiet dma read $disk $((0x80000100 + i * 4096)) 16 2>/dev/null && fail 'read'
done
run nyxctl device list --columns device,isolation,state,fault_events
is 'state quarantined' nyxctl device show $disk -o raw --columns state
refused nyxctl dma read $disk 0x80000100 16
said quarantine
run nyxctl device reset $disk

run_guest()
{
	local vmm kernel=${NYX_DEMO_KERNEL-} initrd=${NYX_DEMO_INITRD-} sum
	if ! vmm=${NYX_VMM:-$(found nyx-vmm)} || ! [[ -r $kernel && -r $initrd && -w /dev/kvm ]]; then
		echo "   (Left out: it needs /dev/kvm and a guest's kernel. See it with: make guest)"
		return 0
	fi
	head -c 4M /dev/urandom >"$tmp/disk"
	sum=$(sha256sum <"$tmp/disk")
	echo "   $dim\$ nyx-vmm --kernel vmlinuz --initrd initrd --disk disk --iommu vtd$plain"
	echo '   (It boots within half a minute, or a minute or two where KVM is emulated)'
	timeout 200 "$vmm" --kernel "$kernel" --initrd "$initrd" --disk "$tmp/disk" --iommu vtd \
		--append 'console=ttyS0 panic=-1 noxsave intel_iommu=on guest.disk=vda guest.iommu' \
		--no-reboot </dev/null 2>&1 | tee "$tmp/console" |
		sed -nuE 's/\r$//; s/^(\[[ .0-9]*\] (Linux version [^ ]*|DMAR-IR: Enabled .*)|guest: (sha256|interrupt).*virtio.*).*/   \1/p;
			s/^guest: sha256 vda (.*)/   guest: the disk has SHA-256 \1/p'
	grep -q "^guest: sha256 vda ${sum%% *}" "$tmp/console" || fail 'the guest read something else'
	echo "   host:  the disk has SHA-256 ${sum%% *}"
}
title "A stock Debian kernel reads its disk through Nyx, by its own Intel IOMMU driver"
run_guest

nyxctl --quiet unit destroy
cat <<'END'

What next
   make guest                          such a guest, with its whole console; IOMMU=amdvi
   selftests/vm/run -- nyxctl --help   the tool, in a virtual machine with the module
   make install                        everything on this machine
   Documentation/tutorial/             what happened here, explained; a first VMM

demo: PASS
END

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: demo.sh
#
# A narrated session with the Nyx software IOMMU: what it is for, with real data.
# Needs the module loaded and a user who may open /dev/nyx-iommu; works in a VM
# and on a host alike, and leaves nothing behind. Every step is checked; the last
# line is "demo: PASS", and then the exit status is 0.
#
# NYXCTL names another nyxctl than the one that was built here, or installed.
set -euo pipefail
case ${1-} in
'') ;;
-h | --help) sed -n '3,/^set/{/^# \{0,1\}/!d; s///p}' "$0"; exit ;;
*) echo "demo: no argument '$1'; see --help" >&2; exit 2 ;;
esac

top=$(cd "$(dirname "$0")/../.." && pwd)
tool=${NYXCTL:-$top/build/user/nyxctl}
[[ -x $tool ]] || tool=$(type -P nyxctl) ||
	{ echo 'demo: nyxctl is not built; run "make cli"' >&2; exit 1; }

tmp=$(mktemp -d)
export NYX_UNIT=demo-$$
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

title()
{
	step=$((step + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}

tell() { printf '   %s\n' "$@"; }

fail()
{
	printf 'demo: FAIL: %s\n' "$*" >&2
	exit 1
}

show()
{
	local word line=
	for word; do
		[[ $word == *[\ \'\"\$]* ]] && word="'$word'"
		line+=" ${word/#$tmp\//}"
	done
	printf '   %s$%s%s\n' "$dim" "$line" "$plain"
}

# run COMMAND: show it, run it, show what it says
run()
{
	local status=0
	show "$@"
	(cd "$tmp" && "$@") >"$tmp/.out" 2>&1 || status=$?
	sed 's/^/   /' "$tmp/.out"
	((status == 0)) || fail "'$*' ended with $status"
}

# refused STATUS TEXT COMMAND: the same, and it must be refused, with TEXT
refused()
{
	local want=$1 text=$2 status=0
	shift 2
	show "$@"
	(cd "$tmp" && "$@") >"$tmp/.out" 2>&1 || status=$?
	sed 's/^/   /' "$tmp/.out"
	((status == want)) || fail "'$*' ended with $status, not $want"
	grep -qF -- "$text" "$tmp/.out" || fail "'$*' did not say '$text'"
}

# check WHAT WANT SEEN
check()
{
	[[ $2 == "$3" ]] || fail "$1 is '$3', not '$2'"
	printf '   %-44s %s\n' "$1" "$3  ok"
}

# ---- the session ------------------------------------------------------------

printf '%sNyx: an IOMMU in software.%s Devices of a virtual machine get their own view of\n' \
	"$bold" "$plain"
echo 'its memory: each reaches what it was given, and nothing else.'

title 'The module'
run nyxctl module info

title 'A unit: one emulated IOMMU, for one virtual machine'
run nyxctl unit create "$NYX_UNIT"
run nyxctl unit status

title 'Guest memory: 64 MiB in a memfd'
run nyxctl memory add --memfd 64M --gpa 0
run nyxctl memory list
check 'guest memory, bytes' 67108864 "$(nyxctl memory list -o raw --columns length_bytes)"

title 'A STRICT domain, with pages of 4K and 2M, and a device in it'
run nyxctl domain create net --page-sizes 4K,2M
run nyxctl device add 0000:03:00.0
run nyxctl device attach 0000:03:00.0 net
run nyxctl device list

title 'A map: 16 MiB of I/O addresses lead to guest memory'
run nyxctl map add net 0x80000000 16M 16M
run nyxctl map list net
check 'page size that was chosen' 2097152 \
	"$(nyxctl map list net -o raw --columns smallest_page_bytes)"
run nyxctl device translate 0000:03:00.0 0x80001234

title 'The device writes 5 MB into guest memory by DMA, and reads them back'
head -c 5000000 /dev/urandom >"$tmp/sent"
run sha256sum sent
run nyxctl dma write 0000:03:00.0 0x80000100 --from sent
run nyxctl dma read 0000:03:00.0 0x80000100 5000000 --to received
run sha256sum received
check 'SHA-256 agrees' "$(sha256sum <"$tmp/sent" | cut -c1-16)..." \
	"$(sha256sum <"$tmp/received" | cut -c1-16)..."
cmp "$tmp/sent" "$tmp/received" || fail 'the data differ'

title 'Atomic operations, as PCI Express has them'
run nyxctl dma fill 0000:03:00.0 0x80a00000 8
run nyxctl dma fetch-add 0000:03:00.0 0x80a00000 41
run nyxctl dma cas 0000:03:00.0 0x80a00000 41 42
check 'the counter' 0x2a \
	"$(nyxctl dma swap 0000:03:00.0 0x80a00000 0 -o raw --columns old | cut -d' ' -f2)"

title 'A read-only map: the device may read it, but a write is refused'
run nyxctl map add net 0xa0000000 16M 2M --prot r
run nyxctl dma read 0000:03:00.0 0xa0000100 16
refused 1 'the mapping does not allow to write' \
	nyxctl dma write 0000:03:00.0 0xa0000100 --data deadbeef
nyxctl dma read 0000:03:00.0 0x80000100 5000000 --to "$tmp/after" --quiet
cmp "$tmp/after" "$tmp/sent" || fail 'the refused write changed memory'
tell 'The memory behind it is as it was.'

title 'A DMA beyond the map: done up to the last byte that is allowed, then stopped'
refused 5 'after 8 bytes' \
	nyxctl dma write 0000:03:00.0 0x80fffff8 --data 00112233445566778899aabbccddeeff
refused 1 'refused' nyxctl dma read 0000:03:00.0 0x12345000 64
tell 'Each refusal is on record: which device, where, what it tried, and why.'
run nyxctl fault list --columns seq,device,domain,access,iova,reason
faults=$(nyxctl fault list -o raw --columns device,iova,access | tr '\n' ';')
check 'faults' '0000:03:00.0 0xa0000100 w;0000:03:00.0 0x81000000 w;0000:03:00.0 0x12345000 r;' \
	"$faults"
check 'reason of the first' write-denied \
	"$(nyxctl fault list -o raw --columns reason | head -n 1)"

title 'A STRICT domain takes one device: a second one is refused'
run nyxctl device add 0000:04:00.0
refused 1 'is STRICT and has device 0000:03:00.0' nyxctl device attach 0000:04:00.0 net
refused 1 'the device has no domain' nyxctl dma read 0000:04:00.0 0x80000100 16
run nyxctl device remove 0000:04:00.0

title 'A SHARED domain: two devices, one address space'
run nyxctl device assign 0000:04:00.0 shared
run nyxctl device assign 0000:05:00.0 shared
run nyxctl map add shared 0x1000 32M 8M
run nyxctl dma write 0000:04:00.0 0x2000 --from sent
run nyxctl dma read 0000:05:00.0 0x2000 5000000 --to received2
run nyxctl dma read 0000:04:00.0 0x2000 5000000 --to received3
check 'SHA-256, from one device to the other' "$(sha256sum <"$tmp/sent" | cut -c1-16)..." \
	"$(sha256sum <"$tmp/received2" | cut -c1-16)..."
cmp "$tmp/sent" "$tmp/received3" || fail 'the data differ'
tell 'What the STRICT device has is out of their reach:'
refused 1 'refused' nyxctl dma read 0000:05:00.0 0x80000100 16

title 'UNMANAGED: the identity domain. I/O addresses are guest addresses'
run nyxctl device assign 0000:06:00.0 unmanaged
run nyxctl dma read 0000:06:00.0 0x1000100 5000000 --to received4
check 'the same bytes, by guest address' "$(sha256sum <"$tmp/sent" | cut -c1-16)..." \
	"$(sha256sum <"$tmp/received4" | cut -c1-16)..."
tell 'Even this device never gets beyond the guest memory of the unit:'
refused 1 'not guest memory' nyxctl dma read 0000:06:00.0 0x4000000 16

title 'What is unmapped is out of reach when the command returns'
run nyxctl map remove net 0x80000000 4K
refused 1 'refused' nyxctl dma read 0000:03:00.0 0x80000100 16
run nyxctl dma read 0000:03:00.0 0x80001000 16
tell 'One page out of a 2M page: the rest is still mapped.'
run nyxctl map list net

title 'Statistics'
run nyxctl domain list
run nyxctl device list
tell 'A ring of 1 MB that a device reads again and again is found in the IOTLB:'
for _ in 1 2 3 4 5; do
	nyxctl dma read 0000:04:00.0 0x2000 1000000 --to "$tmp/ring" --quiet
done
run nyxctl stat show domain shared --columns domain,iotlb_hit_rate
run nyxctl stat show
rate=$(nyxctl stat show -o raw --columns iotlb_hit_rate | cut -d' ' -f2)
awk -v rate="$rate" 'BEGIN { exit !(rate > 0.5 && rate < 1) }' ||
	fail "an IOTLB hit rate of $rate"
check 'faults counted' 7 "$(nyxctl unit status -o raw --columns fault_events | cut -d' ' -f2)"
run nyxctl device show 0000:03:00.0 --json

title 'Everything is given back'
run nyxctl device release 0000:06:00.0
run nyxctl device release 0000:05:00.0
run nyxctl device release 0000:04:00.0
check 'domains left' net "$(nyxctl domain list -o raw --columns name | tr '\n' ' ' | sed 's/ $//')"
run nyxctl unit destroy
refused 3 'there is no unit' nyxctl unit show

echo
echo 'demo: PASS'

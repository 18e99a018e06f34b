# Commands that wait for in-flight accesses. Here are three that do not end: a DMA
# in domain net, one in domain empty, and an interrupt.
$ setup
$ nyxctl -q domain create net --shared
$ for d in 3 4 5 6; do nyxctl -q device add $d:0.0; nyxctl -q device attach $d:0.0 net; done
$ nyxctl -q domain create empty; nyxctl -q device add 7:0.0; nyxctl -q device attach 7:0.0 empty
$ nyxctl -q domain create other --shared
$ nyxctl -q map add net 0x1000 0 8K
$ for d in net empty; do nyxctl -q map add $d 0x10000 1G 4K; done
$ nyxctl -q irq set 5 0x41; nyxctl -q irq set 9 0x44 --posted 1G
$ hold dma 5:0.0 0x10000 dma 7:0.0 0x10000 irq 6:0.0 9
# The time may have passed before the command reaches the kernel, or after.
$ nyxctl device detach 3:0.0 --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses of device 0000:03:00.0; the changes so far are kept; 'nyxctl iotlb invalidate domain 1' keeps waiting
? 124
$ nyxctl device attach 4:0.0 other --replace --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses of device 0000:04:00.0 in its former domain; the changes so far are kept; repeat the command with --replace to keep waiting
? 124
$ nyxctl device remove 3:0.0 --timeout 0.05s --json
| {"error":{"code":"ETIMEDOUT","message":"timed out waiting for in-flight accesses of device 0000:03:00.0; the changes so far are kept; repeat the command to keep waiting","reason":null,"field":null}}
! nyxctl: timed out waiting for in-flight accesses of device 0000:03:00.0; the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl device release 4:0.0 --timeout 1ms
! nyxctl: timed out waiting for in-flight accesses of device 0000:04:00.0; the changes so far are kept; repeat the command to keep waiting
? 124
$ for verb in quarantine disable; do nyxctl device $verb 5:0.0 --timeout 50ms; done
! nyxctl: timed out waiting for in-flight accesses of device 0000:05:00.0; the changes so far are kept; repeat the command to keep waiting
! nyxctl: timed out waiting for in-flight accesses of device 0000:05:00.0; the changes so far are kept; repeat the command to keep waiting
? 124
# It has nothing to wait for.
$ nyxctl device reset 5:0.0
| device 0000:05:00.0 reset
$ nyxctl map remove net 0x1000 4K --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses in domain 1 (net); the changes so far are kept; 'nyxctl iotlb invalidate domain 1' keeps waiting
? 124
$ nyxctl map remove net --all --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses in domain 1 (net); the changes so far are kept; 'nyxctl iotlb invalidate domain 1' keeps waiting
? 124
$ for scope in unit 'domain net' 'device 5:0.0' 'range net 0 4K'; do nyxctl iotlb invalidate $scope --timeout 0; done
! nyxctl: timed out waiting for in-flight accesses in unit 'golden'; the changes so far are kept; repeat the command to keep waiting
! nyxctl: timed out waiting for in-flight accesses in domain 1 (net); the changes so far are kept; repeat the command to keep waiting
! nyxctl: timed out waiting for in-flight accesses in the domain of device 0000:05:00.0; the changes so far are kept; repeat the command to keep waiting
! nyxctl: timed out waiting for in-flight accesses in domain 1 (net); the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl irq clear 5 --timeout 50ms
! nyxctl: timed out waiting for in-flight interrupts; the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl irq setup xapic --timeout 50ms
! nyxctl: timed out waiting for in-flight interrupts; the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl memory remove 0 --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses of guest memory; the changes so far are kept; repeat the command to keep waiting
? 124
$ for i in $(seq 100); do [[ $(nyxctl device show 7:0.0 -o raw --columns domain) == 'domain -' ]] && break; nyxctl device detach 7:0.0 --timeout 50ms 2>/dev/null; done
$ nyxctl domain destroy empty --timeout 50ms
! nyxctl: timed out waiting for in-flight accesses in domain 2 (empty); the changes so far are kept; repeat the command to keep waiting
? 124
# After a second the command says what it waits for, but not with --quiet.
$ nyxctl iotlb invalidate unit --timeout 1100ms 2>&1
| nyxctl: waiting for in-flight accesses in unit 'golden'
| nyxctl: timed out waiting for in-flight accesses in unit 'golden'; the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl iotlb invalidate unit --timeout 1100ms --quiet 2>&1
| nyxctl: timed out waiting for in-flight accesses in unit 'golden'; the changes so far are kept; repeat the command to keep waiting
? 124
$ nyxctl event monitor --timeout 1100ms 2>&1
| nyxctl: waiting for events of unit 'golden'
$ nyxctl fault watch --timeout 1100ms 2>&1
| nyxctl: waiting for faults of unit 'golden'
$ nyxctl -q fault watch --timeout 1100ms 2>&1
$ nyxctl page request 6:0.0 0x1000 --timeout 1100ms 2>&1
| nyxctl: waiting for an answer to the page request of device 0000:06:00.0; 'nyxctl page respond' gives it
| nyxctl: group N was not answered in time; 'nyxctl event monitor' shows page requests
? 124
# Meanwhile others are refused: a device that a command moves, a domain that one destroys.
# The module says which of them it is.
$ nyxctl device detach 6:0.0 >detached 2>said & detach=$!
$ until grep -q waiting said || ! kill -0 $!; do sleep 0.1; done
$ nyxctl device attach 6:0.0 other
! nyxctl: cannot attach device 0000:06:00.0 to domain 3 (other): another command is moving the device; try again
? 1
$ nyxctl device attach 6:0.0 other --replace --json
| {"error":{"code":"EBUSY","message":"cannot attach device 0000:06:00.0 to domain 3 (other): another command is moving the device; try again","reason":"device-moving","field":"sbdf"}}
! nyxctl: cannot attach device 0000:06:00.0 to domain 3 (other): another command is moving the device; try again
? 1
$ nyxctl device remove 6:0.0
! nyxctl: cannot remove device 0000:06:00.0: another command is moving the device; try again
? 1
$ nyxctl device quarantine 6:0.0
! nyxctl: cannot quarantine device 0000:06:00.0: another command is moving the device; try again
? 1
$ nyxctl domain destroy empty >destroyed 2>said & destroy=$!
$ until grep -q waiting said || ! kill -0 $!; do sleep 0.1; done
$ nyxctl -q device add 8:0.0
$ nyxctl device attach 8:0.0 empty
! nyxctl: cannot attach device 0000:08:00.0 to domain 2 (empty): another command is destroying the domain; try again
? 1
$ nyxctl domain destroy empty
! nyxctl: cannot destroy domain 2 (empty): another command is destroying the domain; try again
? 1
# As soon as the accesses are over, all goes on.
$ let_go
$ wait $detach $destroy; cat detached destroyed
| device 0000:06:00.0 detached
| domain 2 (empty) destroyed
# A command that ends in time prints nothing.
$ nyxctl iotlb invalidate unit --timeout 10m 2>&1
| unit golden invalidated
$ nyxctl iotlb invalidate unit --timeout soon
! nyxctl: --timeout 'soon' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl unit list --timeout 1s
! nyxctl: unit list: unknown option '--timeout'; see 'nyxctl unit list --help'
? 2

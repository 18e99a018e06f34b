# Commands that wait for accesses that are under way: the mock's do so for ever.
$ setup
$ hang() { local cmd=$1; shift; NYX_MOCK_HANG=$cmd nyxctl "$@"; }
$ nyxctl -q domain create net --shared
$ for d in 3 4 5 6; do nyxctl -q device add $d:0.0; nyxctl -q device attach $d:0.0 net; done
$ nyxctl -q map add net 0x1000 0 8K
$ nyxctl -q irq set 5 0x41
# The time may be over before the command is done, or after: no matter which.
$ hang 0x0f device detach 3:0.0 --timeout 50ms
! nyxctl: timed out waiting for accesses of device 0000:03:00.0 that are under way; what the command has changed stays so; 'nyxctl iotlb invalidate domain 1' goes on waiting
? 124
$ hang 0x0e device attach 3:0.0 net --timeout 50ms
! nyxctl: timed out waiting for accesses of device 0000:03:00.0 that are under way in its former domain; what the command has changed stays so; repeat it with --replace to go on waiting
? 124
$ hang 0x0d device remove 3:0.0 --timeout 0.05s --json
| {"error":{"code":"ETIMEDOUT","message":"timed out waiting for accesses of device 0000:03:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting"}}
! nyxctl: timed out waiting for accesses of device 0000:03:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x0d device release 4:0.0 --timeout 1ms
! nyxctl: timed out waiting for accesses of device 0000:04:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ for verb in quarantine disable reset; do hang 0x20 device $verb 5:0.0 --timeout 50ms; done
! nyxctl: timed out waiting for accesses of device 0000:05:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
! nyxctl: timed out waiting for accesses of device 0000:05:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
! nyxctl: timed out waiting for accesses of device 0000:05:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x15 map remove net 0x1000 4K --timeout 50ms
! nyxctl: timed out waiting for accesses in domain 1 (net) that are under way; what the command has changed stays so; 'nyxctl iotlb invalidate domain 1' goes on waiting
? 124
$ hang 0x11 map remove net --all --timeout 50ms
! nyxctl: timed out waiting for accesses in domain 1 (net) that are under way; what the command has changed stays so; 'nyxctl iotlb invalidate domain 1' goes on waiting
? 124
$ for scope in unit 'domain net' 'device 5:0.0' 'range net 0 4K'; do hang 0x12 iotlb invalidate $scope --timeout 0; done
! nyxctl: timed out waiting for accesses in unit 'golden' that are under way; what the command has changed stays so; repeat it to go on waiting
! nyxctl: timed out waiting for accesses in domain 1 (net) that are under way; what the command has changed stays so; repeat it to go on waiting
! nyxctl: timed out waiting for accesses in the domain of device 0000:05:00.0 that are under way; what the command has changed stays so; repeat it to go on waiting
! nyxctl: timed out waiting for accesses in domain 1 (net) that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x19 irq clear 5 --timeout 50ms
! nyxctl: timed out waiting for interrupts that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x17 irq setup xapic --timeout 50ms
! nyxctl: timed out waiting for interrupts that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x09 memory remove 0 --timeout 50ms
! nyxctl: timed out waiting for accesses of guest memory that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ nyxctl -q domain create empty
$ hang 0x0b domain destroy empty --timeout 50ms
! nyxctl: timed out waiting for accesses in domain 2 (empty) that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
# After a second it is told what for; not with --quiet.
$ hang 0x12 iotlb invalidate unit --timeout 1100ms 2>&1
| nyxctl: waiting for accesses in unit 'golden' that are under way
| nyxctl: timed out waiting for accesses in unit 'golden' that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ hang 0x12 iotlb invalidate unit --timeout 1100ms --quiet 2>&1
| nyxctl: timed out waiting for accesses in unit 'golden' that are under way; what the command has changed stays so; repeat it to go on waiting
? 124
$ nyxctl event monitor --timeout 1100ms 2>&1
| nyxctl: waiting for events of unit 'golden'
$ nyxctl fault watch --timeout 1100ms 2>&1
| nyxctl: waiting for faults of unit 'golden'
$ nyxctl -q fault watch --timeout 1100ms 2>&1
$ nyxctl page request 6:0.0 0x1000 --timeout 1100ms 2>&1
| nyxctl: waiting for an answer to the page request of device 0000:06:00.0; 'nyxctl page respond' gives it
| nyxctl: group N was not answered in time; 'nyxctl event monitor' shows requests to whoever serves the unit
? 124
# In time, nothing is.
$ nyxctl iotlb invalidate unit --timeout 10m 2>&1
| unit golden invalidated
$ nyxctl iotlb invalidate unit --timeout soon
! nyxctl: --timeout 'soon' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl unit list --timeout 1s
! nyxctl: unit list: unknown option '--timeout'; see 'nyxctl unit list --help'
? 2

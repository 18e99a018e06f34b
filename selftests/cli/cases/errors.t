# nyxctl has a sentence, never a number, for each error of the kernel.
$ setup
$ nyxctl -q device assign 03:00.0 strict
$ fail 0x00:25 unit list
! nyxctl: /dev/nyx-iommu is not the device node of Nyx
? 6
# Units.
$ fail 0x01:28:0:32 unit create other
! nyxctl: cannot create unit 'other': the module has reached its limit on units (parameter max_units); 'nyxctl module info' shows the limit
? 1
$ fail 0x01:12 unit create other
! nyxctl: cannot create unit 'other': out of memory
? 1
$ fail 0x01:7 unit create other
! nyxctl: cannot create unit 'other': nyxctl is newer than the module; load the module of the same release
? 1
$ fail 0x02:13 unit show
! nyxctl: cannot open unit 'golden': the unit belongs to another user, or its program does not share it
? 4
$ fail 0x02:13 unit show --json
| {"error":{"code":"EACCES","message":"cannot open unit 'golden': the unit belongs to another user, or its program does not share it","reason":null,"field":null}}
! nyxctl: cannot open unit 'golden': the unit belongs to another user, or its program does not share it
? 4
$ fail 0x03:19 unit show
! nyxctl: cannot query unit 'golden': the unit was destroyed meanwhile
? 3
$ fail 0x05:19 unit destroy
! nyxctl: cannot destroy unit 'golden': the unit was destroyed meanwhile
? 3
$ fail 0x04:19 unit persist
! nyxctl: cannot change unit 'golden': the unit was destroyed meanwhile
? 3
$ fail 0x06:12 unit list
! nyxctl: cannot list units: out of memory
? 1
$ fail 0x06:12 unit list --json
| {"error":{"code":"ENOMEM","message":"cannot list units: out of memory","reason":null,"field":null}}
! nyxctl: cannot list units: out of memory
? 1
# Memory.
$ fail 0x08:122:0:51 memory add --memfd 1M --gpa 1G --pinned
! nyxctl: cannot add GPA 0x40000000 + 1M: pinning would exceed the limit on locked memory; raise it with 'ulimit -l' or leave out --pinned
? 1
$ fail 0x08:12 memory add --memfd 1M --gpa 1G
! nyxctl: cannot add GPA 0x40000000 + 1M: out of memory
? 1
$ fail 0x08:28:0:40 memory add --memfd 1M --gpa 1G
! nyxctl: cannot add GPA 0x40000000 + 1M: the unit has reached its limit on ranges of memory; 'nyxctl unit show' lists the limits
? 1
$ fail 0x08:95 memory add --memfd 1M --gpa 1G
! nyxctl: cannot add GPA 0x40000000 + 1M: the module, or this kind of object, does not support it
? 1
$ fail 0x08:22:0:48 memory add --memfd 1M --gpa 1G
! nyxctl: cannot add GPA 0x40000000 + 1M: the range is not made of whole pages of the file
? 1
$ fail 0x08:1:0:44 memory add --memfd 1M --gpa 1G --json
| {"error":{"code":"EPERM","message":"cannot add GPA 0x40000000 + 1M: the file is sealed against writing; use --read-only","reason":"file-sealed","field":null}}
! nyxctl: cannot add GPA 0x40000000 + 1M: the file is sealed against writing; use --read-only
? 4
# nyxctl repeats a command that a signal interrupted.
$ fail 0x09:4 memory remove 0
| 16M of guest memory removed at GPA 0x0
# Domains.
$ fail 0x0a:28:0:57 domain create x
! nyxctl: cannot create the domain: the unit has reached its limit on domains; 'nyxctl unit show' lists the limits
? 1
$ fail 0x0a:22 domain create x
! nyxctl: cannot create the domain: a value is out of its range or misaligned
? 1
$ fail 0x0a:95 domain create x
! nyxctl: cannot create the domain: the module, or this kind of object, does not support it
? 1
$ fail 0x0a:12 domain create x
! nyxctl: cannot create the domain: out of memory
? 1
$ fail 0x0b:12 domain destroy strict/0000:03:00.0
! nyxctl: cannot destroy domain 1 (strict/0000:03:00.0): out of memory
? 1
$ fail 0x06:12 domain list
! nyxctl: cannot list domains: out of memory
? 1
$ fail 0x06:12 domain show 1
! nyxctl: cannot look up domain '1': out of memory
? 1
# Devices.
$ fail 0x0c:28 device add 4:0.0
! nyxctl: cannot add device 0000:04:00.0: a limit is reached; 'nyxctl unit show' and 'nyxctl module info' list the limits
? 1
$ fail 0x0d:12 device remove 3:0.0
! nyxctl: cannot remove device 0000:03:00.0: out of memory
? 1
$ fail 0x0e:12 device attach 3:0.0 1 --replace
! nyxctl: cannot attach device 0000:03:00.0 to domain 1 (strict/0000:03:00.0): out of memory
? 1
# Busy: the module says which of the causes it is, and nyxctl makes up none.
$ nyxctl -q domain create pool --shared
$ nyxctl -q domain create empty
$ nyxctl -q device add 5:0.0
$ nyxctl -q device attach 5:0.0 pool
$ nyxctl -q device add 6:0.0
$ fail 0x0e:16:0:60 device attach 6:0.0 pool
! nyxctl: cannot attach device 0000:06:00.0 to domain 2 (pool): another command is destroying the domain; try again
? 1
$ fail 0x0e:16:0:60 device attach 6:0.0 pool --json
| {"error":{"code":"EBUSY","message":"cannot attach device 0000:06:00.0 to domain 2 (pool): another command is destroying the domain; try again","reason":"domain-dying","field":null}}
! nyxctl: cannot attach device 0000:06:00.0 to domain 2 (pool): another command is destroying the domain; try again
? 1
$ fail 0x0e:16:0:73 device attach 6:0.0 pool
! nyxctl: cannot attach device 0000:06:00.0 to domain 2 (pool): another command is moving the device; try again
? 1
$ fail 0x0e:16:0:62 device attach 6:0.0 empty
! nyxctl: cannot attach device 0000:06:00.0 to domain 3 (empty): accesses of a device that is leaving or has left the domain may still be in flight; 'nyxctl iotlb invalidate domain' waits for them
? 1
$ nyxctl device attach 6:0.0 1
! nyxctl: cannot attach device 0000:06:00.0 to domain 1 (strict/0000:03:00.0): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl device attach 6:0.0 1 --json
| {"error":{"code":"EBUSY","message":"cannot attach device 0000:06:00.0 to domain 1 (strict/0000:03:00.0): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'","reason":"domain-strict","field":"domain_id"}}
! nyxctl: cannot attach device 0000:06:00.0 to domain 1 (strict/0000:03:00.0): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl device attach 5:0.0 empty
! nyxctl: cannot attach device 0000:05:00.0 to domain 3 (empty): the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it
? 1
$ fail 0x0e:16 device attach 6:0.0 pool
! nyxctl: cannot attach device 0000:06:00.0 to domain 2 (pool): it is in use
? 1
$ fail 0x0e:16:0:9999 device attach 6:0.0 pool
! nyxctl: cannot attach device 0000:06:00.0 to domain 2 (pool): the module has a reason that this library does not know
? 1
$ fail 0x0d:16:0:73 device remove 3:0.0
! nyxctl: cannot remove device 0000:03:00.0: another command is moving the device; try again
? 1
$ fail 0x0f:16:0:73 device detach 3:0.0
! nyxctl: cannot detach device 0000:03:00.0: another command is moving the device; try again
? 1
$ nyxctl domain destroy pool
! nyxctl: cannot destroy domain 2 (pool): the domain has devices; detach them first
? 1
$ fail 0x0b:16:0:60 domain destroy empty
! nyxctl: cannot destroy domain 3 (empty): another command is destroying the domain; try again
? 1
$ for d in 5 6; do nyxctl -q device remove $d:0.0; done
$ fail 0x0f:12 device detach 3:0.0
! nyxctl: cannot detach device 0000:03:00.0: out of memory
? 1
$ fail 0x06:12 device list
! nyxctl: cannot list devices: out of memory
? 1
$ fail 0x0a:28 device assign 4:0.0 shared
! nyxctl: cannot assign device 0000:04:00.0: a limit is reached; 'nyxctl unit show' and 'nyxctl module info' list the limits
? 1
$ fail 0x13:12 device translate 3:0.0 0
! nyxctl: cannot translate IOVA 0x0: out of memory
? 1
# Mappings.
$ fail 0x15:12 map add 1 0 0 4K
! nyxctl: cannot map IOVA 0x0 + 4K in domain 1 (strict/0000:03:00.0): out of memory
? 1
$ fail 0x15:75 map add 1 0 0 4K
! nyxctl: cannot map IOVA 0x0 + 4K in domain 1 (strict/0000:03:00.0): address and length together go beyond 64 bits
? 1
$ fail 0x11:12 map remove 1 --all
! nyxctl: cannot unmap domain 1 (strict/0000:03:00.0): out of memory
? 1
$ fail 0x06:12:1 map list 1
! nyxctl: cannot list mappings of domain 1 (strict/0000:03:00.0): out of memory
? 1
$ fail 0x12:12 iotlb invalidate unit
! nyxctl: cannot invalidate in unit 'golden': out of memory
? 1
# DMA, events, counters.
$ fail 0x14:14 dma read 3:0.0 0 4
! nyxctl: the read of device 0000:03:00.0 at IOVA 0x0 failed after 0 bytes: bad address: the memory for the data is not accessible
? 1
$ fail 0x14:12 dma write 3:0.0 0 --data 00 --json
| {"error":{"code":"ENOMEM","message":"the write of device 0000:03:00.0 at IOVA 0x0 failed after 0 bytes: out of memory","reason":null,"field":null}}
! nyxctl: the write of device 0000:03:00.0 at IOVA 0x0 failed after 0 bytes: out of memory
? 1
$ fail 0x14:19 dma cas 3:0.0 0 0 0
! nyxctl: the cas of device 0000:03:00.0 at IOVA 0x0 failed after 0 bytes: the unit was destroyed meanwhile
? 3
$ fail 0x16:24 fault list
! nyxctl: cannot open the events of unit 'golden': too many open files; raise the limit with 'ulimit -n'
? 1
$ fail 0x16:24 event monitor
! nyxctl: cannot open the events of unit 'golden': too many open files; raise the limit with 'ulimit -n'
? 1
$ fail 0x07:12 stat show
! nyxctl: cannot read the counters: out of memory
? 1
# Interrupts, policies, limits, pages.
$ fail 0x17:12 irq setup xapic
! nyxctl: cannot change the interrupt mode of unit 'golden': out of memory
? 1
$ fail 0x18:12 irq set 5 0x40
! nyxctl: cannot set entry 5: out of memory
? 1
$ fail 0x18:22 irq set 5 0x40
! nyxctl: cannot set entry 5: a value is out of its range or misaligned
? 1
$ fail 0x19:12 irq clear 5
! nyxctl: cannot clear entry 5: out of memory
? 1
$ fail 0x06:12 irq list
! nyxctl: cannot list the interrupt remapping table: out of memory
? 1
$ fail 0x06:12 irq bindings
! nyxctl: cannot list bound interrupts: out of memory
? 1
$ fail 0x1a:11 irq send 3:0.0 --index 5
! nyxctl: cannot send an interrupt of device 0000:03:00.0: resource temporarily unavailable; try again
? 1
$ fail 0x1f:12 unit policy
! nyxctl: cannot read the policy of unit golden: out of memory
? 1
$ fail 0x1e:12 unit policy --threshold 5
! nyxctl: cannot change the policy of unit golden: out of memory
? 1
$ fail 0x1e:22 device policy 3:0.0 --threshold 5
! nyxctl: cannot change the policy of device 0000:03:00.0: a value is out of its range or misaligned
? 1
$ fail 0x1e:12 device policy 3:0.0 --inherit
! nyxctl: cannot change the policy of device 0000:03:00.0: out of memory
? 1
$ fail 0x20:16:0:73 device quarantine 3:0.0
! nyxctl: cannot quarantine device 0000:03:00.0: another command is moving the device; try again
? 1
$ fail 0x20:4 device quarantine 3:0.0
| device 0000:03:00.0 quarantined
$ fail 0x21:12 device limit 3:0.0 --ops 5
! nyxctl: cannot change the limits of device 0000:03:00.0: out of memory
? 1
$ fail 0x22:12 device limit 3:0.0
! nyxctl: cannot read the limits of device 0000:03:00.0: out of memory
? 1
$ fail 0x23:28:0:89 page request 3:0.0 0x1000
! nyxctl: cannot request pages for device 0000:03:00.0: the device has reached its limit on page requests that await an answer; answer them with 'nyxctl page respond'
? 1
$ fail 0x23:4 page request 3:0.0 0x1000
! nyxctl: interrupted before an answer came; the request of device 0000:03:00.0 was withdrawn
? 1
$ fail 0x24:12 page respond 7 success
! nyxctl: cannot answer group N: out of memory
? 1
# An error that nyxctl has no sentence for.
$ fail 0x0c:71 device add 4:0.0
! nyxctl: cannot add device 0000:04:00.0: Protocol error
? 1

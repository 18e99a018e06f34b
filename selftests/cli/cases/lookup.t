# Objects, however they are called: answers have one name for each.
$ setup
$ nyxctl -q domain create net --shared
$ nyxctl -q domain create one
$ nyxctl -q device add 3:0.0
# A device stands for its domain.
$ nyxctl map add 0000:03:00.0 0x10000000 0 4K
! nyxctl: device 0000:03:00.0 has no domain; 'nyxctl device attach' gives it one
? 3
$ nyxctl -q device attach 03:00.0 net
$ nyxctl map add 0000:03:00.0 0x10000000 0 4K
| 4K mapped in domain 1 (net)
$ nyxctl map add 3:0.0 0x10001000 4K 4K --json
| {"map":{"domain":1,"ranges":1,"done":1,"done_bytes":4096,"failed_line":null,"failure":null}}
$ nyxctl map list 0:3:0.0 --columns iova,length_bytes
|       IOVA LENGTH
| 0x10000000     8K
$ nyxctl map remove 03:00.0 0x10001000 4K
| 4K unmapped from domain 1 (net)
$ nyxctl -q device add 4:0.0
$ nyxctl device attach 4:0.0 3:0.0
| device 0000:04:00.0 attached to domain 1 (net)
$ nyxctl domain show 4:0.0 --columns id,name,devices
| id       1
| name     net
| devices  2
$ nyxctl domain limit 4:0.0 --ops 10
| limits of domain 1 (net) set
$ nyxctl domain limit 1 --none --json
| {"limits":{"domain":1,"did":null,"device":null,"bytes_per_s":null,"ops_per_s":null,"irqs_per_s":null,"burst_ms":null}}
$ nyxctl stat show domain 4:0.0 --columns domain,maps
| domain  1
| maps    2
$ nyxctl iotlb invalidate domain 3:0.0
| domain 1 (net) invalidated
$ nyxctl iotlb invalidate range 3:0.0 0x10000000 4K
| IOVA 0x10000000 + 4K of domain 1 (net) invalidated
$ nyxctl domain destroy 4:0.0
! nyxctl: cannot destroy domain 1 (net): the domain has devices; detach them first
? 1
$ nyxctl map list 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl domain create 3:0.0
! nyxctl: the name '3:0.0' would be taken for the domain of a device; use another
? 2
# The name that "device assign" gives to a domain may be written as loosely as the device.
$ nyxctl device assign 5:0.0 strict
| device 0000:05:00.0 assigned to domain 3 (strict/0000:05:00.0)
$ nyxctl domain show strict/5:0.0 --columns name
| name  strict/0000:05:00.0
$ nyxctl map list strict/6:0.0
! nyxctl: unit 'golden' has no domain 'strict/0000:06:00.0'; 'nyxctl domain list' shows all
? 3
# Ids.
$ nyxctl domain show 0x1 --columns id,name
| id    1
| name  net
$ nyxctl domain show 0x63
! nyxctl: unit 'golden' has no domain '99'; 'nyxctl domain list' shows all
? 3
$ nyxctl domain show 4294967296
! nyxctl: domain id '4294967296' does not fit in 32 bits
? 2
# Units.
$ id=$(nyxctl unit show -o raw --columns id | cut -d' ' -f2)
$ hex=$(printf '0x%x' "$id")
$ nyxctl -u "$hex" stat show --json --columns unit
| {"stats":{"unit":"golden"}}
$ nyxctl -u "$hex" iotlb invalidate unit
| unit golden invalidated
$ nyxctl unit status "$id" --json --columns unit
| {"status":{"unit":"golden"}}
$ nyxctl -u "$id" device show 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl -u "$id" domain show none --json
| {"error":{"code":"ENOENT","message":"unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all","reason":null,"field":null}}
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
$ nyxctl -u 0xfffffffe unit show
! nyxctl: there is no unit '4294967294'; 'nyxctl unit list' shows all
? 3
# Sources of interrupts.
$ nyxctl irq set 5 0x41 --source 3:0.0 --columns source -o raw
| source 0000:03:00.0
$ nyxctl irq set 5 0x41 --buses 0-1f --columns source -o raw
| source 0000:00-1f

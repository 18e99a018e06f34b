# Domains of the guest: what a device goes through is in the guest's tables. Here
# translation is off, and that is a domain, too.
$ nyxctl -q unit create golden --model vtd
$ export NYX_UNIT=golden
$ nyxctl -q memory add --memfd 16M
$ nyxctl -q device add 03:00.0
$ nyxctl device add 0001:03:00.0
! nyxctl: cannot add device 0001:03:00.0: the unit has a vendor model, which has devices of segment 0 only
? 1
$ nyxctl domain list --json
| {"domains":[]}
$ nyxctl dma write 3:0.0 0x5000 --data 1234
| 2 bytes written to IOVA 0x5000 by device 0000:03:00.0
$ nyxctl domain list --columns id,kind,isolation,devices
| ID KIND  ISOLATION DEVICES
|  1 guest shared          1
$ nyxctl domain show 1 --json --columns id,kind,format,mapped_bytes
| {"domain":{"id":1,"kind":"guest","format":null,"mapped_bytes":0}}
$ nyxctl device show 3:0.0 --columns domain,isolation
| domain     1
| isolation  shared
$ nyxctl map list 1
! nyxctl: cannot list mappings of domain 1 (DID 0): the domain is not a paging domain
? 1
$ nyxctl device translate 3:0.0 0x5000 4K
|   IOVA LENGTH    GPA BACKING PROT
| 0x5000     4K 0x5000  0x5000 rw
# Turned on, with a root table that refuses; the domain is gone. 4:0.0 has a context entry.
$ nyxctl -q dma write 3:0.0 0x1040 --data 01200000000000000000000000000000
$ nyxctl -q dma write 3:0.0 0x2000 --data 01300000000000000205000000000000
$ nyxctl -q mmio write 0x20 0x1000 --width 8
$ nyxctl -q mmio write 0x18 0x40000000
$ nyxctl -q mmio write 0x18 0x80000000
$ nyxctl domain list --json
| {"domains":[]}
$ nyxctl device show 3:0.0 --columns domain,isolation
| domain     -
| isolation  -
# The guest attaches and maps.
$ nyxctl domain create net
! nyxctl: cannot create the domain: the unit has a vendor model, whose guest does this itself
? 1
$ nyxctl device attach 3:0.0 net
! nyxctl: unit 'golden' has no domain 'net'; 'nyxctl domain list' shows all
? 3
$ nyxctl irq set 5 0x41
! nyxctl: cannot set entry 5: the unit has a vendor model, whose guest does this itself
? 1
# A domain has the id by which the guest knows it, and one for commands.
$ nyxctl -q device add 4:0.0
$ nyxctl -q dma write 4:0.0 0x5000 --data 00 2>/dev/null
? 1
$ nyxctl domain list --columns id,did,kind,devices
|   ID DID KIND  DEVICES
| 1281   5 guest       1
$ nyxctl domain list --json --columns id,did
| {"domains":[
| {"id":1281,"did":5}
| ]}
$ nyxctl device list --columns device,domain,did
| DEVICE       DOMAIN DID
| 0000:03:00.0      -   -
| 0000:04:00.0   1281   5
$ nyxctl iotlb invalidate domain 4:0.0
| domain 1281 (DID 5) invalidated
$ nyxctl stat show domain 0x501 --json --columns domain,did,faults
| {"stats":{"domain":1281,"did":5,"faults":1}}
$ nyxctl fault list --device 4:0.0 --json --columns domain,did,reason
| {"faults":[
| {"domain":1281,"did":5,"reason":"table-not-present"}
| ]}
$ nyxctl event monitor --history --device 4:0.0 --count 1 | grep -c 'device 0000:04:00.0, DID 5: write of 1 byte at IOVA 0x5000 refused'
| 1
$ nyxctl -q unit destroy golden
# AMD-Vi: each device has a table of interrupts of its own.
$ nyxctl -q unit create golden --model amdvi
$ nyxctl -q memory add --memfd 16M
$ nyxctl -q device add 03:00.0
$ nyxctl irq list --json
| {"irtes":[]}
$ nyxctl -q dma write 3:0.0 0x206010 --data 1300120000000020
$ nyxctl -q dma write 3:0.0 0x120050 --data 01070000000000004100000000000000
$ nyxctl -q mmio write 0 0x2001ff --width 8
$ nyxctl -q mmio write 0x18 0x20001 --width 8
$ nyxctl irq send 3:0.0 0xfee00000 5
| interrupt of device 0000:03:00.0: vector 65 to 7
$ nyxctl irq send 3:0.0 --index 5 --columns address,data,vector
| address  0xfee00000
| data     0x5
| vector   65
$ nyxctl irq send 3:0.0 --index 512
! nyxctl: --index must be 0 to 511: each device of unit 'golden' has a table of its own
? 2
$ nyxctl irq send 3:0.0 --index 6
! nyxctl: interrupt of device 0000:03:00.0, address 0xfee00000 data 0x6, refused: the entry of the interrupt remapping table is not present
? 1
$ nyxctl fault list --columns device,access,reason,vendor
| DEVICE       ACCESS REASON          VENDOR
| 0000:03:00.0 irq    irq-not-present 0x2028
$ nyxctl irq list
| INDEX VECTOR DEST DEST-MODE DELIVERY TRIGGER DEVICE
|     5     65    7 physical  fixed    edge    0000:03:00.0
$ nyxctl irq list --json --columns device,index,source
| {"irtes":[
| {"device":"0000:03:00.0","index":5,"source":"any"}
| ]}
$ nyxctl unit status --columns irt_entries,irtes
| irt entries  0
| irtes        1

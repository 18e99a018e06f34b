$ setup
$ nyxctl irq list --json
| {"irtes":[]}
$ nyxctl irq list
$ nyxctl irq bindings --json
| {"bindings":[]}
$ nyxctl irq bindings
$ nyxctl -q device add 03:00.0
$ nyxctl -q device add 04:00.0
$ nyxctl irq set 5 0x41 --dest 1 --source 03:00.0
| entry 5 set
$ nyxctl irq set 6 66 --dest 0x12345 --source 03:00.0 --mask 7 --logical --level --delivery lowest --json
| {"irte":{"index":6,"vector":66,"dest":74565,"dest_mode":"logical","delivery":"lowest","trigger":"level","source":"0000:03:00.0","source_mask":7,"hint":false,"report":true,"posted":null,"urgent":false,"device":null}}
$ nyxctl irq set 7 --delivery nmi --buses 00-1f --no-report --json
| {"irte":{"index":7,"vector":0,"dest":0,"dest_mode":"physical","delivery":"nmi","trigger":"edge","source":"0000:00-1f","source_mask":null,"hint":false,"report":false,"posted":null,"urgent":false,"device":null}}
$ nyxctl -q irq set 8 0x43 --buses 0001:02-03 --hint
$ nyxctl -q irq set 9 0x44 --posted 0x1000 --urgent
$ nyxctl -q irq set 10 0x45
$ nyxctl irq list
| INDEX VECTOR  DEST DEST-MODE DELIVERY TRIGGER SOURCE       POSTED
|     5     65     1 physical  fixed    edge    0000:03:00.0      -
|     6     66 74565 logical   lowest   level   0000:03:00.0      -
|     7      0     0 physical  nmi      edge    0000:00-1f        -
|     8     67     0 physical  fixed    edge    0001:02-03        -
|     9     68     - -         -        -       any          0x1000
|    10     69     0 physical  fixed    edge    any               -
$ nyxctl irq list -o raw
| 5 65 1 physical fixed edge 0000:03:00.0 0 no yes - no -
| 6 66 74565 logical lowest level 0000:03:00.0 7 no yes - no -
| 7 0 0 physical nmi edge 0000:00-1f - no no - no -
| 8 67 0 physical fixed edge 0001:02-03 - yes yes - no -
| 9 68 - - - - any - no yes 0x1000 yes -
| 10 69 0 physical fixed edge any - no yes - no -
$ nyxctl irq list --json --columns index,vector,source,source_mask,posted
| {"irtes":[
| {"index":5,"vector":65,"source":"0000:03:00.0","source_mask":0,"posted":null},
| {"index":6,"vector":66,"source":"0000:03:00.0","source_mask":7,"posted":null},
| {"index":7,"vector":0,"source":"0000:00-1f","source_mask":null,"posted":null},
| {"index":8,"vector":67,"source":"0001:02-03","source_mask":null,"posted":null},
| {"index":9,"vector":68,"source":"any","source_mask":null,"posted":"0x1000"},
| {"index":10,"vector":69,"source":"any","source_mask":null,"posted":null}
| ]}
$ nyxctl unit status --columns irt_entries,irtes,bindings
| irt entries  256
| irtes        6
| bindings     0
# nyxctl shows the result of an interrupt.
$ nyxctl irq send 3:0.0 --index 5
| interrupt of device 0000:03:00.0: vector 65 to 1
$ nyxctl irq send 3:0.0 0xfee000b0 0 --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee000b0","data":"0x0","result":"deliver","index":5,"vector":65,"dest":1,"dest_mode":"physical","delivery":"fixed","trigger":"edge","message":{"address":"0xfee01000","data":"0x41"},"fault":null}}
$ nyxctl irq send 3:0.0 0xfee00098 1 --columns result,index,vector,dest,delivery
| result    deliver
| index     5
| vector    65
| dest      1
| delivery  fixed
$ nyxctl irq send 3:0.0 --index 6 --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee000d0","data":"0x0","result":"deliver","index":6,"vector":66,"dest":74565,"dest_mode":"logical","delivery":"lowest","trigger":"level","message":{"address":"0x12300fee45004","data":"0xc142"},"fault":null}}
$ nyxctl irq send 3:0.0 --index 9 --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee00130","data":"0x0","result":"notify","index":9,"vector":0,"dest":0,"dest_mode":null,"delivery":null,"trigger":null,"message":{"address":"0xfee00000","data":"0x0"},"fault":null}}
$ nyxctl irq send 3:0.0 --index 9
| interrupt of device 0000:03:00.0 posted
$ nyxctl irq send 3:0.0 --index 9 --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee00130","data":"0x0","result":"posted","index":9,"vector":null,"dest":null,"dest_mode":null,"delivery":null,"trigger":null,"message":null,"fault":null}}
# A probe sends nothing.
$ nyxctl irq send 3:0.0 --index 5 --probe
| interrupt of device 0000:03:00.0: vector 65 to 1
$ nyxctl irq send 3:0.0 --index 9 --probe
| interrupt of device 0000:03:00.0: vector 68 into a descriptor
$ nyxctl irq send 3:0.0 --index 9 --probe --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee00130","data":"0x0","result":"posted","index":9,"vector":68,"dest":null,"dest_mode":null,"delivery":null,"trigger":null,"message":null,"fault":null}}
$ nyxctl irq send 4:0.0 --index 5 --probe
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee000b0 data 0x0, refused: the entry belongs to another requester
? 1
$ nyxctl stat show device 3:0.0 --columns irqs,irqs_posted,irq_faults
| irqs         7
| irqs posted  3
| irq faults   0
# And the result of a refused one.
$ nyxctl irq send 4:0.0 --index 5
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee000b0 data 0x0, refused: the entry belongs to another requester
? 1
$ nyxctl irq send 4:0.0 --index 5 --json
| {"irq":{"device":"0000:04:00.0","address":"0xfee000b0","data":"0x0","result":"refused","index":5,"vector":null,"dest":null,"dest_mode":null,"delivery":null,"trigger":null,"message":null,"fault":{"reason":"irq-source","text":"the entry belongs to another requester"}}}
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee000b0 data 0x0, refused: the entry belongs to another requester
? 1
$ nyxctl irq send 4:0.0 --index 11
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee00170 data 0x0, refused: the entry of the interrupt remapping table is not present
? 1
$ nyxctl irq send 4:0.0 --index 256
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee02010 data 0x0, refused: the index is beyond the interrupt remapping table
? 1
$ nyxctl irq send 4:0.0 0xfee00000 0x41
! nyxctl: interrupt of device 0000:04:00.0, address 0xfee00000 data 0x41, refused: messages in the compatibility format are blocked
? 1
$ nyxctl irq send 4:0.0 0x1000 0
! nyxctl: interrupt of device 0000:04:00.0, address 0x1000 data 0x0, refused: the message is no interrupt, or has a reserved bit set
? 1
$ nyxctl irq send 9:0.0 --index 5
! nyxctl: cannot send an interrupt of device 0000:09:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl fault list --columns seq,device,access,iova,reason,why
| SEQ DEVICE       ACCESS       IOVA REASON          WHY
|   0 0000:04:00.0 irq    0xfee000b0 irq-source      the entry belongs to another requester, entry 5
|   1 0000:04:00.0 irq    0xfee000b0 irq-source      the entry belongs to another requester, entry 5
|   2 0000:04:00.0 irq    0xfee00170 irq-not-present the entry of the interrupt remapping table is not present, entry 11
|   3 0000:04:00.0 irq    0xfee02010 irq-index       the index is beyond the interrupt remapping table, entry 256
|   4 0000:04:00.0 irq    0xfee00000 irq-compat      messages in the compatibility format are blocked
|   5 0000:04:00.0 irq        0x1000 irq-request     the message is no interrupt, or has a reserved bit set
$ nyxctl fault list --count 1 --json
| {"faults":[
| {"seq":5,"time_ns":T,"time":T,"device":"0000:04:00.0","pasid":null,"domain":null,"did":null,"access":"irq","iova":"0x1000","length_bytes":null,"gpa":null,"level":null,"reason":"irq-request","vendor":null,"index":null,"data":"0x0","cause":null,"unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1,"why":"the message is no interrupt, or has a reserved bit set"}
| ]}
$ nyxctl fault watch --history --count 2
| [TIME] device 0000:04:00.0: interrupt, address 0xfee000b0 data 0x0, entry 5, refused: the entry belongs to another requester
| [TIME] device 0000:04:00.0: interrupt, address 0xfee000b0 data 0x0, entry 5, refused: the entry belongs to another requester
$ nyxctl stat show unit --columns faults,irqs,irq_faults
| faults      6
| irqs        7
| irq faults  6
# Only devices of bus 0 may use the entry; other requesters are refused without a report.
$ nyxctl device add 20:00.0
| device 0000:20:00.0 added
$ nyxctl irq send 20:0.0 --index 7
! nyxctl: interrupt of device 0000:20:00.0, address 0xfee000f0 data 0x0, refused: the entry belongs to another requester
? 1
$ nyxctl irq send 3:0.0 --index 7
| interrupt of device 0000:03:00.0: nmi to 0
$ nyxctl fault list --device 20:0.0
# Modes.
$ nyxctl unit show --columns irq_mode,irt_entries
| irq mode     x2apic
| irt entries  256
$ nyxctl irq setup compat
| interrupt mode of unit golden is compat
$ nyxctl irq send 3:0.0 0xfee03000 0x51 --json
| {"irq":{"device":"0000:03:00.0","address":"0xfee03000","data":"0x51","result":"deliver","index":null,"vector":81,"dest":3,"dest_mode":"physical","delivery":"fixed","trigger":"edge","message":{"address":"0xfee03000","data":"0x51"},"fault":null}}
$ nyxctl irq send 3:0.0 --index 6
! nyxctl: interrupt of device 0000:03:00.0, address 0xfee000d0 data 0x0, refused: the entry has a reserved bit set, or a destination that the mode does not allow
? 1
$ nyxctl irq setup off --json
| {"irq":{"unit":"golden","irq_mode":"off"}}
$ nyxctl irq send 3:0.0 0xfee03000 0x51
| interrupt of device 0000:03:00.0: vector 81 to 3
$ nyxctl irq setup xapic
| interrupt mode of unit golden is xapic
$ nyxctl unit show --columns irq_mode
| irq mode  xapic
$ nyxctl irq setup x2apic
| interrupt mode of unit golden is x2apic
# Entries that go.
$ nyxctl irq clear 5
| entry 5 cleared
$ nyxctl irq clear 5
! nyxctl: cannot clear entry 5: none of the entries is present; 'nyxctl irq list' shows all
? 3
$ nyxctl irq clear 6 3 --json
| {"cleared":{"index":6,"entries":3}}
$ nyxctl irq clear 6 3
! nyxctl: cannot clear entries 6 to 8: none of the entries is present; 'nyxctl irq list' shows all
? 3
$ nyxctl irq list --columns index
| INDEX
|     9
|    10
$ nyxctl irq send 3:0.0 --index 5
! nyxctl: interrupt of device 0000:03:00.0, address 0xfee000b0 data 0x0, refused: the entry of the interrupt remapping table is not present
? 1
# The size of the table.
$ nyxctl irq set 256 0x40
! nyxctl: cannot set entry 256: the index is beyond the interrupt remapping table; 'nyxctl unit create --irt' makes a larger one
? 1
$ nyxctl irq clear 0 257
! nyxctl: cannot clear entries 0 to 256: the index is beyond the interrupt remapping table; 'nyxctl unit create --irt' makes a larger one
? 1
$ nyxctl -q unit destroy; nyxctl -q unit create golden --irt 1000
$ nyxctl unit status --columns irt_entries
| irt entries  1024
$ nyxctl irq set 1023 0x40
| entry 1023 set
$ nyxctl irq set 1024 0x40 --json
| {"error":{"code":"EINVAL","message":"cannot set entry 1024: the index is beyond the interrupt remapping table; 'nyxctl unit create --irt' makes a larger one","reason":"irte-beyond","field":"index"}}
! nyxctl: cannot set entry 1024: the index is beyond the interrupt remapping table; 'nyxctl unit create --irt' makes a larger one
? 1

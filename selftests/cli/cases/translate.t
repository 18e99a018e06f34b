$ setup
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl -q map add strict/0000:03:00.0 0x10000000 4M 2M
$ nyxctl -q map add strict/0000:03:00.0 0x10200000 0 4K --prot r
$ nyxctl device translate 3:0.0 0x10000123
|       IOVA LENGTH      GPA  BACKING PROT PAGE
| 0x10000123      1 0x400123 0x400123 rw     2M
$ nyxctl device translate 3:0.0 0x10000123 --json
| {"extents":[
| {"iova":"0x10000123","length_bytes":1,"gpa":"0x400123","backing":"0x400123","prot":"rw","page_bytes":2097152,"fault":null,"fault_level":null}
| ]}
$ nyxctl device translate 3:0.0 0x101fffff 2 -o raw
| 0x101fffff 1 0x5fffff 0x5fffff rw 2097152 - -
| 0x10200000 1 0x0 0x0 r - - -
$ nyxctl device translate 3:0.0 0x101ffff0 8K
|       IOVA LENGTH      GPA  BACKING PROT PAGE FAULT
| 0x101ffff0     16 0x5ffff0 0x5ffff0 rw     2M -
| 0x10200000     4K      0x0      0x0 r       - -
| 0x10201000   4.0K        -        - -       - not-present
! nyxctl: device 0000:03:00.0 may not read IOVA 0x10201000: nothing is mapped there
? 5
$ nyxctl device translate 3:0.0 0x101ffff0 8K --json
| {"extents":[
| {"iova":"0x101ffff0","length_bytes":16,"gpa":"0x5ffff0","backing":"0x5ffff0","prot":"rw","page_bytes":2097152,"fault":null,"fault_level":null},
| {"iova":"0x10200000","length_bytes":4096,"gpa":"0x0","backing":"0x0","prot":"r","page_bytes":null,"fault":null,"fault_level":null},
| {"iova":"0x10201000","length_bytes":4080,"gpa":null,"backing":null,"prot":null,"page_bytes":null,"fault":"not-present","fault_level":0}
| ]}
! nyxctl: device 0000:03:00.0 may not read IOVA 0x10201000: nothing is mapped there
? 5
$ nyxctl device translate 3:0.0 0x10200000 --access w
|       IOVA LENGTH GPA FAULT
| 0x10200000      1 0x0 write-denied
! nyxctl: device 0000:03:00.0 may not write IOVA 0x10200000: the mapping does not allow to write
? 1
$ nyxctl device translate 3:0.0 0x10200000 --access rw --json
| {"extents":[
| {"iova":"0x10200000","length_bytes":1,"gpa":"0x0","backing":null,"prot":null,"page_bytes":null,"fault":"write-denied","fault_level":0}
| ]}
! nyxctl: device 0000:03:00.0 may not read and write IOVA 0x10200000: the mapping does not allow to write
? 1
$ nyxctl device translate 3:0.0 0xffffffffffffffff 2
! nyxctl: cannot translate IOVA 0xffffffffffffffff: address + length exceeds 64 bits
? 1
$ nyxctl device translate 4:0.0 0
! nyxctl: cannot translate IOVA 0x0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device translate 4:0.0 0 --json
| {"error":{"code":"ENOENT","message":"cannot translate IOVA 0x0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'","reason":"no-such-device","field":"sbdf"}}
! nyxctl: cannot translate IOVA 0x0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
# Translations leave no fault without --report.
$ nyxctl unit status --columns fault_events
| fault events  0
$ nyxctl device translate 3:0.0 0x10201000 --report
|       IOVA LENGTH FAULT
| 0x10201000      1 not-present
! nyxctl: device 0000:03:00.0 may not read IOVA 0x10201000: nothing is mapped there
? 1
$ nyxctl unit status --columns fault_events
| fault events  1
$ nyxctl stat show device 3:0.0 --columns translations,faults
| translations  8
| faults        1

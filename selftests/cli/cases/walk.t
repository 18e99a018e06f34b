# Tables that a guest builds: here by the DMA of a device with all of memory.
$ setup
$ nyxctl -q domain create all --kind identity
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 all
$ poke() { nyxctl -q dma fill 3:0.0 "$1" "${3:-8}" "$2" --width 8; }
# VT-d: 512 GiB, 1 GiB, 2 MiB, 4 KiB.
$ poke 0x10000 0x11003; poke 0x11008 0x12003; poke 0x12010 0x13001; poke 0x13018 0x400907
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123
| LEVEL   TABLE INDEX    ENTRY KIND   PROT  ADDRESS PAGE BITS
|     3 0x10000     0  0x11003 table  rw    0x11000    - R,W
|     2 0x11000     1  0x12003 table  rw    0x12000    - R,W
|     1 0x12000     2  0x13001 table  r     0x13000    - R
|     0 0x13000     3 0x400907 page   rw   0x400000   4K R,W,X,A,SNP
|     -       -     -        - result r    0x400123   4K -
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 --json
| {"steps":[
| {"level":3,"table":"0x10000","index":0,"entry":"0x11003","kind":"table","prot":"rw","address":"0x11000","page_bytes":null,"next_level":2,"bits":["R","W"],"bad_bits":null,"fault":null},
| {"level":2,"table":"0x11000","index":1,"entry":"0x12003","kind":"table","prot":"rw","address":"0x12000","page_bytes":null,"next_level":1,"bits":["R","W"],"bad_bits":null,"fault":null},
| {"level":1,"table":"0x12000","index":2,"entry":"0x13001","kind":"table","prot":"r","address":"0x13000","page_bytes":null,"next_level":0,"bits":["R"],"bad_bits":null,"fault":null},
| {"level":0,"table":"0x13000","index":3,"entry":"0x400907","kind":"page","prot":"rw","address":"0x400000","page_bytes":4096,"next_level":null,"bits":["R","W","X","A","SNP"],"bad_bits":null,"fault":null},
| {"level":null,"table":null,"index":null,"entry":null,"kind":"result","prot":"r","address":"0x400123","page_bytes":4096,"next_level":null,"bits":null,"bad_bits":null,"fault":null}
| ]}
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 --access w
| LEVEL   TABLE INDEX   ENTRY KIND   PROT ADDRESS BITS FAULT
|     3 0x10000     0 0x11003 table  rw   0x11000 R,W  -
|     2 0x11000     1 0x12003 table  rw   0x12000 R,W  -
|     1 0x12000     2 0x13001 table  r    0x13000 R    -
|     1       -     -       - result -          - -    write-denied
! nyxctl: IOVA 0x40403123 would be refused: the mapping does not allow to write
? 1
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 -o raw --columns level,kind,next_level
| 3 table 2
| 2 table 1
| 1 table 0
| 0 page -
| - result -
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40404000
| LEVEL   TABLE INDEX   ENTRY KIND   PROT ADDRESS BITS FAULT
|     3 0x10000     0 0x11003 table  rw   0x11000 R,W  -
|     2 0x11000     1 0x12003 table  rw   0x12000 R,W  -
|     1 0x12000     2 0x13001 table  r    0x13000 R    -
|     0 0x13000     4     0x0 empty  -          - -    -
|     0       -     -       - result -          - -    not-present
! nyxctl: IOVA 0x40404000 would be refused: nothing is mapped there
? 1
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40404000 --json
| {"steps":[
| {"level":3,"table":"0x10000","index":0,"entry":"0x11003","kind":"table","prot":"rw","address":"0x11000","page_bytes":null,"next_level":2,"bits":["R","W"],"bad_bits":null,"fault":null},
| {"level":2,"table":"0x11000","index":1,"entry":"0x12003","kind":"table","prot":"rw","address":"0x12000","page_bytes":null,"next_level":1,"bits":["R","W"],"bad_bits":null,"fault":null},
| {"level":1,"table":"0x12000","index":2,"entry":"0x13001","kind":"table","prot":"r","address":"0x13000","page_bytes":null,"next_level":0,"bits":["R"],"bad_bits":null,"fault":null},
| {"level":0,"table":"0x13000","index":4,"entry":"0x0","kind":"empty","prot":null,"address":null,"page_bytes":null,"next_level":null,"bits":null,"bad_bits":null,"fault":null},
| {"level":0,"table":null,"index":null,"entry":null,"kind":"result","prot":null,"address":null,"page_bytes":null,"next_level":null,"bits":null,"bad_bits":null,"fault":"not-present"}
| ]}
! nyxctl: IOVA 0x40404000 would be refused: nothing is mapped there
? 1
$ nyxctl walk --format vtdss --root 0x10000
| LEVEL   TABLE INDEX   ENTRY KIND   PROT ADDRESS BITS FAULT
|     3 0x10000     0 0x11003 table  rw   0x11000 R,W  -
|     2 0x11000     0     0x0 empty  -          - -    -
|     2       -     -       - result -          - -    table-not-present
! nyxctl: IOVA 0x0 would be refused: nothing is mapped in that region
? 1
$ nyxctl walk --format vtdss --root 0x11000 --levels 3 --iova 0x40403123 --columns level,table,kind
| LEVEL   TABLE KIND
|     2 0x11000 table
|     1 0x12000 table
|     0 0x13000 page
|     -       - result
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x1000000000000
| KIND   FAULT
| result address-width
! nyxctl: IOVA 0x1000000000000 would be refused: the IOVA is beyond the address width of the domain
? 1
# A large page that is none, and one that may not be used.
$ poke 0x12018 0x4000000000203083
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000
| LEVEL   TABLE INDEX              ENTRY KIND   PROT ADDRESS BITS      BAD-BITS FAULT
|     3 0x10000     0            0x11003 table  rw   0x11000 R,W       -        -
|     2 0x11000     1            0x12003 table  rw   0x12000 R,W       -        -
|     1 0x12000     3 0x4000000000203083 page   rw         - R,W,PS,TM 12,13,TM -
|     1       -     -                  - result -          - -         -        reserved-bit
! nyxctl: IOVA 0x40600000 would be refused: an entry of the table has a reserved bit set
? 1
$ poke 0x12018 0x600083
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000 --columns kind,address,page_bytes
| KIND    ADDRESS PAGE
| table   0x11000    -
| table   0x12000    -
| page   0x600000   2M
| result 0x600000   2M
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000 --page-sizes 4K --columns kind,bad_bits,fault
| KIND   BAD-BITS FAULT
| table  -        -
| table  -        -
| page   PS       -
| result -        reserved-bit
! nyxctl: IOVA 0x40600000 would be refused: an entry of the table has a reserved bit set
? 1
# No memory: of the page, of a table, of the root.
$ poke 0x12020 0x40000083; poke 0x12028 0x40000003
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40800000 --columns kind,address,fault
| KIND      ADDRESS FAULT
| table     0x11000 -
| table     0x12000 -
| page   0x40000000 -
| result 0x40000000 no-memory
! nyxctl: IOVA 0x40800000 would be refused: the GPA is not guest memory
? 1
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40a00000 --columns kind,table,fault
| KIND            TABLE FAULT
| table         0x10000 -
| table         0x11000 -
| table         0x12000 -
| unreadable 0x40000000 -
| result              - table-access
! nyxctl: IOVA 0x40a00000 would be refused: a table lies outside guest memory
? 1
$ nyxctl walk --format vtdss --root 0x40000000 --columns kind,table,fault
| KIND            TABLE FAULT
| unreadable 0x40000000 -
| result              - table-access
! nyxctl: IOVA 0x0 would be refused: a table lies outside guest memory
? 1
# x86: the same tables look different.
$ poke 0x20000 0x21027; poke 0x21000 0x22023; poke 0x22000 0x80000000004000e7
$ nyxctl walk --format x86 --root 0x20000 --iova 0x1234
| LEVEL   TABLE INDEX              ENTRY KIND   PROT  ADDRESS PAGE BITS              FAULT
|     3 0x20000     0            0x21027 table  rw    0x21000    - P,RW,US,A         -
|     2 0x21000     0            0x22023 table  none  0x22000    - P,RW,A            -
|     1 0x22000     0 0x80000000004000e7 page   rw   0x400000   2M P,RW,US,A,D,PS,XD -
|     1       -     -                  - result -    0x401234    - -                 read-denied
! nyxctl: IOVA 0x1234 would be refused: the mapping does not allow to read
? 1
$ poke 0x21000 0x22027
$ nyxctl walk --format x86 --root 0x20000 --iova 0x1234
| LEVEL   TABLE INDEX              ENTRY KIND   PROT  ADDRESS PAGE BITS
|     3 0x20000     0            0x21027 table  rw    0x21000    - P,RW,US,A
|     2 0x21000     0            0x22027 table  rw    0x22000    - P,RW,US,A
|     1 0x22000     0 0x80000000004000e7 page   rw   0x400000   2M P,RW,US,A,D,PS,XD
|     -       -     -                  - result rw   0x401234   2M -
$ nyxctl walk --format x86 --root 0x20000 --iova 0x800000000000 --columns kind,fault
| KIND   FAULT
| result address-width
! nyxctl: IOVA 0x800000000000 would be refused: the IOVA is beyond the address width of the domain
? 1
# AMD-Vi: a level is skipped; a page of 64 KiB.
$ poke 0x30000 0x6000000000031401; poke 0x31000 0x6000000000032201; poke 0x32080 0x7000000000407e01 128
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345
| LEVEL   TABLE INDEX              ENTRY KIND    PROT  ADDRESS PAGE BITS
|     3 0x30000     0 0x6000000000031401 table   rw    0x31000    - PR,NL=2,IR,IW
|     2       -     0                  - skipped -           -    - -
|     1 0x31000     0 0x6000000000032201 table   rw    0x32000    - PR,NL=1,IR,IW
|     0 0x32000    18 0x7000000000407e01 page    rw   0x400000  64K PR,NL=7,FC,IR,IW
|     -       -     -                  - result  rw   0x402345  64K -
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x40012345
| LEVEL   TABLE INDEX              ENTRY KIND    PROT ADDRESS BITS          FAULT
|     3 0x30000     0 0x6000000000031401 table   rw   0x31000 PR,NL=2,IR,IW -
|     2       -     1                  - skipped -          - -             -
|     2       -     -                  - result  -          - -             reserved-bit
! nyxctl: IOVA 0x40012345 would be refused: an entry of the table has a reserved bit set
? 1
$ poke 0x32080 0x7010000000407e01 128
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345 --columns level,kind,bits,bad_bits,fault
| LEVEL KIND    BITS             BAD-BITS FAULT
|     3 table   PR,NL=2,IR,IW    -        -
|     2 skipped -                -        -
|     1 table   PR,NL=1,IR,IW    -        -
|     0 page    PR,NL=7,FC,IR,IW 52       -
|     0 result  -                -        reserved-bit
! nyxctl: IOVA 0x12345 would be refused: an entry of the table has a reserved bit set
? 1
$ poke 0x31000 0x6000000000032601
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345 --columns level,kind,bits,bad_bits,fault
| LEVEL KIND    BITS          BAD-BITS FAULT
|     3 table   PR,NL=2,IR,IW -        -
|     2 skipped -             -        -
|     1 table   PR,NL=3,IR,IW NL=3     -
|     1 result  -             -        reserved-bit
! nyxctl: IOVA 0x12345 would be refused: an entry of the table has a reserved bit set
? 1
$ nyxctl walk --format amdv1 --root 0x30000 --levels 1 --columns level,kind,bad_bits,fault
| LEVEL KIND   BAD-BITS FAULT
|     0 table  NL=2     -
|     0 result -        reserved-bit
! nyxctl: IOVA 0x0 would be refused: an entry of the table has a reserved bit set
? 1
# Walks that the kernel refuses.
$ nyxctl walk --format vtdss --root 0x10000 --levels 2
! nyxctl: cannot walk: levels: the value is out of its range
? 1
$ nyxctl walk --format x86 --root 0x10000 --page-sizes 4K,64K
! nyxctl: cannot walk: the page-table format cannot use these page sizes together
? 1
$ nyxctl walk --format amdv1 --root 0x10000000000000
! nyxctl: cannot walk: the guest-physical address is beyond 52 bits
? 1
# Devices of this unit have the table of their domain: none, or one of Nyx's.
$ nyxctl walk --device 3:0.0 --iova 0x1234
| KIND   PROT ADDRESS
| result rw    0x1234
! nyxctl: device 0000:03:00.0: addresses are not translated
$ nyxctl -q domain create own; nyxctl -q device add 4:0.0; nyxctl -q device attach 4:0.0 own
$ nyxctl -q map add own 0x40403000 0x400000 4K
$ nyxctl walk --device 4:0.0 --iova 0x40403123
| LEVEL INDEX    ENTRY KIND   PROT  ADDRESS PAGE BITS
|     3     0      0x3 table  rw          -    - R,W
|     2     1      0x3 table  rw          -    - R,W
|     1     2      0x3 table  rw          -    - R,W
|     0     3 0x400003 page   rw   0x400000   4K R,W
|     -     -        - result rw   0x400123   4K -
$ nyxctl walk --device 4:0.0 --iova 0x40404000 --columns level,table,kind,fault
| LEVEL TABLE KIND   FAULT
|     3     - table  -
|     2     - table  -
|     1     - table  -
|     0     - empty  -
|     0     - result not-present
! nyxctl: IOVA 0x40404000 would be refused: nothing is mapped there
? 1
# In a VT-d unit the guest's registers say where its tables are.
$ nyxctl -q unit create guest --model vtd
$ nyxctl -u guest -q device add 3:0.0
$ nyxctl -u guest walk --device 3:0.0 --iova 0x1234
| KIND   PROT ADDRESS FAULT
| result rw    0x1234 no-memory
! nyxctl: IOVA 0x1234 would be refused: the GPA is not guest memory
? 1
$ nyxctl -u guest walk --device 3:0.0 --iova 0x1234 --json
| {"steps":[
| {"level":null,"table":null,"index":null,"entry":null,"kind":"result","prot":"rw","address":"0x1234","page_bytes":null,"next_level":null,"bits":null,"bad_bits":null,"fault":"no-memory"}
| ]}
! nyxctl: IOVA 0x1234 would be refused: the GPA is not guest memory
? 1
$ nyxctl -u guest walk --device 4:0.0
! nyxctl: cannot walk: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl -q unit destroy guest
# A walk leaves no fault and no counts.
$ nyxctl stat show --columns walks,faults,translations
| walks         0
| faults        0
| translations  0

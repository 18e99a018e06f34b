$ setup
$ nyxctl -q unit policy --action report
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl -q map add strict/0000:03:00.0 0x10000000 0 64K
$ nyxctl -q map add strict/0000:03:00.0 0x10010000 1M 4K --prot r
$ nyxctl dma write 3:0.0 0x10000ffe --data 6e79782d696f6d6d75
| 9 bytes written to IOVA 0x10000ffe by device 0000:03:00.0
$ nyxctl dma read 3:0.0 0x10000ff8 24
| 0x10000ff8  00 00 00 00 00 00 6e 79 78 2d 69 6f 6d 6d 75 00  |......nyx-iommu.|
| 0x10001008  00 00 00 00 00 00 00 00                          |........|
$ nyxctl dma read 3:0.0 0x10000ffe 9 --json
| {"dma":{"op":"read","device":"0000:03:00.0","iova":"0x10000ffe","length_bytes":9,"done_bytes":9,"old":null,"data":"6e79782d696f6d6d75","fault":null}}
$ nyxctl dma read 3:0.0 0x10000ffe 9 -o raw --columns data
| data 6e79782d696f6d6d75
$ nyxctl dma read 3:0.0 0x10000ffe 9 --to -
| nyx-iommu
$ nyxctl dma read 3:0.0 0x10000ffe 9 --to - --json
| {"error":{"code":"USAGE","message":"--to - writes to standard output; it cannot be combined with --output json or raw","reason":null,"field":null}}
! nyxctl: --to - writes to standard output; it cannot be combined with --output json or raw
? 2
# Files.
$ seq 10000 >in
$ nyxctl dma write 3:0.0 0x10000003 --from in
| 48894 bytes written to IOVA 0x10000003 by device 0000:03:00.0
$ nyxctl dma read 3:0.0 0x10000003 48894 --to out
| 48894 bytes read from IOVA 0x10000003 by device 0000:03:00.0
$ cmp in out
$ nyxctl -q dma write 3:0.0 0x10000000 --from - <in
$ nyxctl dma read 3:0.0 0x10000000 4 --to - | od -An -c
|    1  \n   2  \n
$ nyxctl dma write 3:0.0 0x10000000 --from in --length 4K
| 4K written to IOVA 0x10000000 by device 0000:03:00.0
$ nyxctl dma write 3:0.0 0x10000000 --from in --length 60000
! nyxctl: 'in' ended after 48894 bytes; those bytes were written
? 2
$ : >empty
$ nyxctl dma write 3:0.0 0x10000000 --from empty
! nyxctl: 'empty' is empty
? 2
$ nyxctl dma write 3:0.0 0x10000000 --from missing
! nyxctl: cannot open 'missing': No such file or directory
? 3
$ nyxctl dma read 3:0.0 0x10000000 4 --to /nonexistent/file
! nyxctl: cannot open '/nonexistent/file': No such file or directory
? 3
$ nyxctl dma read 3:0.0 0x10000000 2M
! nyxctl: cannot print more than 1M; use --to FILE
? 2
# Fill and atomics.
$ nyxctl dma fill 3:0.0 0x10000000 32
| 32 bytes filled at IOVA 0x10000000 by device 0000:03:00.0
$ nyxctl dma fill 3:0.0 0x10000002 6 0x1234 --width 2
| 6 bytes filled at IOVA 0x10000002 by device 0000:03:00.0
$ nyxctl dma fill 3:0.0 0x10000010 4 65 --json
| {"dma":{"op":"fill","device":"0000:03:00.0","iova":"0x10000010","length_bytes":4,"done_bytes":4,"old":null,"data":null,"fault":null}}
$ nyxctl dma read 3:0.0 0x10000000 32
| 0x10000000  00 00 34 12 34 12 34 12 00 00 00 00 00 00 00 00  |..4.4.4.........|
| 0x10000010  41 41 41 41 00 00 00 00 00 00 00 00 00 00 00 00  |AAAA............|
$ nyxctl dma cas 3:0.0 0x10000008 0 5
| 0x0 was at IOVA 0x10000008
$ nyxctl dma cas 3:0.0 0x10000008 0 6
| 0x5 was at IOVA 0x10000008
$ nyxctl dma fetch-add 3:0.0 0x10000008 2 --json
| {"dma":{"op":"fetch-add","device":"0000:03:00.0","iova":"0x10000008","length_bytes":8,"done_bytes":8,"old":"0x5","data":null,"fault":null}}
$ nyxctl dma swap 3:0.0 0x1000000c 0xffffffff --width 4
| 0x0 was at IOVA 0x1000000c
$ nyxctl dma read 3:0.0 0x10000008 8
| 0x10000008  07 00 00 00 ff ff ff ff                          |........|
# A refused access has transferred nothing, or a part.
$ nyxctl dma write 3:0.0 0x10010000 --data 00
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x10010000 refused at 0x10010000, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl dma write 3:0.0 0x10010000 --data 00 --json
| {"dma":{"op":"write","device":"0000:03:00.0","iova":"0x10010000","length_bytes":1,"done_bytes":0,"old":null,"data":null,"fault":{"reason":"write-denied","text":"the mapping does not allow to write","access":"w","iova":"0x10010000","gpa":"0x100000","level":0}}}
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x10010000 refused at 0x10010000, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl dma write 3:0.0 0x1000fffe --data 00112233
| 2 bytes written to IOVA 0x1000fffe by device 0000:03:00.0
! nyxctl: write of 4 bytes by device 0000:03:00.0 at IOVA 0x1000fffe refused at 0x10010000, after 2 bytes: the mapping does not allow to write
? 5
$ nyxctl dma write 3:0.0 0x1000fffe --data 00112233 --json
| {"dma":{"op":"write","device":"0000:03:00.0","iova":"0x1000fffe","length_bytes":4,"done_bytes":2,"old":null,"data":null,"fault":{"reason":"write-denied","text":"the mapping does not allow to write","access":"w","iova":"0x10010000","gpa":"0x100000","level":0}}}
! nyxctl: write of 4 bytes by device 0000:03:00.0 at IOVA 0x1000fffe refused at 0x10010000, after 2 bytes: the mapping does not allow to write
? 5
$ nyxctl dma write 3:0.0 0x10000000 --from - <<<"$(head -c 70000 /dev/zero | tr '\0' x)"
| 64K written to IOVA 0x10000000 by device 0000:03:00.0
! nyxctl: write of 70001 bytes by device 0000:03:00.0 at IOVA 0x10000000 refused at 0x10010000, after 64K: the mapping does not allow to write
? 5
$ nyxctl dma read 3:0.0 0x10010ff0 32
| 0x10010ff0  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|
! nyxctl: read of 32 bytes by device 0000:03:00.0 at IOVA 0x10010ff0 refused at 0x10011000, after 16 bytes: nothing is mapped there
? 5
$ nyxctl dma read 3:0.0 0x10010ff8 16 --to out
| 8 bytes read from IOVA 0x10010ff8 by device 0000:03:00.0
! nyxctl: read of 16 bytes by device 0000:03:00.0 at IOVA 0x10010ff8 refused at 0x10011000, after 8 bytes: nothing is mapped there
? 5
$ stat -c %s out
| 8
$ nyxctl dma fill 3:0.0 0x1000fff8 16
| 8 bytes filled at IOVA 0x1000fff8 by device 0000:03:00.0
! nyxctl: fill of 16 bytes by device 0000:03:00.0 at IOVA 0x1000fff8 refused at 0x10010000, after 8 bytes: the mapping does not allow to write
? 5
$ nyxctl dma cas 3:0.0 0x10010000 0 1
! nyxctl: cas of 8 bytes by device 0000:03:00.0 at IOVA 0x10010000 refused at 0x10010000, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl dma cas 3:0.0 0x10010000 0 1 --json
| {"dma":{"op":"cas","device":"0000:03:00.0","iova":"0x10010000","length_bytes":8,"done_bytes":0,"old":null,"data":null,"fault":{"reason":"write-denied","text":"the mapping does not allow to write","access":"rw","iova":"0x10010000","gpa":"0x100000","level":0}}}
! nyxctl: cas of 8 bytes by device 0000:03:00.0 at IOVA 0x10010000 refused at 0x10010000, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl dma swap 3:0.0 0x10012000 0
! nyxctl: swap of 8 bytes by device 0000:03:00.0 at IOVA 0x10012000 refused at 0x10012000, after 0 bytes: nothing is mapped there
? 1
$ nyxctl dma read 3:0.0 0x1000000000000 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x1000000000000 refused at 0x1000000000000, after 0 bytes: the IOVA is beyond the address width of the domain
? 1
$ nyxctl dma read 4:0.0 0 1
! nyxctl: the read of device 0000:04:00.0 at IOVA 0x0 failed after 0 bytes: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl dma read 4:0.0 0 1 --json
| {"error":{"code":"ENOENT","message":"the read of device 0000:04:00.0 at IOVA 0x0 failed after 0 bytes: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'","reason":"no-such-device","field":"sbdf"}}
! nyxctl: the read of device 0000:04:00.0 at IOVA 0x0 failed after 0 bytes: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl -q device add 4:0.0
$ nyxctl dma read 4:0.0 0 1
! nyxctl: read of 1 byte by device 0000:04:00.0 at IOVA 0x0 refused at 0x0, after 0 bytes: the device has no domain
? 1
$ nyxctl -q device release 4:0.0
$ nyxctl -q domain create none --kind blocked
$ nyxctl -q device add 5:0.0
$ nyxctl -q device attach 5:0.0 none
$ nyxctl dma read 5:0.0 0 1
! nyxctl: read of 1 byte by device 0000:05:00.0 at IOVA 0x0 refused at 0x0, after 0 bytes: the domain of the device blocks everything
? 1
$ nyxctl -q device assign 6:0.0 unmanaged
$ nyxctl dma read 6:0.0 0xfffff8 16
| 0x00fffff8  00 00 00 00 00 00 00 00                          |........|
! nyxctl: read of 16 bytes by device 0000:06:00.0 at IOVA 0xfffff8 refused at 0x1000000, after 8 bytes: the GPA is not guest memory
? 5
$ nyxctl dma read 6:0.0 0xfffffffffffffff8 16
! nyxctl: the read of device 0000:06:00.0 at IOVA 0xfffffffffffffff8 failed after 0 bytes: address and length together go beyond 64 bits
? 1

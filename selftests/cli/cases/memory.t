$ nyxctl -q unit create golden
$ export NYX_UNIT=golden
$ nyxctl memory list
$ nyxctl memory list --json
| {"memory":[]}
$ nyxctl memory list -o raw
$ nyxctl memory add --memfd 16M
| 16M of guest memory added at GPA 0x0
$ nyxctl memory add --memfd 16M --gpa 1G --read-only
| 16M of guest memory added at GPA 0x40000000
$ nyxctl memory add --memfd 2M --gpa 0x80000000 --pinned --json
| {"memory":{"gpa":"0x80000000","length_bytes":2097152,"type":"file","access":"rw","pinned_bytes":2097152,"backing":"0x0","page_bytes":4096}}
$ nyxctl memory add --memfd 8K --gpa 0xfff000
! nyxctl: cannot add GPA 0xfff000 + 8K: the range overlaps existing guest memory; 'nyxctl memory list' shows all
? 1
$ nyxctl memory add --memfd 8K --gpa 0xfff000 --json
| {"error":{"code":"EEXIST","message":"cannot add GPA 0xfff000 + 8K: the range overlaps existing guest memory; 'nyxctl memory list' shows all","reason":"memory-overlap","field":"gpa"}}
! nyxctl: cannot add GPA 0xfff000 + 8K: the range overlaps existing guest memory; 'nyxctl memory list' shows all
? 1
$ nyxctl memory list
|        GPA LENGTH TYPE ACCESS PINNED BACKING PAGE
|        0x0    16M file rw          0     0x0   4K
| 0x40000000    16M file r           0     0x0   4K
| 0x80000000     2M file rw         2M     0x0   4K
$ nyxctl memory list --bytes --verbose
|        GPA   LENGTH TYPE ACCESS  PINNED BACKING PAGE
|        0x0 16777216 file rw           0     0x0 4096
| 0x40000000 16777216 file r            0     0x0 4096
| 0x80000000  2097152 file rw     2097152     0x0 4096
$ nyxctl memory list --json
| {"memory":[
| {"gpa":"0x0","length_bytes":16777216,"type":"file","access":"rw","pinned_bytes":0,"backing":"0x0","page_bytes":4096},
| {"gpa":"0x40000000","length_bytes":16777216,"type":"file","access":"r","pinned_bytes":0,"backing":"0x0","page_bytes":4096},
| {"gpa":"0x80000000","length_bytes":2097152,"type":"file","access":"rw","pinned_bytes":2097152,"backing":"0x0","page_bytes":4096}
| ]}
$ nyxctl memory list -o raw
| 0x0 16777216 file rw 0 0x0 4096
| 0x40000000 16777216 file r 0 0x0 4096
| 0x80000000 2097152 file rw 2097152 0x0 4096
# Files.
$ head -c 16384 /dev/zero >/dev/shm/nyx-golden
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 2M
! nyxctl: cannot add GPA 0x200000 + 16K: the range overlaps existing guest memory; 'nyxctl memory list' shows all
? 1
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 64M
| 16K of guest memory added at GPA 0x4000000
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 65M --offset 4K --length 8K --read-only
| 8K of guest memory added at GPA 0x4100000
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 66M --offset 16K
! nyxctl: '/dev/shm/nyx-golden' ends at 16384, before --offset
? 2
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 66M --offset 8K --length 16K
! nyxctl: cannot add GPA 0x4200000 + 16K: the range goes beyond the end of the file
? 1
$ nyxctl memory add --file /dev/shm/nyx-golden --gpa 66M --offset 100
! nyxctl: --offset '100' is not a multiple of 4096
? 2
$ nyxctl memory add --file /nonexistent --gpa 66M
! nyxctl: cannot open '/nonexistent': No such file or directory
? 3
$ nyxctl memory add --file /dev/null --gpa 66M --length 4K
! nyxctl: cannot add GPA 0x4200000 + 4K: the file is not a memfd, nor on tmpfs or hugetlbfs
? 1
$ nyxctl memory list --columns gpa,length_bytes,access,backing
|        GPA LENGTH ACCESS BACKING
|        0x0    16M rw         0x0
|  0x4000000    16K rw         0x0
|  0x4100000     8K r       0x1000
| 0x40000000    16M r          0x0
| 0x80000000     2M rw         0x0
# DMA goes to the file.
$ nyxctl -q device assign 3:0.0 unmanaged
$ nyxctl dma write 3:0.0 0x4000004 --data 6e7978
| 3 bytes written to IOVA 0x4000004 by device 0000:03:00.0
$ nyxctl dma read 3:0.0 0x4000000 16
| 0x04000000  00 00 00 00 6e 79 78 00 00 00 00 00 00 00 00 00  |....nyx.........|
$ nyxctl dma write 3:0.0 0x4100000 --data 00
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x4100000 refused at 0x4100000, after 0 bytes: the guest memory there is read-only
? 1
$ nyxctl memory remove 64M 8K
! nyxctl: the memory range at 0x4000000 has 16K; only a whole range can be removed
? 3
$ nyxctl memory remove 64M 16K
| 16K of guest memory removed at GPA 0x4000000
$ nyxctl memory remove 64M
! nyxctl: no memory range begins at 0x4000000; 'nyxctl memory list' shows all
? 3
$ nyxctl memory remove 64M --json
| {"error":{"code":"ENOENT","message":"no memory range begins at 0x4000000; 'nyxctl memory list' shows all","reason":null,"field":null}}
! nyxctl: no memory range begins at 0x4000000; 'nyxctl memory list' shows all
? 3
$ nyxctl -q memory remove 65M
$ nyxctl dma read 3:0.0 0x4000000 16
! nyxctl: read of 16 bytes by device 0000:03:00.0 at IOVA 0x4000000 refused at 0x4000000, after 0 bytes: the GPA is not guest memory
? 1
$ nyxctl memory list --columns gpa,length_bytes
|        GPA LENGTH
|        0x0    16M
| 0x40000000    16M
| 0x80000000     2M
$ rm /dev/shm/nyx-golden
# Dirty tracking.
$ nyxctl memory dirty
! nyxctl: cannot read what is dirty: dirty tracking is off; start it with 'nyxctl memory track'
? 1
$ nyxctl memory track
| dirty tracking is on
$ nyxctl memory track --json
| {"error":{"code":"EBUSY","message":"cannot track writes: dirty tracking is on already","reason":"dirty-on","field":null}}
! nyxctl: cannot track writes: dirty tracking is on already
? 1
$ nyxctl -q dma write 3:0.0 0x4fff --data 0102
$ nyxctl memory dirty
|        GPA LENGTH DIRTY
|        0x0    16M    8K
| 0x40000000    16M     0
| 0x80000000     2M     0
$ nyxctl memory dirty --clear --json
| {"memory":[
| {"gpa":"0x0","length_bytes":16777216,"dirty_bytes":8192},
| {"gpa":"0x40000000","length_bytes":16777216,"dirty_bytes":0},
| {"gpa":"0x80000000","length_bytes":2097152,"dirty_bytes":0}
| ]}
$ nyxctl memory dirty -o raw
| 0x0 16777216 0
| 0x40000000 16777216 0
| 0x80000000 2097152 0
$ nyxctl memory untrack --json
| {"memory":{"dirty_tracking":"off"}}
$ nyxctl memory untrack
! nyxctl: cannot stop tracking: dirty tracking is off; start it with 'nyxctl memory track'
? 1

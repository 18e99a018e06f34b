# Numbers, as dd, qemu-img and libvirt take them.
$ setup
$ i=0; for n in 12288 0x3000 0X3000 12K 12k 12KiB 12kib 12288B 1.5M 1.5mib 0.75M 4.096MB 40.96kB; do i=$((i + 1)); nyxctl memory add --memfd $n --gpa ${i}G; done
| 12K of guest memory added at GPA 0x40000000
| 12K of guest memory added at GPA 0x80000000
| 12K of guest memory added at GPA 0xc0000000
| 12K of guest memory added at GPA 0x100000000
| 12K of guest memory added at GPA 0x140000000
| 12K of guest memory added at GPA 0x180000000
| 12K of guest memory added at GPA 0x1c0000000
| 12K of guest memory added at GPA 0x200000000
| 1536K of guest memory added at GPA 0x240000000
| 1536K of guest memory added at GPA 0x280000000
| 768K of guest memory added at GPA 0x2c0000000
| 4000K of guest memory added at GPA 0x300000000
| 40K of guest memory added at GPA 0x340000000
$ nyxctl memory add --memfd 2KB --gpa 1T
! nyxctl: --memfd '2KB' is not a multiple of 4096
? 2
$ nyxctl memory list --bytes --columns gpa,length_bytes
|         GPA   LENGTH
|         0x0 16777216
|  0x40000000    12288
|  0x80000000    12288
|  0xc0000000    12288
| 0x100000000    12288
| 0x140000000    12288
| 0x180000000    12288
| 0x1c0000000    12288
| 0x200000000    12288
| 0x240000000  1572864
| 0x280000000  1572864
| 0x2c0000000   786432
| 0x300000000  4096000
| 0x340000000    40960
# Ids, too.
$ nyxctl domain create net --id 0x1f
| domain 31 (net) created
$ nyxctl domain show 0x1F --columns id,name
| id    31
| name  net
$ nyxctl domain create 0x1f
! nyxctl: the name '0x1f' would be taken for an id; use a name that is not a number
? 2
# Times: one grammar, without a unit in seconds.
$ for t in 10 10s 10000ms 0.25m 0.5h; do nyxctl unit policy --window $t --columns window_ms; done
| window  10s
| window  10s
| window  10s
| window  15s
| window  30m
$ nyxctl device add 3:0.0
| device 0000:03:00.0 added
$ for t in 1 1s 1.5s 250ms 0.001; do nyxctl device limit 3:0.0 --ops 5 --burst $t --columns burst_ms; done
| burst  1s
| burst  1s
| burst  1500ms
| burst  250ms
| burst  1ms
$ nyxctl event monitor --timeout 1ms
$ nyxctl event monitor --timeout 0

$ setup
$ nyxctl stat show --json
| {"stats":{"scope":"unit","unit":"golden","domain":null,"did":null,"device":null,"iotlb_hit_rate":null,"iotlb_hits":0,"iotlb_misses":0,"walks":0,"faults":0,"read_bytes":0,"write_bytes":0,"dma_ops":0,"translations":0,"maps":0,"unmaps":0,"mapped_bytes":0,"unmapped_bytes":0,"invalidations":0,"flushes":0,"events_lost":0,"irqs":0,"irqs_posted":0,"irq_faults":0,"quarantined_accesses":0,"quarantines":0,"probations":0,"recoveries":0,"throttled":0,"page_requests":0,"oracle_checks":0,"oracle_mismatches":0}}
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl -q map add strict/0000:03:00.0 0x10000000 0 4K
$ for i in 1 2 3 4; do nyxctl -q dma write 3:0.0 0x10000000 --data 0011; done
$ nyxctl -q dma read 3:0.0 0x10000000 5 --to /dev/null
$ nyxctl stat show
| scope                 unit
| unit                  golden
| domain                -
| did                   -
| device                -
| iotlb hit rate        80.00%
| iotlb hits            4
| iotlb misses          1
| walks                 1
| faults                0
| read                  5
| write                 8
| dma ops               5
| translations          0
| maps                  1
| unmaps                0
| mapped                4K
| unmapped              0
| invalidations         0
| flushes               0
| events lost           0
| irqs                  0
| irqs posted           0
| irq faults            0
| quarantined accesses  0
| quarantines           0
| probations            0
| recoveries            0
| throttled             0
| page requests         0
| oracle checks         0
| oracle mismatches     0
$ nyxctl stat show unit --json
| {"stats":{"scope":"unit","unit":"golden","domain":null,"did":null,"device":null,"iotlb_hit_rate":0.800000,"iotlb_hits":4,"iotlb_misses":1,"walks":1,"faults":0,"read_bytes":5,"write_bytes":8,"dma_ops":5,"translations":0,"maps":1,"unmaps":0,"mapped_bytes":4096,"unmapped_bytes":0,"invalidations":0,"flushes":0,"events_lost":0,"irqs":0,"irqs_posted":0,"irq_faults":0,"quarantined_accesses":0,"quarantines":0,"probations":0,"recoveries":0,"throttled":0,"page_requests":0,"oracle_checks":0,"oracle_mismatches":0}}
$ nyxctl stat show domain strict/0000:03:00.0 --columns scope,domain,iotlb_hit_rate,iotlb_hits,iotlb_misses,walks
| scope           domain
| domain          1
| iotlb hit rate  80.00%
| iotlb hits      4
| iotlb misses    1
| walks           1
$ nyxctl stat show device 3:0.0 -o raw --columns device,iotlb_hit_rate,read_bytes,write_bytes
| device 0000:03:00.0
| iotlb_hit_rate 0.8000
| read_bytes 5
| write_bytes 8
$ nyxctl stat show device 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl stat show domain 99
! nyxctl: unit 'golden' has no domain '99'; 'nyxctl domain list' shows all
? 3
# Invalidation makes the next access miss.
$ nyxctl iotlb invalidate unit
| unit golden invalidated
$ nyxctl -q dma read 3:0.0 0x10000000 5 --to /dev/null
$ nyxctl stat show device 3:0.0 --columns iotlb_hits,iotlb_misses
| iotlb hits    4
| iotlb misses  2
$ nyxctl iotlb invalidate domain strict/0000:03:00.0
| domain 1 (strict/0000:03:00.0) invalidated
$ nyxctl -q dma read 3:0.0 0x10000000 5 --to /dev/null
$ nyxctl iotlb invalidate device 3:0.0
| domain of device 0000:03:00.0 invalidated
$ nyxctl -q dma read 3:0.0 0x10000000 5 --to /dev/null
$ nyxctl iotlb invalidate range strict/0000:03:00.0 0x10000000 4K
| IOVA 0x10000000 + 4K of domain 1 (strict/0000:03:00.0) invalidated
$ nyxctl -q dma read 3:0.0 0x10000000 5 --to /dev/null
$ nyxctl stat show device 3:0.0 --columns iotlb_hits,iotlb_misses
| iotlb hits    4
| iotlb misses  5
$ nyxctl iotlb invalidate range strict/0000:03:00.0 0x10000000 4K --json
| {"invalidation":{"scope":"range","domain":1,"did":null,"device":null,"iova":"0x10000000","length_bytes":4096}}
$ nyxctl iotlb invalidate unit --json
| {"invalidation":{"scope":"unit","domain":null,"did":null,"device":null,"iova":null,"length_bytes":null}}
$ nyxctl iotlb invalidate domain none
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
$ nyxctl iotlb invalidate device 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl -q domain create id --kind identity
$ nyxctl iotlb invalidate range id 0 4K
! nyxctl: cannot invalidate in unit 'golden': the domain is not a paging domain
? 1

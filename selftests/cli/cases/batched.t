# A batched domain forgets a translation with an explicit invalidation only.
$ setup
$ nyxctl -q domain create lazy --batched
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 lazy
$ nyxctl -q map add lazy 0x10000000 0 4K
$ nyxctl -q dma write 3:0.0 0x10000000 --data 00
$ nyxctl map remove lazy 0x10000000 4K
| 4K unmapped from domain 1 (lazy)
$ nyxctl iotlb invalidate domain lazy
| domain 1 (lazy) invalidated
$ nyxctl dma write 3:0.0 0x10000000 --data 00
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x10000000 refused at 0x10000000, after 0 bytes: nothing is mapped in that region
? 1

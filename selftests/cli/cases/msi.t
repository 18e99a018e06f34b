# A unit with a vendor model sends interrupts of its own: its guest has set the fault event.
$ nyxctl -q unit create golden --model vtd
$ export NYX_UNIT=golden
$ nyxctl -q memory add --memfd 16M
$ nyxctl -q device add 03:00.0
$ nyxctl -q mmio write 0x3c 0x31
$ nyxctl -q mmio write 0x40 0xfee02000
$ nyxctl -q mmio write 0x44 0x100
$ nyxctl -q mmio write 0x38 0
# A root table without entries, and translation.
$ nyxctl -q mmio write 0x20 0x1000 --width 8
$ nyxctl -q mmio write 0x18 0x40000000
$ nyxctl -q mmio write 0x18 0x80000000
$ nyxctl dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: the guest's root, context or device table entry refuses the device
? 1
$ nyxctl event monitor --history --count 2
| [TIME] device 0000:03:00.0: read of 4 bytes at IOVA 0x5000 refused: the guest's root, context or device table entry refuses the device, 0x01 to the guest
| [TIME] the unit sends an interrupt, address 0x100fee02000 data 0x31
$ nyxctl event monitor --history --count 2 --json --columns type,device,iova,reason,vendor,msi.address,msi.data
| {"type":"fault","device":"0000:03:00.0","iova":"0x5000","reason":"context","vendor":"0x1","msi":null}
| {"type":"msi","device":null,"iova":null,"reason":null,"vendor":null,"msi":{"address":"0x100fee02000","data":"0x31"}}
$ nyxctl event monitor --history --count 2 -o raw --columns type,msi.address,msi.data
| fault - -
| msi 0x100fee02000 0x31
# The event is no fault, and has no device.
$ nyxctl fault list --columns seq,reason,vendor
| SEQ REASON  VENDOR
|   0 context    0x1
$ nyxctl fault watch --history --timeout 0.2
| [TIME] device 0000:03:00.0: read of 4 bytes at IOVA 0x5000 refused: the guest's root, context or device table entry refuses the device, 0x01 to the guest
$ nyxctl event monitor --history --timeout 0.2 --device 3:0.0
| [TIME] device 0000:03:00.0: read of 4 bytes at IOVA 0x5000 refused: the guest's root, context or device table entry refuses the device, 0x01 to the guest
# The record is there for the driver; a second fault does not interrupt again.
$ nyxctl mmio read 0x34 --columns value
| value  0x2
$ nyxctl mmio read 0x220 --width 8 --columns value
| value  0x5000
$ nyxctl mmio read 0x228 --width 8 --columns value
| value  0xc000000100000300
$ nyxctl dma read 3:0.0 0x6000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x6000 refused at 0x6000, after 0 bytes: the guest's root, context or device table entry refuses the device
? 1
$ nyxctl event monitor --history --timeout 0.2 -o raw --columns type
| fault
| msi
| fault

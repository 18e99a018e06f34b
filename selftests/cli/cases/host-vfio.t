# Obstacles to passing a device of a host, which is made of files; see good_host() of ../run.
$ good_host
$ nyxctl vfio check 0000:05:00.0 --root host --memory 8M
| CHECK      SUBJECT               STATUS FOUND
| device     0000:05:00.0          ok     1b36:0010, class 010802
| iommu      group N              ok     DMA-FQ, 0 other devices
| module     vfio                  ok     loaded or built in
| module     vfio_iommu_type1      ok     loaded or built in
| module     vfio-pci              ok     loaded or built in
| driver     0000:05:00.0          ok     bound to vfio-pci
| region     0xfee00000-0xfeefffff ok     MSI window: nothing can be mapped there
| interrupts -                     ok     remapped or isolated
| memlock    -                     ok     8M of 256M, if nothing else is locked
| node       /dev/vfio/vfio        ok     can be opened
| node       /dev/vfio/12          ok     can be opened
| reset      0000:05:00.0          ok     by flr bus
|
| Nothing stands in the way.
$ nyxctl vfio check 5:0.0 --root host -j
| {"checks":[
| {"check":"device","subject":"0000:05:00.0","status":"ok","found":"1b36:0010, class 010802","advice":null,"commands":[]},
| {"check":"iommu","subject":"group N","status":"ok","found":"DMA-FQ, 0 other devices","advice":null,"commands":[]},
| {"check":"module","subject":"vfio","status":"ok","found":"loaded or built in","advice":null,"commands":[]},
| {"check":"module","subject":"vfio_iommu_type1","status":"ok","found":"loaded or built in","advice":null,"commands":[]},
| {"check":"module","subject":"vfio-pci","status":"ok","found":"loaded or built in","advice":null,"commands":[]},
| {"check":"driver","subject":"0000:05:00.0","status":"ok","found":"bound to vfio-pci","advice":null,"commands":[]},
| {"check":"region","subject":"0xfee00000-0xfeefffff","status":"ok","found":"MSI window: nothing can be mapped there","advice":null,"commands":[]},
| {"check":"interrupts","subject":null,"status":"ok","found":"remapped or isolated","advice":null,"commands":[]},
| {"check":"memlock","subject":null,"status":"ok","found":"256M (nyx-vmm's default) of 256M, if nothing else is locked","advice":null,"commands":[]},
| {"check":"node","subject":"/dev/vfio/vfio","status":"ok","found":"can be opened","advice":null,"commands":[]},
| {"check":"node","subject":"/dev/vfio/12","status":"ok","found":"can be opened","advice":null,"commands":[]},
| {"check":"reset","subject":"0000:05:00.0","status":"ok","found":"by flr bus","advice":null,"commands":[]}
| ]}
$ nyxctl vfio check 5:0.0 --root host -o raw --columns check,subject,status
| device 0000:05:00.0 ok
| iommu group\x2012 ok
| module vfio ok
| module vfio_iommu_type1 ok
| module vfio-pci ok
| driver 0000:05:00.0 ok
| region 0xfee00000-0xfeefffff ok
| interrupts - ok
| memlock - ok
| node /dev/vfio/vfio ok
| node /dev/vfio/12 ok
| reset 0000:05:00.0 ok
$ nyxctl -q vfio check 5:0.0 --root host --columns check,status | head -n 2
| CHECK      STATUS
| device     ok
# The device, and folders that are no hosts
$ nyxctl vfio check 5:0.1 --root host
! nyxctl: this host has no PCI device 0000:05:00.1; 'lspci -D' lists all
? 3
$ nyxctl vfio check 5:0.1 --root host -j
| {"error":{"code":"ENOENT","message":"this host has no PCI device 0000:05:00.1; 'lspci -D' lists all","reason":null,"field":null}}
! nyxctl: this host has no PCI device 0000:05:00.1; 'lspci -D' lists all
? 3
$ mkdir empty; nyxctl vfio check 5:0.0 --root empty
! nyxctl: 'empty' has no sys/bus/pci/devices; is sysfs mounted there?
? 3
$ nyxctl vfio check 5:0.0 --root nowhere
! nyxctl: 'nowhere' has no sys/bus/pci/devices; is sysfs mounted there?
? 3
$ nyxctl vfio check 5:0.0 --root host/dev/vfio/12
! nyxctl: 'host/dev/vfio/12' has no sys/bus/pci/devices; is sysfs mounted there?
? 3
$ nyxctl vfio check nic --root host
! nyxctl: 'nic' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl vfio check --root host
! nyxctl: vfio check: DEVICE is missing: a PCI device of this host, like 0000:03:00.0
? 2
$ nyxctl vfio check 5:0.0 --memory 0
! nyxctl: --memory must not be 0
? 2
$ nyxctl vfio check 5:0.0 --memory much
! nyxctl: --memory 'much' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
# seen ROW...: the rows of these checks
$ seen() { nyxctl vfio check 5:0.0 --root host -o raw --columns check,subject,status,found,commands "${@:2}" | sed 's/\\x20/ /g' | grep "^$1"; }
# advice ROW
$ advice() { nyxctl vfio check 5:0.0 --root host -o raw --columns check,advice "${@:2}" | sed 's/\\x20/ /g' | grep "^$1"; }
# A driver of the host's; one of VFIO's for that device; none; an override of before
$ host_driver 0000:05:00.0 nvme; nyxctl vfio check 5:0.0 --root host
| CHECK      SUBJECT               STATUS FOUND
| device     0000:05:00.0          ok     1b36:0010, class 010802
| iommu      group N              ok     DMA-FQ, 0 other devices
| module     vfio                  ok     loaded or built in
| module     vfio_iommu_type1      ok     loaded or built in
| module     vfio-pci              ok     loaded or built in
| driver     0000:05:00.0          blocks bound to nvme
| region     0xfee00000-0xfeefffff ok     MSI window: nothing can be mapped there
| interrupts -                     ok     remapped or isolated
| memlock    -                     ok     256M (nyx-vmm's default) of 256M, if nothing else is locked
| node       /dev/vfio/vfio        ok     can be opened
| node       /dev/vfio/12          ok     can be opened
| reset      0000:05:00.0          ok     by flr bus
|
| driver 0000:05:00.0: bind it to vfio-pci; the host no longer uses the device then:
|   echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override
|   echo 0000:05:00.0 >/sys/bus/pci/devices/0000:05:00.0/driver/unbind
|   echo 0000:05:00.0 >/sys/bus/pci/drivers_probe
|
| 1 thing stands in the way.
? 1
$ host_driver 0000:05:00.0 mlx5_vfio_pci; seen driver
| driver 0000:05:00.0 ok bound to mlx5_vfio_pci []
$ host_driver 0000:05:00.0; seen driver
| driver 0000:05:00.0 blocks bound to no driver ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override","echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
$ put sys/devices/0000:05:00.0/driver_override vfio-pci; seen driver
| driver 0000:05:00.0 blocks bound to no driver ["echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
$ put sys/devices/0000:05:00.0/driver_override nvme; seen driver
| driver 0000:05:00.0 blocks bound to no driver ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override","echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
$ host_driver 0000:05:00.0 pci-stub; seen driver
| driver 0000:05:00.0 blocks bound to pci-stub ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override","echo 0000:05:00.0 >/sys/bus/pci/devices/0000:05:00.0/driver/unbind","echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
# The others of the group: a bridge, one with a driver, one without, one that is not of PCI
$ good_host
$ host_device 0000:00:1c.0 8086:a110 060400 12 pcieport
$ host_device 0000:05:00.1 1b36:0011 020000 12 e1000e
$ host_device 0000:05:00.2 1b36:0012 020000 12
$ host_device 0000:05:00.3 1b36:0013 020000 12 pci-stub
$ mkdir -p host/sys/devices/INT33A1; ln -s ../../bus/platform host/sys/devices/INT33A1/subsystem
$ ln -s ../../bus/platform/drivers/pinctrl host/sys/devices/INT33A1/driver
$ ln -s ../../../../devices/INT33A1 host/sys/kernel/iommu_groups/12/devices/
$ nyxctl vfio check 5:0.0 --root host
| CHECK      SUBJECT               STATUS FOUND
| device     0000:05:00.0          ok     1b36:0010, class 010802
| iommu      group N              ok     DMA-FQ, 5 other devices
| module     vfio                  ok     loaded or built in
| module     vfio_iommu_type1      ok     loaded or built in
| module     vfio-pci              ok     loaded or built in
| driver     0000:05:00.0          ok     bound to vfio-pci
| member     0000:00:1c.0          ok     bridge, bound to pcieport
| member     0000:05:00.1          blocks bound to e1000e
| member     0000:05:00.2          ok     bound to no driver
| member     0000:05:00.3          ok     bound to pci-stub
| member     INT33A1               blocks bound to pinctrl
| region     0xfee00000-0xfeefffff ok     MSI window: nothing can be mapped there
| interrupts -                     ok     remapped or isolated
| memlock    -                     ok     256M (nyx-vmm's default) of 256M, if nothing else is locked
| node       /dev/vfio/vfio        ok     can be opened
| node       /dev/vfio/12          ok     can be opened
| reset      0000:05:00.0          ok     by flr bus
|
| member 0000:05:00.1: the hardware does not keep it apart from the device: bind it to vfio-pci, too, or move one of them to a slot whose ports have ACS:
|   echo vfio-pci >/sys/bus/pci/devices/0000:05:00.1/driver_override
|   echo 0000:05:00.1 >/sys/bus/pci/devices/0000:05:00.1/driver/unbind
|   echo 0000:05:00.1 >/sys/bus/pci/drivers_probe
|
| member INT33A1: the hardware does not keep it apart from the device: take its driver away:
|   echo INT33A1 >/sys/kernel/iommu_groups/12/devices/INT33A1/driver/unbind
|
| 2 things stand in the way.
? 1
$ host_driver 0000:00:1c.0 shpchp; seen 'member 0000:00:1c'
| member 0000:00:1c.0 blocks bridge, bound to shpchp ["echo 0000:00:1c.0 >/sys/kernel/iommu_groups/12/devices/0000:00:1c.0/driver/unbind"]
? 1
$ nyxctl vfio check 0:1c.0 --root host --columns check,status,found,advice -o raw | head -n 1
| device blocks 8086:a110,\x20class\x20060400 VFIO\x20passes\x20no\x20bridges;\x20pass\x20the\x20devices\x20behind\x20it
? 1
# A variant of vfio-pci does without it, unless another device is to be bound to that
$ good_host; host_driver 0000:05:00.0 mlx5_vfio_pci; rm -r host/sys/bus/pci/drivers/vfio-pci; seen '[md]'
| device 0000:05:00.0 ok 1b36:0010, class 010802 []
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| driver 0000:05:00.0 ok bound to mlx5_vfio_pci []
| memlock - ok 256M (nyx-vmm's default) of 256M, if nothing else is locked []
$ host_device 0000:05:00.1 1b36:0011 020000 12 e1000e; seen 'm[oe]'
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| module vfio-pci blocks not loaded ["modprobe vfio-pci"]
| member 0000:05:00.1 blocks bound to e1000e ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.1/driver_override","echo 0000:05:00.1 >/sys/bus/pci/devices/0000:05:00.1/driver/unbind","echo 0000:05:00.1 >/sys/bus/pci/drivers_probe"]
| memlock - ok 256M (nyx-vmm's default) of 256M, if nothing else is locked []
? 1
# A Root Complex Event Collector keeps pcieport
$ good_host; host_device 0000:00:00.4 8086:09a4 080700 12 pcieport; seen member
| member 0000:00:00.4 ok bound to pcieport []
$ host_driver 0000:00:00.4 pcieport2; seen member
| member 0000:00:00.4 blocks bound to pcieport2 ["echo vfio-pci >/sys/bus/pci/devices/0000:00:00.4/driver_override","echo 0000:00:00.4 >/sys/bus/pci/devices/0000:00:00.4/driver/unbind","echo 0000:00:00.4 >/sys/bus/pci/drivers_probe"]
? 1
# A virtual function: the physical one has its own driver, none, vfio-pci
$ good_host; host_device 0000:04:00.0 1b36:0010 010802 11 nvme; ln -s ../0000:04:00.0 host/sys/devices/0000:05:00.0/physfn; seen token
? 1
$ host_driver 0000:04:00.0; seen token
? 1
$ host_driver 0000:04:00.0 vfio-pci; seen token; advice token
| token 0000:05:00.0 blocks the physical function 0000:04:00.0 is bound to vfio-pci []
| token VFIO wants a token for the virtual function then, which nyx-vmm does not give; bind the physical function to the host's driver for it
? 1
# No IOMMU: in the firmware, by the command line, by default on Intel's; for this device alone
$ good_host; rm -r host/sys/kernel/iommu_groups host/sys/firmware host/sys/devices/*/iommu_group; seen '[imr]'; advice iommu
| iommu - blocks this host has no IOMMU, or the kernel does not use it []
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| module vfio-pci ok loaded or built in []
| interrupts - ok remapped or isolated []
| memlock - ok 256M (nyx-vmm's default) of 256M, if nothing else is locked []
| reset 0000:05:00.0 ok by flr bus []
| iommu the firmware describes no IOMMU; switch it on in the firmware's set-up (Intel: VT-d, AMD: IOMMU or AMD-Vi); in a virtual machine, give it one
? 1
$ put sys/firmware/acpi/tables/DMAR ''; advice iommu; put proc/cmdline quiet; advice iommu
| iommu the kernel was booted with intel_iommu=on, but uses no IOMMU; 'dmesg | grep DMAR' may say why
| iommu boot the kernel with intel_iommu=on (GRUB_CMDLINE_LINUX of /etc/default/grub), then update the boot loader's configuration (Debian: update-grub)
? 1
$ put proc/cmdline 'quiet intel_iommu=off'; advice iommu
| iommu the kernel was booted with intel_iommu=off; remove that (GRUB_CMDLINE_LINUX of /etc/default/grub), then update the boot loader's configuration (Debian: update-grub) and boot again
? 1
$ put proc/cmdline 'iommu=off'; advice iommu
| iommu the kernel was booted with iommu=off; remove that (GRUB_CMDLINE_LINUX of /etc/default/grub), then update the boot loader's configuration (Debian: update-grub) and boot again
? 1
$ put proc/cmdline 'niommu=off'; put proc/cpuinfo 'vendor_id : AuthenticAMD'; advice iommu
| iommu the kernel leaves the AMD IOMMU off although nothing switches it off; 'dmesg | grep AMD-Vi' may say why
? 1
$ put proc/cpuinfo 'CPU implementer : 0x41'; advice iommu
| iommu the kernel does not use the IOMMU; it needs a driver for it
? 1
$ mkdir -p host/sys/kernel/iommu_groups/3; seen iommu; advice iommu
| iommu - blocks the device is in no IOMMU group []
| iommu other devices of this host have an IOMMU, this one has none; choose one of those, or another slot
? 1
$ good_host; put sys/kernel/iommu_groups/12/name vfio-noiommu; seen '[in]'; advice iommu
| iommu - blocks no-IOMMU mode of VFIO: the device's DMA would reach all memory []
| interrupts - ok remapped or isolated []
| node /dev/vfio/vfio ok can be opened []
| iommu the kernel was booted with intel_iommu=on, but uses no IOMMU; 'dmesg | grep DMAR' may say why
? 1
# Modules: to be loaded, not to be had, built in, nothing known
$ good_host; host_driver 0000:05:00.0 nvme; put proc/sys/kernel/osrelease 6.12.0; rm -r host/sys/module host/sys/bus/pci/drivers/vfio-pci
$ put lib/modules/6.12.0/modules.dep 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz'
$ seen module; advice module
| module vfio blocks not loaded ["modprobe vfio"]
| module vfio_iommu_type1 blocks the kernel was built without it []
| module vfio-pci blocks not loaded ["modprobe vfio-pci"]
| module load it
| module boot a kernel with CONFIG_VFIO_PCI and CONFIG_VFIO_IOMMU_TYPE1
| module load it
? 1
$ rm -r host/lib; mkdir -p host/sys/class/vfio; seen module
| module vfio ok loaded or built in []
| module vfio_iommu_type1 blocks not loaded ["modprobe vfio_iommu_type1"]
| module vfio-pci blocks not loaded ["modprobe vfio-pci"]
? 1
$ good_host; put proc/sys/kernel/osrelease ../../etc; seen module
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| module vfio-pci ok loaded or built in []
# iommufd in the place of VFIO's container: only if type 1 is not to be had, and the node is there
$ good_host; put sys/module/iommufd/parameters/allow_unsafe_interrupts N; seen 'module vfio_'; rm -r host/sys/module/vfio_iommu_type1; seen 'module vfio_'
| module vfio_iommu_type1 ok loaded or built in []
| module vfio_iommu_type1 note not there; iommufd makes /dev/vfio/vfio []
$ put proc/sys/kernel/osrelease 6.12.0; put lib/modules/6.12.0/modules.dep 'kernel/drivers/vfio/vfio.ko:'; seen 'module vfio_'
| module vfio_iommu_type1 note not there; iommufd makes /dev/vfio/vfio []
$ put proc/interrupts ' 0:   12    0  IO-APIC    2-edge  timer'; seen interrupts; advice interrupts
| interrupts - blocks not remapped []
| interrupts a guest can send any interrupt of the host. Switch interrupt remapping on (firmware's set-up; no intremap=off on the kernel's command line), or, for a guest that you trust, echo Y >/sys/module/iommufd/parameters/allow_unsafe_interrupts
? 1
$ put sys/module/iommufd/parameters/allow_unsafe_interrupts Y; seen interrupts
| interrupts - note not remapped; allowed by allow_unsafe_interrupts []
$ put lib/modules/6.12.0/modules.dep 'kernel/drivers/vfio/vfio_iommu_type1.ko:'; seen 'module vfio_'; seen interrupts
| module vfio_iommu_type1 blocks not loaded ["modprobe vfio_iommu_type1"]
| interrupts - blocks not remapped []
? 1
$ rm -r host/lib host/dev/vfio/vfio; seen 'module vfio_'
| module vfio_iommu_type1 blocks not loaded ["modprobe vfio_iommu_type1"]
? 1
$ put dev/vfio/vfio ''; rm -r host/sys/module/iommufd; seen 'module vfio_'
| module vfio_iommu_type1 blocks not loaded ["modprobe vfio_iommu_type1"]
? 1
# Reserved regions
$ good_host; put sys/kernel/iommu_groups/12/reserved_regions '0x000000007b800000 0x000000007f7fffff direct
> 0x0000000000001000 0x0000000000001fff direct-relaxable
> 0x00000000fee00000 0x00000000feefffff msi
> 0x000000fd00000000 0x000000ffffffffff reserved'
$ seen region; advice region
| region 0x7b800000-0x7f7fffff blocks direct: the firmware uses the device there, at all times []
| region 0x1000-0x1fff ok direct, until the guest has the device []
| region 0xfee00000-0xfeefffff ok MSI window: nothing can be mapped there []
| region 0xfd00000000-0xffffffffff note reserved: nothing can be mapped there []
| region the kernel hands out no such device; the firmware's set-up may end that use (USB legacy support, management controller)
| region -
| region -
| region with --iommu vtd, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39 or --iommu amdvi
? 1
$ put sys/kernel/iommu_groups/12/reserved_regions '0x2000 0x1000 direct
> 0x10000000000000000 0x10000000000000fff direct
> 0x1000 0x1fff $(reboot)
> 4096 8191 msi
> 0x1000 0x1fff'; seen region; advice region
| region - unknown 5 lines were not understood []
| region see /sys/kernel/iommu_groups/12/reserved_regions
? 5
$ rm host/sys/kernel/iommu_groups/12/reserved_regions; seen region; nyxctl vfio check 5:0.0 --root host >out; tail -n 1 out
| region - unknown cannot read the reserved regions: No such file or directory []
| Nothing stands in the way, as far as the host tells.
# reserved FIRST LAST: that one region
$ reserved() { put sys/kernel/iommu_groups/12/reserved_regions "$1 $2 ${3-reserved}"; }
# In the guest's memory, which ends at 3 GiB or goes on at 4 GiB; without --memory it is 256M
$ good_host; reserved 0xfffffff 0x10000fff; seen region; advice region
| region 0xfffffff-0x10000fff blocks reserved: the guest's memory is there []
| region with --iommu none, give the guest at most 254M of memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
? 1
$ reserved 0x10000000 0x10000fff; seen region; seen region --memory 258M
| region 0x10000000-0x10000fff note reserved: nothing can be mapped there []
| region 0x10000000-0x10000fff blocks reserved: the guest's memory is there []
? 1
$ reserved 0xc0000000 0xffffffff; seen region --memory 3G; seen region --memory 5G
| region 0xc0000000-0xffffffff note reserved: nothing can be mapped there []
| region 0xc0000000-0xffffffff note reserved: nothing can be mapped there []
? 1
$ reserved 0xbffff000 0x1ffffffff; seen region --memory 3G; advice region --memory 3G
| region 0xbffff000-0x1ffffffff blocks reserved: the guest's memory is there []
| region with --iommu none, give the guest at most 3070M of memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
? 1
$ reserved 0xd0000000 0x100000000; seen region --memory 3G; seen region --memory 3074M; advice region --memory 3074M
| region 0xd0000000-0x100000000 note reserved: nothing can be mapped there []
| region 0xd0000000-0x100000000 blocks reserved: the guest's memory is there []
| region with --iommu none, give the guest at most 3072M of memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
? 1
$ reserved 0x140000000 0x140000fff; seen region --memory 4G; seen region --memory 4098M; advice region --memory 4098M
| region 0x140000000-0x140000fff note reserved: nothing can be mapped there []
| region 0x140000000-0x140000fff blocks reserved: the guest's memory is there []
| region with --iommu none, give the guest at most 4096M of memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
? 1
$ reserved 0x0 0xfff; seen region; advice region
| region 0x0-0xfff blocks reserved: the guest's memory is there []
| region VFIO cannot give the guest its first memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
? 1
# The guest may use addresses up to the width of its IOMMU
$ reserved 0x7fffffffff 0x8000000fff; seen region; advice region
| region 0x7fffffffff-0x8000000fff note reserved: nothing can be mapped there []
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
$ reserved 0x8000000000 0x8000000fff; seen region; advice region
| region 0x8000000000-0x8000000fff note reserved: nothing can be mapped there []
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39
$ reserved 0x8000000000 0x8000000fff; seen region --memory 512G; advice region --memory 512G
| region 0x8000000000-0x8000000fff blocks reserved: the guest's memory is there []
| region with --iommu none, give the guest at most 523264M of memory; with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39
? 1
$ reserved 0xfd00000000 0xfdffffffff; advice region
| region with --iommu vtd, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39 or --iommu amdvi
$ reserved 0xfcfffff000 0xffffffffff; advice region
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39
$ reserved 0xfd00000000 0x10000000fff; advice region
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39
$ reserved 0xffffffffffff 0x1000000000000; advice region
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device: use --iommu vtd,width=39
$ reserved 0x1000000000000 0xffffffffffffffff; seen region; advice region
| region 0x1000000000000-0xffffffffffffffff note reserved: nothing can be mapped there []
| region -
# MSI windows: that of x86, another one
$ reserved 0xfee00000 0xfeefffff; seen region; advice region
| region 0xfee00000-0xfeefffff note reserved: nothing can be mapped there []
| region -
$ reserved 0x8000000 0x80fffff msi; seen region
| region 0x8000000-0x80fffff blocks msi: the guest's memory is there []
? 1
$ reserved 0xfee00000 0xfef00000 msi; seen region; advice region
| region 0xfee00000-0xfef00000 note msi: nothing can be mapped there []
| region with --iommu vtd or amdvi, the guest may use these addresses, and nyx-vmm refuses the device
# Interrupts
$ good_host; put proc/interrupts ' CPU0
>   0:  12  IO-APIC    2-edge  IR-timer
> NMI:   0  Non-maskable interrupts'
$ seen interrupts; advice interrupts
| interrupts - blocks not remapped []
| interrupts a guest can send any interrupt of the host. Switch interrupt remapping on (firmware's set-up; no intremap=off on the kernel's command line), or, for a guest that you trust, echo Y >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
? 1
$ put sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts Y; seen interrupts
| interrupts - note not remapped; allowed by allow_unsafe_interrupts []
$ put proc/interrupts ' 43:  0  0  ITS-PCI-MSI-0000:01:00.0  0 Edge nvme'; seen interrupts
| interrupts - ok remapped or isolated []
$ good_host; rm host/proc/interrupts; seen interrupts; advice interrupts
| interrupts - unknown nothing tells whether they are isolated []
| interrupts if they are not, VFIO refuses the device when it is opened
? 5
$ put sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts Y; seen interrupts; advice interrupts
| interrupts - note nothing tells whether they are isolated []
| interrupts -
# Locked memory
$ good_host; seen memlock
| memlock - ok 256M (nyx-vmm's default) of 256M, if nothing else is locked []
$ put proc/self/limits 'Max locked memory   8388608   1073741824   bytes'; seen memlock; advice memlock
| memlock - blocks at most 8M of 256M (nyx-vmm's default) ["ulimit -l 262144"]
| memlock raise the limit in the shell that starts the VMM
? 1
$ seen memlock --memory 8M; seen memlock --memory 8388609; seen memlock --memory 2G
| memlock - ok 8M of 8M, if nothing else is locked []
| memlock - blocks at most 8M of 8388609 bytes ["ulimit -l 8193"]
| memlock - blocks at most 8M of 2048M ["sudo prlimit --memlock=2147483648 --pid $$"]
? 1
$ advice memlock --memory 9M; advice memlock --memory 2G
| memlock raise the limit in the shell that starts the VMM
| memlock raise the limit in the shell that starts the VMM; for good, by a line 'USER - memlock KIB' in /etc/security/limits.conf
? 1
$ put proc/self/limits 'Max locked memory   unlimited   unlimited   bytes'; seen memlock --memory 2G
| memlock - ok unlimited []
$ put proc/self/limits 'Max locked memory   -1   unlimited   bytes'; seen memlock --memory 2G
| memlock - unknown the limit cannot be read []
? 5
$ put proc/self/limits 'Max processes  1 1'; seen memlock
| memlock - unknown the limit cannot be read []
? 5
$ good_host; put proc/self/status 'CapEff:	0000000000004000'; seen memlock --memory 2G
| memlock - ok no limit concerns you (CAP_IPC_LOCK) []
$ put proc/self/uid_map '         0       1000          1'; seen memlock --memory 2G
| memlock - blocks at most 256M of 2048M ["sudo prlimit --memlock=2147483648 --pid $$"]
? 1
$ put proc/self/uid_map '         0          0 65536'; seen memlock --memory 2G
| memlock - blocks at most 256M of 2048M ["sudo prlimit --memlock=2147483648 --pid $$"]
? 1
$ put proc/self/uid_map ''; seen memlock --memory 2G
| memlock - blocks at most 256M of 2048M ["sudo prlimit --memlock=2147483648 --pid $$"]
? 1
$ rm host/proc/self/uid_map; seen memlock --memory 2G
| memlock - ok no limit concerns you (CAP_IPC_LOCK) []
# root, whose limits and permissions are not those of others
$ good_host; put proc/self/status $'Uid:\t1000\t0\t0\t0\nCapEff:\t0'; seen user; advice user
| user uid 0 note limits and permissions are those of root []
| user if another user is to run the VMM, check as that user
# Nodes
$ good_host; cannot_access 13 vfio check 5:0.0 --root host -o raw --columns subject,status,found | grep dev
| group\x2012 ok DMA-FQ,\x200\x20other\x20devices
| /dev/vfio/vfio ok can\x20be\x20opened
| /dev/vfio/12 blocks you\x20may\x20not\x20open\x20it
? 1
$ cannot_access 13 vfio check 5:0.0 --root host -j --columns subject,status,advice,commands | grep '/12'
| {"subject":"/dev/vfio/12","status":"blocks","advice":"give it to the user that runs the VMM; you, if you do","commands":["chown 1000 /dev/vfio/12"]},
? 1
$ cannot_access 1 vfio check 5:0.0 --root host -j --columns subject,status,found,advice,commands | grep '/12'
| {"subject":"/dev/vfio/12","status":"blocks","found":"a device cgroup forbids it","advice":"allow the device in the container's device rules","commands":[]},
? 1
$ cannot_access 40 vfio check 5:0.0 --root host -o raw --columns subject,status,found | grep dev
| group\x2012 ok DMA-FQ,\x200\x20other\x20devices
| /dev/vfio/vfio ok can\x20be\x20opened
| /dev/vfio/12 unknown cannot\x20be\x20looked\x20at:\x20Too\x20many\x20levels\x20of\x20symbolic\x20links
? 5
$ rm host/dev/vfio/12; seen node; host_driver 0000:05:00.0; seen node
| node /dev/vfio/vfio ok can be opened []
| node /dev/vfio/12 blocks not there []
| node /dev/vfio/vfio ok can be opened []
| node /dev/vfio/12 note not there yet []
? 1
$ rm host/dev/vfio/vfio; seen node
| node /dev/vfio/vfio blocks not there []
| node /dev/vfio/12 note not there yet []
? 1
# Reset, the firmware's display
$ good_host; put sys/devices/0000:05:00.0/reset_method ''; seen reset
| reset 0000:05:00.0 note the kernel knows no way to reset it []
$ rm host/sys/devices/0000:05:00.0/reset_method; put sys/devices/0000:05:00.0/reset ''; seen reset
| reset 0000:05:00.0 ok by a method of the kernel []
$ put sys/devices/0000:05:00.0/boot_vga 1; seen device; advice device
| device 0000:05:00.0 note 1b36:0010, class 010802 []
| device this is the display of the firmware; the host's console goes dark
# Words that no kernel writes: IDs, names that would be commands, files that are none
$ good_host; put sys/devices/0000:05:00.0/vendor '0x1b36ffff'; seen device
| device 0000:05:00.0 unknown the IDs cannot be read []
? 5
$ put sys/devices/0000:05:00.0/vendor 'no'; seen device
| device 0000:05:00.0 unknown the IDs cannot be read []
? 5
$ good_host; mkdir 'host/sys/kernel/iommu_groups/12/devices/x;reboot' host/sys/kernel/iommu_groups/12/devices/-e; seen '[im]'
| iommu group N unknown DMA-FQ, 0 other devices []
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| module vfio-pci ok loaded or built in []
| interrupts - ok remapped or isolated []
| memlock - ok 256M (nyx-vmm's default) of 256M, if nothing else is locked []
? 5
$ advice iommu
| iommu 2 more devices could not be looked at; see /sys/kernel/iommu_groups/12/devices
? 5
$ good_host; touch host/sys/kernel/iommu_groups/12/devices/0000:05:00.1; seen member
| member 0000:05:00.1 blocks bound to ? ["echo 0000:05:00.1 >/sys/kernel/iommu_groups/12/devices/0000:05:00.1/driver/unbind"]
? 1
$ good_host; for i in {1..300}; do ln -s nothing host/sys/kernel/iommu_groups/12/devices/d$i; done; seen iommu; seen member | wc -l
| iommu group N unknown DMA-FQ, 256 other devices []
| 256
? 5
$ good_host; rm -r host/sys/kernel/iommu_groups/12/devices; seen iommu
| iommu group N unknown cannot list the devices: No such file or directory []
? 5
$ good_host; rm host/sys/devices/0000:05:00.0/driver; mkdir host/sys/devices/0000:05:00.0/driver; seen driver
| driver 0000:05:00.0 blocks bound to ? ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override","echo 0000:05:00.0 >/sys/bus/pci/devices/0000:05:00.0/driver/unbind","echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
$ rmdir host/sys/devices/0000:05:00.0/driver; ln -s $'\33[2J' host/sys/devices/0000:05:00.0/driver; seen driver
| driver 0000:05:00.0 blocks bound to ?[2J ["echo vfio-pci >/sys/bus/pci/devices/0000:05:00.0/driver_override","echo 0000:05:00.0 >/sys/bus/pci/devices/0000:05:00.0/driver/unbind","echo 0000:05:00.0 >/sys/bus/pci/drivers_probe"]
? 1
$ good_host; rm host/sys/devices/0000:05:00.0/reset_method host/proc/interrupts; mkfifo host/sys/devices/0000:05:00.0/reset_method host/proc/interrupts; seen '[ir]'
| iommu group N ok DMA-FQ, 0 other devices []
| region 0xfee00000-0xfeefffff ok MSI window: nothing can be mapped there []
| interrupts - unknown nothing tells whether they are isolated []
| reset 0000:05:00.0 note the kernel knows no way to reset it []
? 5
$ good_host; rm host/sys/devices/0000:05:00.0/iommu_group; ln -s ../12x host/sys/devices/0000:05:00.0/iommu_group; seen iommu
| iommu - blocks the device is in no IOMMU group []
? 1
$ good_host; head -c 8M /dev/zero >host/proc/interrupts; head -c 1M /dev/zero | tr '\0' 7 >host/sys/devices/0000:05:00.0/class; head -c 1M /dev/zero >host/proc/self/limits; seen '[dim]'
| device 0000:05:00.0 unknown the IDs cannot be read []
| iommu group N ok DMA-FQ, 0 other devices []
| module vfio ok loaded or built in []
| module vfio_iommu_type1 ok loaded or built in []
| module vfio-pci ok loaded or built in []
| driver 0000:05:00.0 ok bound to vfio-pci []
| interrupts - unknown nothing tells whether they are isolated []
| memlock - unknown the limit cannot be read []
? 5
# Completion
$ nyxctl __complete vfio check --root host ''
| 0000:05:00.0
$ nyxctl __complete vfio check --root empty ''

# Without the module, or with another device in its place; no module is needed.
$ nyxctl --node /dev/nyx-none unit list
! nyxctl: cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu
? 6
$ nyxctl --node /dev/nyx-none unit list --json
| {"error":{"code":"ENOENT","message":"cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu","reason":null,"field":null}}
! nyxctl: cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu
? 6
$ nyxctl --node /dev/nyx-none -u golden domain list
! nyxctl: cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu
? 6
$ nyxctl --node /dev/nyx-none module info
! nyxctl: cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu
? 6
$ nyxctl --node /dev/null unit list
! nyxctl: /dev/null is not the device node of Nyx
? 6
$ nyxctl --node /dev/null unit list -j
| {"error":{"code":"ENOTTY","message":"/dev/null is not the device node of Nyx","reason":null,"field":null}}
! nyxctl: /dev/null is not the device node of Nyx
? 6
$ : >file; nyxctl --node file unit list
! nyxctl: file is not the device node of Nyx
? 6
$ nyxctl --node file/x unit list
! nyxctl: cannot open file/x: Not a directory
? 6
$ nyxctl --node . unit list
! nyxctl: cannot open .: Is a directory
? 6
# A missing module has another exit status than a missing object; see unit.t.
$ nyxctl --node /dev/nyx-none unit show nothing 2>/dev/null
? 6
# 'module version' works without the module.
$ nyxctl --node /dev/nyx-none module version
| nyxctl              0.1.0
| libnyx              0.1.0
| api version         1
| module              -
| module api version  -
$ nyxctl --node /dev/nyx-none module version --json
| {"versions":{"nyxctl":"0.1.0","libnyx":"0.1.0","api_version":1,"module":null,"module_api_version":null}}
$ nyxctl --node /dev/nyx-none module version -o raw
| nyxctl 0.1.0
| libnyx 0.1.0
| api_version 1
| module -
| module_api_version -
$ diff <(nyxctl --node /dev/nyx-none version) <(nyxctl --node /dev/nyx-none module version) && echo same
| same
# Completion prints no error.
$ nyxctl --node /dev/nyx-none __complete -u x map list ''
! nyxctl: unknown object '__complete', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
? 2
$ nyxctl __complete --node /dev/nyx-none unit show ''

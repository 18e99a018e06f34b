# Reasons why the device node cannot be opened. No module is needed.
$ cannot_open 13 unit list
! nyxctl: cannot open /dev/nyx-iommu: permission denied; run as root
? 4
$ cannot_open 13 unit list --json
| {"error":{"code":"EACCES","message":"cannot open /dev/nyx-iommu: permission denied; run as root","reason":null,"field":null}}
! nyxctl: cannot open /dev/nyx-iommu: permission denied; run as root
? 4
$ cannot_open 2 unit list
! nyxctl: cannot open /dev/nyx-iommu: the module is not loaded; load it with 'modprobe nyx-iommu', or with 'make load' in the source tree
? 6
$ cannot_open 19 unit list
! nyxctl: cannot open /dev/nyx-iommu: no driver serves it; load the module with 'modprobe nyx-iommu'
? 6
$ cannot_open 6 unit list
! nyxctl: cannot open /dev/nyx-iommu: no driver serves it; load the module with 'modprobe nyx-iommu'
? 6
$ cannot_open 5 unit list
! nyxctl: cannot open /dev/nyx-iommu: Input/output error
? 6
$ cannot_open 24 unit list
! nyxctl: cannot open /dev/nyx-iommu: too many open files; raise the limit with 'ulimit -n'
? 1

# Users that may not: only root and the group of the node open it, and only the
# owner and root open a kept unit.
$ setup
$ as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$tool" "$@"; }
$ as_nobody unit list
! nyxctl: cannot open /dev/nyx-iommu: permission denied; join its group with 'usermod -aG kvm USER' or run as root
? 4
$ as_nobody unit list --json
| {"error":{"code":"EACCES","message":"cannot open /dev/nyx-iommu: permission denied; join its group with 'usermod -aG kvm USER' or run as root"}}
! nyxctl: cannot open /dev/nyx-iommu: permission denied; join its group with 'usermod -aG kvm USER' or run as root
? 4
$ old=$(stat -c %a /dev/nyx-iommu); chmod 666 /dev/nyx-iommu
$ as_nobody unit show golden
! nyxctl: cannot open unit 'golden': the unit belongs to another user; run nyxctl as that user or as root
? 4
$ as_nobody unit show golden --json
| {"error":{"code":"EACCES","message":"cannot open unit 'golden': the unit belongs to another user; run nyxctl as that user or as root"}}
! nyxctl: cannot open unit 'golden': the unit belongs to another user; run nyxctl as that user or as root
? 4
$ as_nobody unit list --columns name | grep golden
| golden
$ as_nobody unit run theirs -- "$tool" unit show --columns name,owner_uid
| name       theirs
| owner uid  65534
$ chmod "$old" /dev/nyx-iommu; stat -c %a /dev/nyx-iommu
| 660

# Users without access: only root and the group of the node open it. A unit opens for its
# owner, and for root if root names the owner.
$ setup
$ as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$tool" "$@"; }
$ as_nobody unit list
! nyxctl: cannot open /dev/nyx-iommu: permission denied; run as root
? 4
$ as_nobody unit list --json
| {"error":{"code":"EACCES","message":"cannot open /dev/nyx-iommu: permission denied; run as root","reason":null,"field":null}}
! nyxctl: cannot open /dev/nyx-iommu: permission denied; run as root
? 4
$ old=$(stat -c %a /dev/nyx-iommu); chmod 666 /dev/nyx-iommu
$ as_nobody unit show golden
! nyxctl: you have no unit 'golden', but user 0 has; only root may open that, with --owner
? 3
$ as_nobody unit show golden --json
| {"error":{"code":"ENOENT","message":"you have no unit 'golden', but user 0 has; only root may open that, with --owner","reason":"no-such-unit","field":null}}
! nyxctl: you have no unit 'golden', but user 0 has; only root may open that, with --owner
? 3
$ as_nobody unit show golden --owner root
! nyxctl: cannot open unit 'golden': the unit is not open to this process
? 4
$ as_nobody unit show golden --owner 0 --json
| {"error":{"code":"EACCES","message":"cannot open unit 'golden': the unit is not open to this process","reason":"unit-private","field":null}}
! nyxctl: cannot open unit 'golden': the unit is not open to this process
? 4
$ as_nobody unit show golden --owner nobody-of-that-name
! nyxctl: --owner 'nobody-of-that-name' is not a user of this machine
? 2
# A user sees names and sizes of the units of others, and no counters.
$ as_nobody unit list -o raw --columns name,owner_uid,memory_bytes,domains,fault_events,shared | grep golden
| golden 0 16777216 - - yes
$ as_nobody unit run theirs -- "$tool" unit show --columns name,owner_uid,persistent,shared
| name        theirs
| owner uid   65534
| persistent  no
| shared      yes
# Each user has names of its own.
$ as_nobody unit run golden -- "$tool" unit show --columns name,owner_uid,memory_bytes
| name       golden
| owner uid  65534
| memory     0
$ nyxctl unit show --columns name,owner_uid,memory_bytes
| name       golden
| owner uid  0
| memory     16M
# Root has to name the owner.
$ as_nobody -q unit create theirs
$ nyxctl unit show theirs
! nyxctl: you have no unit 'theirs', but user 65534 has; only root may open that, with --owner
? 3
$ nyxctl --owner nobody unit show theirs --columns name,owner_uid
| name       theirs
| owner uid  65534
$ nyxctl unit destroy theirs --owner 65534
| unit theirs destroyed
$ chmod "$old" /dev/nyx-iommu; stat -c %a /dev/nyx-iommu
| 660

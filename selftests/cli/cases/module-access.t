# Users that may not: only root and the group of the node open it, and only the
# owner and root open a kept unit.
$ setup
$ as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$tool" "$@"; }
$ as_nobody unit list
$ as_nobody unit list --json
$ old=$(stat -c %a /dev/nyx-iommu); chmod 666 /dev/nyx-iommu
$ as_nobody unit show golden
$ as_nobody unit show golden --json
$ as_nobody unit list --columns name | grep golden
$ as_nobody unit run theirs -- "$tool" unit show --columns name,owner_uid
$ chmod "$old" /dev/nyx-iommu; stat -c %a /dev/nyx-iommu

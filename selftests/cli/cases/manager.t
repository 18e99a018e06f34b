# assign and release.
$ setup
$ nyxctl device assign 03:00.0 strict
| device 0000:03:00.0 assigned to domain 1 (strict/0000:03:00.0)
$ nyxctl device assign 03:00.0 strict
! nyxctl: cannot assign device 0000:03:00.0: the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it
? 1
$ nyxctl device assign 03:00.0 shared --json
| {"error":{"code":"EBUSY","message":"cannot assign device 0000:03:00.0: the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it","reason":"device-attached","field":null}}
! nyxctl: cannot assign device 0000:03:00.0: the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it
? 1
$ nyxctl device assign 04:00.0 shared
| device 0000:04:00.0 assigned to domain 2 (shared)
$ nyxctl device assign 05:00.0 shared
| device 0000:05:00.0 assigned to domain 2 (shared)
$ nyxctl device assign 06:00.0 shared,group=storage
| device 0000:06:00.0 assigned to domain 3 (shared/storage)
$ nyxctl device assign 07:00.0 shared,group=storage --json
| {"device":{"device":"0000:07:00.0","domain":3,"did":null,"domain_name":"shared/storage","isolation":"shared","state":"active","score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}}
$ nyxctl device assign 08:00.0 unmanaged
| device 0000:08:00.0 assigned to domain 4 (identity)
$ nyxctl device assign 09:00.0 unmanaged
| device 0000:09:00.0 assigned to domain 4 (identity)
$ nyxctl device list --columns device,domain,domain_name,isolation
| DEVICE       DOMAIN DOMAIN-NAME         ISOLATION
| 0000:03:00.0      1 strict/0000:03:00.0 strict
| 0000:04:00.0      2 shared              shared
| 0000:05:00.0      2 shared              shared
| 0000:06:00.0      3 shared/storage      shared
| 0000:07:00.0      3 shared/storage      shared
| 0000:08:00.0      4 identity            unmanaged
| 0000:09:00.0      4 identity            unmanaged
$ nyxctl domain list --columns id,name,kind,isolation,devices
| ID NAME                KIND     ISOLATION DEVICES
|  1 strict/0000:03:00.0 paging   strict          1
|  2 shared              paging   shared          2
|  3 shared/storage      paging   shared          2
|  4 identity            identity shared          2
$ nyxctl unit status
| unit          golden
| enabled       yes
| model         native
| domains       4
| devices       7
| mapped        0
| fault events  0
| quarantined   0
| irt entries   256
| irtes         0
| bindings      0
# "device assign" names the object that is in the way.
$ nyxctl -q domain create strict/0000:0a:00.0
$ nyxctl -q device add 0b:00.0
$ nyxctl -q device attach 0b:00.0 strict/0000:0a:00.0
$ nyxctl device assign 0a:00.0 strict
! nyxctl: cannot assign device 0000:0a:00.0: the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl -q domain create shared/odd
$ nyxctl device assign 0a:00.0 shared,group=odd
! nyxctl: cannot assign device 0000:0a:00.0: the unit has a domain of this name already; 'nyxctl domain list' shows all
? 1
$ nyxctl device show 0a:00.0
! nyxctl: unit 'golden' has no device 0000:0a:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
# Released, a domain goes with its last device.
$ nyxctl device release 05:00.0
| device 0000:05:00.0 released
$ nyxctl device list --columns device,domain_name
| DEVICE       DOMAIN-NAME
| 0000:03:00.0 strict/0000:03:00.0
| 0000:04:00.0 shared
| 0000:06:00.0 shared/storage
| 0000:07:00.0 shared/storage
| 0000:08:00.0 identity
| 0000:09:00.0 identity
| 0000:0b:00.0 strict/0000:0a:00.0
$ for i in 3 4 6 7 8 9; do nyxctl -q device release $i:0.0; done
$ nyxctl device release 03:00.0
! nyxctl: cannot release device 0000:03:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl domain list --columns name
| NAME
| strict/0000:0a:00.0
| shared/odd
# Devices that were attached by hand: their domain stays.
$ nyxctl -q domain create mine
$ nyxctl -q device add 03:00.0
$ nyxctl -q device attach 03:00.0 mine
$ nyxctl device release 03:00.0 --json
| {"device":{"device":"0000:03:00.0","domain":null,"did":null,"domain_name":null,"isolation":null,"state":null,"score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}}
$ nyxctl domain list --columns name
| NAME
| strict/0000:0a:00.0
| shared/odd
| mine

$ setup
$ nyxctl device list --json
| {"devices":[]}
$ nyxctl domain create net
| domain 1 (net) created
$ nyxctl domain create storage --shared
| domain 2 (storage) created
$ nyxctl device add 0000:03:00.0
| device 0000:03:00.0 added
$ nyxctl device add 03:00.0
! nyxctl: cannot add device 0000:03:00.0: the unit has the device already; 'nyxctl device show' shows its domain
? 1
$ nyxctl device add 03:00.0 --json
| {"error":{"code":"EEXIST","message":"cannot add device 0000:03:00.0: the unit has the device already; 'nyxctl device show' shows its domain","reason":"device-exists","field":"sbdf"}}
! nyxctl: cannot add device 0000:03:00.0: the unit has the device already; 'nyxctl device show' shows its domain
? 1
$ nyxctl device add 1:4:1f.7 --json
| {"device":{"device":"0001:04:1f.7","domain":null,"did":null,"domain_name":null,"isolation":null,"state":"active","score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}}
$ nyxctl device attach 03:00.0 net
| device 0000:03:00.0 attached to domain 1 (net)
$ nyxctl device attach 03:00.0 net
! nyxctl: cannot attach device 0000:03:00.0 to domain 1 (net): the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it
? 1
$ nyxctl device attach 03:00.0 storage
! nyxctl: cannot attach device 0000:03:00.0 to domain 2 (storage): the device is attached to a domain already; 'nyxctl device attach --replace' moves it, 'nyxctl device release' releases it
? 1
$ nyxctl device attach 0001:04:1f.7 net
! nyxctl: cannot attach device 0001:04:1f.7 to domain 1 (net): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl device attach 0001:04:1f.7 net --replace
! nyxctl: cannot attach device 0001:04:1f.7 to domain 1 (net): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl device attach 0001:04:1f.7 net --json
| {"error":{"code":"EBUSY","message":"cannot attach device 0001:04:1f.7 to domain 1 (net): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'","reason":"domain-strict","field":"domain_id"}}
! nyxctl: cannot attach device 0001:04:1f.7 to domain 1 (net): the domain is STRICT and has its device already; make a domain for many devices with 'nyxctl domain create --shared'
? 1
$ nyxctl device attach 0001:04:1f.7 none
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
$ nyxctl device attach 09:00.0 net
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device attach 0001:04:1f.7 storage
| device 0001:04:1f.7 attached to domain 2 (storage)
$ nyxctl device attach 03:00.0 storage --replace
| device 0000:03:00.0 attached to domain 2 (storage)
$ nyxctl device list
| DEVICE       DOMAIN DOMAIN-NAME STATE  FAULT-EVENTS
| 0000:03:00.0      2 storage     active            0
| 0001:04:1f.7      2 storage     active            0
$ nyxctl device list --json
| {"devices":[
| {"device":"0000:03:00.0","domain":2,"did":null,"domain_name":"storage","isolation":"shared","state":"active","score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null},
| {"device":"0001:04:1f.7","domain":2,"did":null,"domain_name":"storage","isolation":"shared","state":"active","score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}
| ]}
$ nyxctl device list -o raw
| 0000:03:00.0 2 - storage shared active 0 0 - 0 no no no 0 -
| 0001:04:1f.7 2 - storage shared active 0 0 - 0 no no no 0 -
$ nyxctl device show 03:00.0
| device                0000:03:00.0
| domain                2
| did                   -
| domain name           storage
| isolation             shared
| state                 active
| score                 0
| tries                 0
| next change           -
| quarantined accesses  0
| held                  no
| own policy            no
| limited               no
| fault events          0
| last fault            -
$ nyxctl device show 03:00.0 --json
| {"device":{"device":"0000:03:00.0","domain":2,"did":null,"domain_name":"storage","isolation":"shared","state":"active","score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}}
$ nyxctl device show 09:00.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device detach 03:00.0
| device 0000:03:00.0 detached
$ nyxctl device detach 03:00.0
! nyxctl: cannot detach device 0000:03:00.0: the device is not attached to a domain
? 3
$ nyxctl device detach 09:00.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device list --columns device,domain
| DEVICE       DOMAIN
| 0000:03:00.0      -
| 0001:04:1f.7      2
$ nyxctl device remove 03:00.0
| device 0000:03:00.0 removed
$ nyxctl device remove 03:00.0
! nyxctl: cannot remove device 0000:03:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device remove 1:4:1f.7 --json
| {"device":{"device":"0001:04:1f.7","domain":null,"did":null,"domain_name":null,"isolation":null,"state":null,"score":0,"tries":0,"next_change_ns":null,"next_change":null,"quarantined_accesses":0,"held":false,"own_policy":false,"limited":false,"fault_events":0,"last_fault_ns":null,"last_fault":null}}
$ nyxctl device list

$ setup
$ nyxctl domain list --json
| {"domains":[]}
$ nyxctl domain create
| domain 1 created
$ nyxctl domain create net --page-sizes 4K,2M
| domain 2 (net) created
$ nyxctl domain create net
! nyxctl: cannot create the domain: the unit has a domain of this name already; 'nyxctl domain list' shows all
? 1
$ nyxctl domain create storage --shared --batched --format amdv1 --address-width 40 --page-sizes 4K,64K,2M
| domain 3 (storage) created
$ nyxctl domain create wide --format x86 --id 77 --json --columns id,name,kind,isolation,format,address_width,page_sizes,batched
| {"domain":{"id":77,"name":"wide","kind":"paging","isolation":"strict","format":"x86","address_width":48,"page_sizes":["4K","2M","1G"],"batched":false}}
$ nyxctl domain create other --id 77
! nyxctl: cannot create the domain: the unit has a domain with this id already; 'nyxctl domain list' shows all
? 1
$ nyxctl domain create id --kind identity --shared
| domain 4 (id) created
$ nyxctl domain create no --kind blocked
| domain 5 (no) created
$ nyxctl domain create bad --format x86 --page-sizes 4K,64K
! nyxctl: cannot create the domain: the page-table format cannot use these page sizes together
? 1
$ nyxctl domain create bad --address-width 57
! nyxctl: cannot create the domain: the address width is above that of the unit
? 1
$ nyxctl domain create bad --address-width 40
! nyxctl: cannot create the domain: the page-table format does not support this address width
? 1
$ nyxctl domain list
| ID NAME    KIND     ISOLATION FORMAT DEVICES MAPPED FAULT-EVENTS
|  1 -       paging   strict    vtdss        0      0            0
|  2 net     paging   strict    vtdss        0      0            0
|  3 storage paging   shared    amdv1        0      0            0
|  4 id      identity shared    -            0      0            0
|  5 no      blocked  strict    -            0      0            0
| 77 wide    paging   strict    x86          0      0            0
$ nyxctl domain list -v --columns id,name,address_width,batched
| ID NAME    ADDRESS-WIDTH BATCHED
|  1 -                  48 no
|  2 net                48 no
|  3 storage            40 yes
|  4 id                  - no
|  5 no                  - no
| 77 wide               48 no
$ nyxctl domain list --json --columns id,name,kind,isolation,format,address_width,page_sizes,batched,devices,mapped_bytes,fault_events
| {"domains":[
| {"id":1,"name":null,"kind":"paging","isolation":"strict","format":"vtdss","address_width":48,"page_sizes":["4K","2M","1G"],"batched":false,"devices":0,"mapped_bytes":0,"fault_events":0},
| {"id":2,"name":"net","kind":"paging","isolation":"strict","format":"vtdss","address_width":48,"page_sizes":["4K","2M"],"batched":false,"devices":0,"mapped_bytes":0,"fault_events":0},
| {"id":3,"name":"storage","kind":"paging","isolation":"shared","format":"amdv1","address_width":40,"page_sizes":["4K","64K","2M"],"batched":true,"devices":0,"mapped_bytes":0,"fault_events":0},
| {"id":4,"name":"id","kind":"identity","isolation":"shared","format":null,"address_width":null,"page_sizes":null,"batched":false,"devices":0,"mapped_bytes":0,"fault_events":0},
| {"id":5,"name":"no","kind":"blocked","isolation":"strict","format":null,"address_width":null,"page_sizes":null,"batched":false,"devices":0,"mapped_bytes":0,"fault_events":0},
| {"id":77,"name":"wide","kind":"paging","isolation":"strict","format":"x86","address_width":48,"page_sizes":["4K","2M","1G"],"batched":false,"devices":0,"mapped_bytes":0,"fault_events":0}
| ]}
$ nyxctl domain list -o raw --columns id,name,kind,page_sizes
| 1 - paging 4K,2M,1G
| 2 net paging 4K,2M
| 3 storage paging 4K,64K,2M
| 4 id identity -
| 5 no blocked -
| 77 wide paging 4K,2M,1G
$ nyxctl domain show net --columns id,name,kind,isolation,format,address_width,page_sizes,devices,mapped_bytes
| id             2
| name           net
| kind           paging
| isolation      strict
| format         vtdss
| address width  48
| page sizes     4K,2M
| devices        0
| mapped         0
$ nyxctl domain show 77 -o raw --columns id,name
| id 77
| name wide
$ nyxctl domain show none
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
$ nyxctl domain show 99 --json
| {"error":{"code":"ENOENT","message":"unit 'golden' has no domain '99'; 'nyxctl domain list' shows all","reason":"no-such-domain","field":null}}
! nyxctl: unit 'golden' has no domain '99'; 'nyxctl domain list' shows all
? 3
$ nyxctl domain show 0
! nyxctl: unit 'golden' has no domain '0'; 'nyxctl domain list' shows all
? 3
# With devices.
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 net
$ nyxctl domain destroy net
! nyxctl: cannot destroy domain 2 (net): the domain has devices; detach them first
? 1
$ nyxctl -q device add 4:0.0
$ nyxctl -q device add 5:0.0
$ nyxctl -q device attach 4:0.0 storage
$ nyxctl -q device attach 5:0.0 storage
$ nyxctl domain destroy storage
! nyxctl: cannot destroy domain 3 (storage): the domain has devices; detach them first
? 1
$ nyxctl domain destroy storage --json
| {"error":{"code":"EBUSY","message":"cannot destroy domain 3 (storage): the domain has devices; detach them first","reason":"domain-has-devices","field":"domain_id"}}
! nyxctl: cannot destroy domain 3 (storage): the domain has devices; detach them first
? 1
$ nyxctl -q device remove 3:0.0
$ nyxctl domain destroy net
| domain 2 (net) destroyed
$ nyxctl -q domain destroy 1
$ nyxctl domain destroy net
! nyxctl: unit 'golden' has no domain 'net'; 'nyxctl domain list' shows all
? 3
$ nyxctl domain list --columns id,name,devices
| ID NAME    DEVICES
|  3 storage       2
|  4 id            0
|  5 no            0
| 77 wide          0

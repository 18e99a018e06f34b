# Errors of the command line: one line, exit status 2. No module is needed.
$ nyxctl
! nyxctl: a command is missing; see 'nyxctl --help'
? 2
$ nyxctl nonsense
! nyxctl: unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, fault, event, stat
? 2
$ nyxctl unit
! nyxctl: unit: a verb is missing, one of: create, run, list, show, status, keep, destroy
? 2
$ nyxctl unit nonsense
! nyxctl: unit: unknown verb 'nonsense', not one of: create, run, list, show, status, keep, destroy
? 2
$ nyxctl uni list
! nyxctl: unknown object 'uni', not one of: module, unit, memory, domain, device, map, iotlb, dma, fault, event, stat
? 2
$ nyxctl unit lis
! nyxctl: unit: unknown verb 'lis', not one of: create, run, list, show, status, keep, destroy
? 2
$ nyxctl --nonsense
! nyxctl: unknown option '--nonsense'; see 'nyxctl --help'
? 2
$ nyxctl -z unit list
! nyxctl: unknown option '-z'; see 'nyxctl --help'
? 2
$ nyxctl unit list --nonsense
! nyxctl: unit list: unknown option '--nonsense'; see 'nyxctl unit list --help'
? 2
$ nyxctl unit list -z
! nyxctl: unit list: unknown option '-z'; see 'nyxctl unit list --help'
? 2
$ nyxctl unit list -qz
! nyxctl: unit list: unknown option '-z'; see 'nyxctl unit list --help'
? 2
# Full words only.
$ nyxctl unit list --js
! nyxctl: unit list: unknown option '--js'; see 'nyxctl unit list --help'
? 2
$ nyxctl unit create x --iotl 4
! nyxctl: unit create: unknown option '--iotl'; see 'nyxctl unit create --help'
? 2
$ nyxctl unit list --json=yes
! nyxctl: unit list: unknown option '--json=yes'; see 'nyxctl unit list --help'
? 2
$ nyxctl unit list --output
! nyxctl: unit list: option '--output' needs an argument
? 2
$ nyxctl unit list -o
! nyxctl: unit list: option '-o' needs an argument
? 2
$ nyxctl unit list -o xml
! nyxctl: --output 'xml' is not one of: table, json, raw
? 2
$ nyxctl unit list --output=
! nyxctl: --output '' is not one of: table, json, raw
? 2
$ nyxctl unit list too many
! nyxctl: unit list: 'too' is one argument too many; see 'nyxctl unit list --help'
? 2
$ nyxctl unit list --columns nonsense
! nyxctl: unit list: unknown column 'nonsense'; see 'nyxctl unit list --help'
? 2
$ nyxctl unit list --columns id,,name
! nyxctl: unit list: unknown column ''; see 'nyxctl unit list --help'
? 2
$ nyxctl unit run x --columns id -- true
! nyxctl: unit run: there are no columns
? 2
$ nyxctl map add
! nyxctl: map add: DOMAIN is missing: the domain, by name or id
? 2
$ nyxctl unit run
! nyxctl: unit run: '-- COMMAND' is missing: the command and its arguments; its exit status is nyxctl's
? 2
$ nyxctl unit run x --
! nyxctl: unit run: '-- COMMAND' is missing: the command and its arguments; its exit status is nyxctl's
? 2
$ nyxctl domain list
! nyxctl: which unit? Name it with --unit or in NYX_UNIT; 'nyxctl unit list' shows all
? 2
$ nyxctl help nonsense
! nyxctl: unknown object 'nonsense'; see 'nyxctl --help'
? 2
$ nyxctl help unit nonsense
! nyxctl: unit: unknown verb 'nonsense'; see 'nyxctl unit --help'
? 2
# In the wanted form, too.
$ nyxctl -j nonsense
| {"error":{"code":"USAGE","message":"unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, fault, event, stat"}}
! nyxctl: unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, fault, event, stat
? 2
$ nyxctl unit lis --json
| {"error":{"code":"USAGE","message":"unit: unknown verb 'lis', not one of: create, run, list, show, status, keep, destroy"}}
! nyxctl: unit: unknown verb 'lis', not one of: create, run, list, show, status, keep, destroy
? 2
$ nyxctl -o json unit list --nonsense
| {"error":{"code":"USAGE","message":"unit list: unknown option '--nonsense'; see 'nyxctl unit list --help'"}}
! nyxctl: unit list: unknown option '--nonsense'; see 'nyxctl unit list --help'
? 2
$ nyxctl --output=json unit list -z
| {"error":{"code":"USAGE","message":"unit list: unknown option '-z'; see 'nyxctl unit list --help'"}}
! nyxctl: unit list: unknown option '-z'; see 'nyxctl unit list --help'
? 2

# Numbers.
$ nyxctl unit create x --iotlb many
! nyxctl: --iotlb 'many' is not a number; write it like 4096, 0x1000 or 4K
? 2
$ nyxctl unit create x --iotlb -1
! nyxctl: --iotlb '-1' is not a number; write it like 4096, 0x1000 or 4K
? 2
$ nyxctl unit create x --iotlb ' 1'
! nyxctl: --iotlb ' 1' is not a number; write it like 4096, 0x1000 or 4K
? 2
$ nyxctl unit create x --iotlb 0x
! nyxctl: --iotlb '0x' is not a number; write it like 4096, 0x1000 or 4K
? 2
$ nyxctl unit create x --iotlb 4KB
! nyxctl: --iotlb '4KB' is not a number; write it like 4096, 0x1000 or 4K
? 2
$ nyxctl unit create x --iotlb 2M
! nyxctl: --iotlb '2M' is too large; at most 1048576
? 2
$ nyxctl unit create x --iotlb 99999999999
! nyxctl: --iotlb '99999999999' does not fit in 32 bits
? 2
$ nyxctl unit create x --iotlb 99999999999999999999
! nyxctl: --iotlb '99999999999999999999' does not fit in 64 bits
? 2
$ nyxctl unit create x --address-width 31
! nyxctl: --address-width must be 32 to 64
? 2
$ nyxctl unit create x --address-width 65
! nyxctl: --address-width '65' is too large; at most 64
? 2
$ nyxctl unit create x --events 8
! nyxctl: --events must be 16 to 65536
? 2
$ nyxctl -u x map add net 0x1001 0 4K
! nyxctl: IOVA '0x1001' is not a multiple of 4096
? 2
$ nyxctl -u x map add net 0x1000 0x800 4K
! nyxctl: GPA '0x800' is not a multiple of 4096
? 2
$ nyxctl -u x map add net 0 0 0
! nyxctl: LENGTH must not be 0
? 2
$ nyxctl -u x map add net 0 0 100
! nyxctl: LENGTH '100' is not a multiple of 4096
? 2
$ nyxctl -u x map add net 16777216T 0 4K
! nyxctl: IOVA '16777216T' does not fit in 64 bits
? 2
$ nyxctl -u x map add net 0 0 4K --prot x
! nyxctl: --prot 'x' is not one of: r, w, rw
? 2
$ nyxctl -u x map add net 0 0
! nyxctl: map add needs IOVA GPA LENGTH, or --from FILE
? 2
$ nyxctl -u x map add net
! nyxctl: map add needs IOVA GPA LENGTH, or --from FILE
? 2
$ nyxctl -u x map add net 0 0 4K --from file
! nyxctl: name a range or --from FILE, not both
? 2
$ nyxctl -u x map remove net 0 4K --all
! nyxctl: --all takes no range
? 2
$ nyxctl -u x map remove net 0
! nyxctl: map remove needs IOVA LENGTH, or --from FILE, or --all
? 2
$ nyxctl -u x map list net --count x
! nyxctl: --count 'x' is not a number; write it like 4096, 0x1000 or 4K
? 2

# Names.
$ nyxctl unit create 12
! nyxctl: the name '12' would be taken for an id; add a letter
? 2
$ nyxctl unit create ''
! nyxctl: the name is empty
? 2
$ nyxctl unit create 'a b'
! nyxctl: the name 'a b' is wrong; use letters, digits and '._:-' only
? 2
$ nyxctl unit create a/b
! nyxctl: the name 'a/b' is wrong; use letters, digits and '._:-' only
? 2
$ nyxctl unit create 0123456789012345678901234567890x
! nyxctl: the name '0123456789012345678901234567890x' is too long; use at most 31 characters
? 2
$ nyxctl -u x domain create 7
! nyxctl: the name '7' would be taken for an id; add a letter
? 2
$ nyxctl -u x domain create 'a b'
! nyxctl: the name 'a b' is wrong; use letters, digits and '._:-/' only
? 2

# Devices.
$ nyxctl -u x device add 3
! nyxctl: '3' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl -u x device add 3:0
! nyxctl: '3:0' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl -u x device add 3:0.8
! nyxctl: '3:0.8' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl -u x device add 100:0.0
! nyxctl: '100:0.0' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl -u x device assign 3:0.0 lonely
! nyxctl: KIND 'lonely' is not one of: strict, shared, unmanaged
? 2
$ nyxctl -u x device assign 3:0.0 strict,group=a
! nyxctl: KIND takes a group like this: shared,group=NAME
? 2
$ nyxctl -u x device assign 3:0.0 shared,group=
! nyxctl: KIND takes a group like this: shared,group=NAME
? 2
$ nyxctl -u x device assign 3:0.0 shared,nonsense
! nyxctl: KIND takes a group like this: shared,group=NAME
? 2
$ nyxctl -u x device assign 3:0.0 shared,group=0123456789012345678901234
! nyxctl: the group '0123456789012345678901234' is too long; use at most 24 characters
? 2
$ nyxctl -u x device assign 3:0.0 'shared,group=a b'
! nyxctl: the group 'a b' is wrong; use letters, digits and '._:-/' only
? 2
$ nyxctl -u x device translate 3:0.0 0 0
! nyxctl: LENGTH must not be 0
? 2
$ nyxctl -u x device translate 3:0.0 0 --access x
! nyxctl: --access 'x' is not one of: r, w, rw
? 2

# Memory and domains.
$ nyxctl -u x memory add
! nyxctl: memory add needs --memfd SIZE or --file PATH
? 2
$ nyxctl -u x memory add --memfd 1M --file f
! nyxctl: memory add needs --memfd SIZE or --file PATH
? 2
$ nyxctl -u x memory add --memfd 1M --offset 4K
! nyxctl: --offset and --length go with --file
? 2
$ nyxctl -u x memory add --file f --huge 2M
! nyxctl: --huge goes with --memfd; a file on hugetlbfs is huge by itself
? 2
$ nyxctl -u x memory add --memfd 1M --huge 4M
! nyxctl: --huge '4M' is not one of: 2M, 1G
? 2
$ nyxctl -u x memory add --memfd 1M --gpa 1
! nyxctl: --gpa '1' is not a multiple of 4096
? 2
$ nyxctl -u x domain create --kind nonsense
! nyxctl: --kind 'nonsense' is not one of: paging, identity, blocked
? 2
$ nyxctl -u x domain create --kind identity --format x86
! nyxctl: --format, --address-width and --page-sizes go with --kind paging
? 2
$ nyxctl -u x domain create --page-sizes 2M
! nyxctl: --page-sizes '2M' must contain 4K
? 2
$ nyxctl -u x domain create --page-sizes 4K,3M
! nyxctl: --page-sizes '4K,3M' is wrong: '3M' is not a page size; write it like 4K,2M
? 2
$ nyxctl -u x domain create --page-sizes 4K,
! nyxctl: --page-sizes '4K,' is wrong: '' is not a page size; write it like 4K,2M
? 2
$ nyxctl -u x domain create --id 0
! nyxctl: --id must be 1 to 65535
? 2
$ nyxctl -u x domain create --id 65536
! nyxctl: --id must be 1 to 65535
? 2

# DMA.
$ nyxctl -u x dma read 3:0.0 0 0
! nyxctl: LENGTH must not be 0
? 2
$ nyxctl -u x dma write 3:0.0 0
! nyxctl: dma write needs --from FILE or --data HEX
? 2
$ nyxctl -u x dma write 3:0.0 0 --data 00 --from f
! nyxctl: dma write needs --from FILE or --data HEX
? 2
$ nyxctl -u x dma write 3:0.0 0 --data 00 --length 1
! nyxctl: --length goes with --from
? 2
$ nyxctl -u x dma write 3:0.0 0 --data 0
! nyxctl: --data '0' is not data; write two hexadecimal digits a byte, like 00ff
? 2
$ nyxctl -u x dma write 3:0.0 0 --data 0g
! nyxctl: --data '0g' is not data; write two hexadecimal digits a byte, like 00ff
? 2
$ nyxctl -u x dma write 3:0.0 0 --data ''
! nyxctl: --data '' is not data; write two hexadecimal digits a byte, like 00ff
? 2
$ nyxctl -u x dma fill 3:0.0 0 6 0 --width 4
! nyxctl: LENGTH must be a multiple of --width, and not 0
? 2
$ nyxctl -u x dma fill 3:0.0 0 8 --width 3
! nyxctl: --width '3' is not one of: 1, 2, 4, 8
? 2
$ nyxctl -u x dma cas 3:0.0 0 1 2 --width 2
! nyxctl: --width '2' is not one of: 4, 8
? 2
$ nyxctl -u x dma cas 3:0.0 4 1 2
! nyxctl: IOVA must be a multiple of --width, 8
? 2
$ nyxctl -u x dma swap 3:0.0 0 0x100000000 --width 4
! nyxctl: VALUE '0x100000000' does not fit in 4 bytes
? 2

# Scopes and times.
$ nyxctl -u x iotlb invalidate
! nyxctl: iotlb invalidate: SCOPE is missing: unit, domain, device or range
? 2
$ nyxctl -u x iotlb invalidate all
! nyxctl: SCOPE 'all' is not one of: unit, domain, device, range
? 2
$ nyxctl -u x iotlb invalidate unit x
! nyxctl: iotlb invalidate: write 'unit', 'domain DOMAIN', 'device DEVICE' or 'range DOMAIN IOVA LENGTH'
? 2
$ nyxctl -u x iotlb invalidate domain
! nyxctl: iotlb invalidate: write 'unit', 'domain DOMAIN', 'device DEVICE' or 'range DOMAIN IOVA LENGTH'
? 2
$ nyxctl -u x iotlb invalidate range net 0
! nyxctl: iotlb invalidate: write 'unit', 'domain DOMAIN', 'device DEVICE' or 'range DOMAIN IOVA LENGTH'
? 2
$ nyxctl -u x stat show device
! nyxctl: stat show: write 'unit', 'domain DOMAIN' or 'device DEVICE'
? 2
$ nyxctl -u x stat show unit x
! nyxctl: stat show: write 'unit', 'domain DOMAIN' or 'device DEVICE'
? 2
$ nyxctl -u x event monitor --timeout soon
! nyxctl: --timeout 'soon' is not a time; write seconds, like 5 or 0.5
? 2
$ nyxctl -u x event monitor --timeout -1
! nyxctl: --timeout '-1' is not a time; write seconds, like 5 or 0.5
? 2
$ nyxctl -u x event monitor --count 0
! nyxctl: --count must not be 0
? 2
$ nyxctl -u x fault list --device x
! nyxctl: 'x' is not a device; write it like 0000:03:00.0
? 2

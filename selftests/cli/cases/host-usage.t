# Errors of the command line: one line, exit status 2. No module is needed.
$ nyxctl
! nyxctl: a command is missing; see 'nyxctl --help'
? 2
$ nyxctl nonsense
! nyxctl: unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
? 2
$ nyxctl unit
! nyxctl: unit: a verb is missing, one of: create, run, list, show, status, policy, reset, persist, destroy
? 2
$ nyxctl unit nonsense
! nyxctl: unit: unknown verb 'nonsense', not one of: create, run, list, show, status, policy, reset, persist, destroy
? 2
$ nyxctl uni list
! nyxctl: unknown object 'uni'; did you mean 'unit'?
? 2
$ nyxctl unit lis
! nyxctl: unit: unknown verb 'lis'; did you mean 'list'?
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
$ for words in 'list unit' '-u vm1 create domain' 'list nonsense' 'unit unit'; do nyxctl $words; done
! nyxctl: unknown object 'list'; the object comes first: 'nyxctl unit list'
! nyxctl: unknown object 'create'; the object comes first: 'nyxctl domain create'
! nyxctl: unknown object 'list', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
! nyxctl: unit: unknown verb 'unit', not one of: create, run, list, show, status, policy, reset, persist, destroy
? 2
# nyxctl suggests a word that is close to the unknown one, and no other.
$ for word in uint uni dvice deviec domian memoyr i xx units verion; do nyxctl $word list; done
! nyxctl: unknown object 'uint'; did you mean 'unit'?
! nyxctl: unknown object 'uni'; did you mean 'unit'?
! nyxctl: unknown object 'dvice'; did you mean 'device'?
! nyxctl: unknown object 'deviec'; did you mean 'device'?
! nyxctl: unknown object 'domian'; did you mean 'domain'?
! nyxctl: unknown object 'memoyr'; did you mean 'memory'?
! nyxctl: unknown object 'i', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
! nyxctl: unknown object 'xx', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
! nyxctl: unknown object 'units'; did you mean 'unit'?
! nyxctl: unknown object 'verion'; did you mean 'version'?
? 2
$ for word in lsit crate destory shwo pol quarantine; do nyxctl unit $word; done
! nyxctl: unit: unknown verb 'lsit'; did you mean 'list'?
! nyxctl: unit: unknown verb 'crate'; did you mean 'create'?
! nyxctl: unit: unknown verb 'destory'; did you mean 'destroy'?
! nyxctl: unit: unknown verb 'shwo'; did you mean 'show'?
! nyxctl: unit: unknown verb 'pol'; did you mean 'policy'?
! nyxctl: unit: unknown verb 'quarantine', not one of: create, run, list, show, status, policy, reset, persist, destroy
? 2
$ for word in --ouptut --node-path --quite --modle; do nyxctl unit create x $word; done
! nyxctl: unit create: unknown option '--ouptut'; did you mean '--output'?
! nyxctl: unit create: unknown option '--node-path'; see 'nyxctl unit create --help'
! nyxctl: unit create: unknown option '--quite'; did you mean '--quiet'?
! nyxctl: unit create: unknown option '--modle'; did you mean '--model'?
? 2
$ nyxctl --versoin
! nyxctl: unknown option '--versoin'; did you mean '--version'?
? 2
$ nyxctl unit list --columns nmae,id
! nyxctl: unit list: unknown column 'nmae'; did you mean 'name'?
? 2
$ nyxctl help untis
! nyxctl: unknown object 'untis'; did you mean 'unit'?
? 2
$ nyxctl help unit lsit
! nyxctl: unit: unknown verb 'lsit'; did you mean 'list'?
? 2
# Full words only.
$ nyxctl unit list --js
! nyxctl: unit list: unknown option '--js'; did you mean '--json'?
? 2
$ nyxctl unit create x --iotl 4
! nyxctl: unit create: unknown option '--iotl'; did you mean '--iotlb'?
? 2
$ nyxctl unit list --json=yes
! nyxctl: unit list: unknown option '--json=yes'; did you mean '--json'?
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
! nyxctl: map add: DOMAIN is missing: the domain, by name, id or one of its devices
? 2
$ nyxctl unit run
! nyxctl: unit run: '-- COMMAND' is missing: the command and its arguments; its exit status is nyxctl's
? 2
$ nyxctl unit run x --
! nyxctl: unit run: '-- COMMAND' is missing: the command and its arguments; its exit status is nyxctl's
? 2
$ nyxctl domain list
! nyxctl: no unit given; use --unit or set NYX_UNIT; 'nyxctl unit list' shows all
? 2
$ nyxctl help nonsense
! nyxctl: unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
? 2
$ nyxctl help unit nonsense
! nyxctl: unit: unknown verb 'nonsense', not one of: create, run, list, show, status, policy, reset, persist, destroy
? 2
# Errors also come in the form of --output.
$ nyxctl -j nonsense
| {"error":{"code":"USAGE","message":"unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help","reason":null,"field":null}}
! nyxctl: unknown object 'nonsense', not one of: module, unit, memory, domain, device, map, iotlb, dma, irq, mmio, page, view, target, fault, event, stat, walk, migrate, vfio, version, help
? 2
$ nyxctl unit lis --json
| {"error":{"code":"USAGE","message":"unit: unknown verb 'lis'; did you mean 'list'?","reason":null,"field":null}}
! nyxctl: unit: unknown verb 'lis'; did you mean 'list'?
? 2
$ nyxctl -o json unit list --nonsense
| {"error":{"code":"USAGE","message":"unit list: unknown option '--nonsense'; see 'nyxctl unit list --help'","reason":null,"field":null}}
! nyxctl: unit list: unknown option '--nonsense'; see 'nyxctl unit list --help'
? 2
$ nyxctl --output=json unit list -z
| {"error":{"code":"USAGE","message":"unit list: unknown option '-z'; see 'nyxctl unit list --help'","reason":null,"field":null}}
! nyxctl: unit list: unknown option '-z'; see 'nyxctl unit list --help'
? 2

# Numbers.
$ nyxctl unit create x --iotlb many
! nyxctl: --iotlb 'many' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl unit create x --iotlb -1
! nyxctl: --iotlb '-1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl unit create x --iotlb ' 1'
! nyxctl: --iotlb ' 1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl unit create x --iotlb 0x
! nyxctl: --iotlb '0x' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ for n in 0x0x1 0X0x1 0x10K 0x1g 1b 1Kbit 4k4 1. .5K 1.K 1.5.5K +1 1e3 0b1; do nyxctl unit create x --iotlb $n; done
! nyxctl: --iotlb '0x0x1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '0X0x1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '0x10K' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '0x1g' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1b' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1Kbit' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '4k4' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1.' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '.5K' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1.K' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1.5.5K' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '+1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '1e3' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: --iotlb '0b1' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl unit create x --iotlb 1.3K
! nyxctl: --iotlb '1.3K' is not a whole number
? 2
$ nyxctl unit create x --iotlb 0.5
! nyxctl: --iotlb '0.5' is not a whole number
? 2
$ nyxctl unit create x --iotlb 18446744073709551616
! nyxctl: --iotlb '18446744073709551616' does not fit in 64 bits
? 2
$ nyxctl unit create x --iotlb 0x10000000000000000
! nyxctl: --iotlb '0x10000000000000000' does not fit in 64 bits
? 2
$ nyxctl unit create x --iotlb 16E
! nyxctl: --iotlb '16E' does not fit in 64 bits
? 2
$ nyxctl unit create x --iotlb 18446744073709551615.5K
! nyxctl: --iotlb '18446744073709551615.5K' does not fit in 64 bits
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
! nyxctl: --count 'x' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2

# Names.
$ nyxctl unit create 12
! nyxctl: the name '12' would be taken for an id; use a name that is not a number
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
! nyxctl: the name '7' would be taken for an id; use a name that is not a number
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
! nyxctl: write the group of KIND like shared,group=NAME
? 2
$ nyxctl -u x device assign 3:0.0 shared,group=
! nyxctl: write the group of KIND like shared,group=NAME
? 2
$ nyxctl -u x device assign 3:0.0 shared,nonsense
! nyxctl: write the group of KIND like shared,group=NAME
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
! nyxctl: --offset and --length need --file
? 2
$ nyxctl -u x memory add --file f --huge 2M
! nyxctl: --huge needs --memfd; a file on hugetlbfs has huge pages anyway
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
! nyxctl: --format, --address-width, --page-sizes and --oracle need --kind paging
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
! nyxctl: --length needs --from
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
$ for t in 1x 1S 1us '1 s' 1.s .5s 0x10 1m30s; do nyxctl -u x event monitor --timeout "$t"; done
! nyxctl: --timeout '1x' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '1S' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '1us' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '1 s' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '1.s' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '.5s' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '0x10' is not a time; write it like 2s, 500ms, 1.5m or 1h
! nyxctl: --timeout '1m30s' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl -u x event monitor --timeout 0.5ms
! nyxctl: --timeout '0.5ms' is not a whole number of milliseconds
? 2
$ nyxctl -u x event monitor --timeout 300000000000d
! nyxctl: --timeout '300000000000d' is too long
? 2
$ nyxctl -u x event monitor --timeout soon
! nyxctl: --timeout 'soon' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl -u x event monitor --timeout -1
! nyxctl: --timeout '-1' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl -u x event monitor --count 0
! nyxctl: --count must not be 0
? 2
$ nyxctl -u x fault list --device x
! nyxctl: 'x' is not a device; write it like 0000:03:00.0
? 2

# Interrupts.
$ nyxctl -u x irq setup on
! nyxctl: MODE 'on' is not one of: x2apic, xapic, compat, off
? 2
$ nyxctl -u x irq set
! nyxctl: irq set: INDEX is missing: index of the entry
? 2
$ nyxctl -u x irq set 5
! nyxctl: irq set: VECTOR is missing: 16 to 255
? 2
$ nyxctl -u x irq set 5 15
! nyxctl: VECTOR must be 16 to 255
? 2
$ nyxctl -u x irq set 5 256
! nyxctl: VECTOR must be 16 to 255
? 2
$ nyxctl -u x irq set 65536 0x40
! nyxctl: INDEX must be 0 to 65535
? 2
$ nyxctl -u x irq set 5 0x40 --delivery fast
! nyxctl: --delivery 'fast' is not one of: fixed, lowest, smi, nmi, init, extint
? 2
$ nyxctl -u x irq set 5 0x40 --source 3
! nyxctl: '3' is not a device; write it like 0000:03:00.0
? 2
$ nyxctl -u x irq set 5 0x40 --source 3:0.0 --buses 00-1f
! nyxctl: --source and --buses cannot be combined
? 2
$ nyxctl -u x irq set 5 0x40 --mask 4
! nyxctl: --mask needs --source
? 2
$ nyxctl -u x irq set 5 0x40 --source 3:0.0 --mask 3
! nyxctl: --mask '3' is not one of: 0, 4, 6, 7
? 2
$ nyxctl -u x irq set 5 0x40 --buses 1f
! nyxctl: --buses '1f' is wrong; write it like 00-1f or 0000:00-1f
? 2
$ nyxctl -u x irq set 5 0x40 --buses 0-1fx
! nyxctl: --buses '0-1fx' is wrong; write it like 00-1f or 0000:00-1f
? 2
$ nyxctl -u x irq set 5 0x40 --buses 0:00-' 1'
! nyxctl: --buses '0:00- 1' is wrong; write it like 00-1f or 0000:00-1f
? 2
$ nyxctl -u x irq set 5 0x40 --buses 1f-00
! nyxctl: --buses '1f-00': the last bus is below the first
? 2
$ nyxctl -u x irq set 5 0x40 --posted 0x20
! nyxctl: --posted '0x20' is not a multiple of 64
? 2
$ nyxctl -u x irq set 5 0x40 --posted 0x40 --dest 1
! nyxctl: --dest, --delivery, --logical, --level and --hint cannot be combined with --posted, whose descriptor names the destination
? 2
$ nyxctl -u x irq set 5 0x40 --urgent
! nyxctl: --urgent needs --posted
? 2
$ nyxctl -u x irq clear 0 0
! nyxctl: NUMBER must not be 0
? 2
$ nyxctl -u x irq send 3:0.0
! nyxctl: irq send needs ADDRESS DATA, or --index INDEX
? 2
$ nyxctl -u x irq send 3:0.0 0xfee00000
! nyxctl: irq send needs ADDRESS DATA, or --index INDEX
? 2
$ nyxctl -u x irq send 3:0.0 0xfee00000 0 --index 5
! nyxctl: irq send needs ADDRESS DATA, or --index INDEX
? 2
$ nyxctl -u x irq send 3:0.0 --index 65536
! nyxctl: --index must be 0 to 65535
? 2

# Policies.
$ nyxctl -u x unit policy --threshold 0
! nyxctl: --threshold must be 1 to 1000000
? 2
$ nyxctl -u x unit policy --threshold 1000001
! nyxctl: --threshold must be 1 to 1000000
? 2
$ nyxctl --node /dev/nyx-none -u x unit policy --window 10
! nyxctl: cannot open /dev/nyx-none: there is no such file; leave out --node for /dev/nyx-iommu
? 6
$ nyxctl -u x unit policy --window 10x
! nyxctl: --window '10x' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl -u x unit policy --window -1s
! nyxctl: --window '-1s' is not a time; write it like 2s, 500ms, 1.5m or 1h
? 2
$ nyxctl -u x unit policy --window 0
! nyxctl: --window must be 1ms to 1h
? 2
$ nyxctl -u x unit policy --window 2h
! nyxctl: --window must be 1ms to 1h
? 2
$ nyxctl -u x unit policy --action punish
! nyxctl: --action 'punish' is not one of: report, quarantine
? 2
$ nyxctl -u x unit policy --scope unit
! nyxctl: --scope 'unit' is not one of: device, domain
? 2
$ nyxctl -u x unit policy --recover maybe
! nyxctl: --recover 'maybe' is not one of: no, yes
? 2
$ nyxctl -u x unit policy --weight address
! nyxctl: --weight 'address' is wrong; write it like address=1,interrupt=5
? 2
$ nyxctl -u x unit policy --weight adress=1
! nyxctl: the class 'adress' is not one of: address, permission, table, memory, interrupt
? 2
$ nyxctl -u x unit policy --weight address=1,interrupt=1001
! nyxctl: the weight '1001' is too large; at most 1000
? 2
$ nyxctl -u x unit policy --weight address=
! nyxctl: the weight '' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl -u x unit policy --backoff 25h
! nyxctl: --backoff must be 1ms to 24h
? 2
$ nyxctl -u x unit policy --max-tries 1001
! nyxctl: --max-tries must be 1 to 1000
? 2
$ nyxctl -u x unit policy --records 0
! nyxctl: --records must be 1 to 4294967295
? 2
$ nyxctl -u x device policy 3:0.0 --inherit --threshold 5
! nyxctl: --inherit cannot be combined with another option
? 2
$ nyxctl -u x unit policy --inherit
! nyxctl: unit policy: unknown option '--inherit'; see 'nyxctl unit policy --help'
? 2

# Limits.
$ nyxctl -u x device limit 3:0.0 --bytes
! nyxctl: device limit: option '--bytes' needs an argument
? 2
$ nyxctl -u x device limit 3:0.0 --bytes much
! nyxctl: --bytes 'much' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl -u x device limit 3:0.0 --ops 1000T
! nyxctl: --ops '1000T' is too large; at most 1000000000000000
? 2
$ nyxctl -u x device limit 3:0.0 --burst 11s
! nyxctl: --burst must be 1ms to 10s
? 2
$ nyxctl -u x device limit 3:0.0 --none --ops 5
! nyxctl: --none cannot be combined with another option
? 2
$ nyxctl -u x unit create x --irt 65537
! nyxctl: --irt '65537' is too large; at most 65536
? 2
$ nyxctl -u x unit create x --irt 0
! nyxctl: --irt must be 1 to 65536
? 2

# Features.
$ nyxctl unit create x --features xapic
! nyxctl: --features needs --model vtd or amdvi
? 2
$ nyxctl unit create x --model native --features xapic
! nyxctl: --features needs --model vtd or amdvi
? 2
$ nyxctl unit create x --model vtd --features xapic,frob
! nyxctl: --features 'frob' is not one of: caching-mode, xapic, small-pages, posted
? 2
$ nyxctl unit create x --model vtd --features guest-apic
! nyxctl: --features 'guest-apic' is not one of: caching-mode, xapic, small-pages, posted
? 2
$ nyxctl unit create x --model vtd --features ''
! nyxctl: --features '' is not one of: caching-mode, xapic, small-pages, posted
? 2
$ nyxctl unit create x --model vtd --features xapic,
! nyxctl: --features '' is not one of: caching-mode, xapic, small-pages, posted
? 2
$ nyxctl unit run x --model amdvi --features posted -- true
! nyxctl: --features 'posted' is not one of: xapic, small-irtes, guest-apic, segments, prefetch, device-tlb
? 2
$ nyxctl unit create x --model amdvi --features guest-apic,small-irtes
! nyxctl: --features guest-apic needs large entries, not small-irtes
? 2

# Pages.
$ nyxctl -u x page request 3:0.0 0x1001
! nyxctl: IOVA '0x1001' is not a multiple of 4096
? 2
$ nyxctl -u x page request 3:0.0 0x1000 0
! nyxctl: PAGES must be 1 to 64
? 2
$ nyxctl -u x page request 3:0.0 0x1000 65
! nyxctl: PAGES must be 1 to 64
? 2
$ nyxctl -u x page request 3:0.0 0xfffffffffffff000 2
! nyxctl: IOVA '0xfffffffffffff000' and PAGES go beyond 64 bits
? 2
$ nyxctl -u x page request 3:0.0 0x1000 --access x
! nyxctl: --access 'x' is not one of: r, w, rw
? 2
$ nyxctl -u x page request 3:0.0 0x1000 --timeout 11m
! nyxctl: --timeout must be 1ms to 10m
? 2
$ nyxctl -u x page respond 7
! nyxctl: page respond: RESPONSE is missing: success, invalid or failure
? 2
$ nyxctl -u x page respond 7 timeout
! nyxctl: RESPONSE 'timeout' is not one of: success, invalid, failure
? 2
# Walks: an object that is its own verb.
$ nyxctl -u x walk
! nyxctl: walk: use --format FORMAT --root GPA, or --device DEVICE
? 2
$ nyxctl -u x walk --format vtdss
! nyxctl: walk: use --format FORMAT --root GPA, or --device DEVICE
? 2
$ nyxctl -u x walk --root 0
! nyxctl: walk: use --format FORMAT --root GPA, or --device DEVICE
? 2
$ nyxctl -u x walk --format ia64 --root 0
! nyxctl: --format 'ia64' is not one of: vtdss, x86, amdv1
? 2
$ nyxctl -u x walk --format vtdss --root 0x123
! nyxctl: --root '0x123' is not a multiple of 4096
? 2
$ nyxctl -u x walk --format vtdss --root 0 --levels 0
! nyxctl: --levels must be 1 to 6
? 2
$ nyxctl -u x walk --format vtdss --root 0 --levels 7
! nyxctl: --levels must be 1 to 6
? 2
$ nyxctl -u x walk --format vtdss --root 0 --iova here
! nyxctl: --iova 'here' is not a number; write it like 4096, 0x1000, 4K or 1.5G
? 2
$ nyxctl -u x walk --format vtdss --root 0 --access x
! nyxctl: --access 'x' is not one of: r, w, rw
? 2
$ nyxctl -u x walk --format vtdss --root 0 --page-sizes 2M
! nyxctl: --page-sizes '2M' must contain 4K
? 2
$ nyxctl -u x walk --device 3:0.0 --root 0
! nyxctl: walk: --format, --root, --levels and --page-sizes cannot be combined with --device
? 2
$ nyxctl -u x walk show
! nyxctl: walk: 'show' is one argument too many; see 'nyxctl walk --help'
? 2
$ nyxctl -u x walk --lev 4
! nyxctl: walk: unknown option '--lev'; did you mean '--levels'?
? 2
$ nyxctl walk --format vtdss --root 0
! nyxctl: no unit given; use --unit or set NYX_UNIT; 'nyxctl unit list' shows all
? 2
$ nyxctl help walk show
! nyxctl: walk has no verbs; see 'nyxctl walk --help'
? 2

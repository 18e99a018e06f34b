$ nyxctl module info --columns api_version,models,formats
| api version  1
| models       native,vtd,amdvi
| formats      vtdss,x86,amdv1
$ nyxctl module info --json --columns api_version,models,formats
| {"module":{"api_version":1,"models":["native","vtd","amdvi"],"formats":["vtdss","x86","amdv1"]}}
$ nyxctl module version --columns nyxctl,libnyx,api_version
| nyxctl       0.1.0
| libnyx       0.1.0
| api version  1
$ nyxctl unit create golden --iotlb 100 --events 16 --max-domains 3 --max-devices 4 --max-memory 5 --address-width 40
| unit golden created, id N
$ nyxctl unit create golden
! nyxctl: cannot create unit 'golden': the user has a unit of this name already; use another name; 'nyxctl unit list' shows all
? 1
$ nyxctl unit create golden --json
| {"error":{"code":"EEXIST","message":"cannot create unit 'golden': the user has a unit of this name already; use another name; 'nyxctl unit list' shows all","reason":"unit-name-taken","field":"name"}}
! nyxctl: cannot create unit 'golden': the user has a unit of this name already; use another name; 'nyxctl unit list' shows all
? 1
$ export NYX_UNIT=golden
$ nyxctl unit show --columns name,model,address_width,persistent,iotlb_entries,event_entries,max_domains,max_devices,max_memory_ranges,open_files
| name               golden
| model              native
| address width      40
| persistent         yes
| iotlb entries      128
| event entries      16
| max domains        3
| max devices        4
| max memory ranges  5
| open files         1
$ nyxctl unit show --owner "$(id -u)" --columns name,shared
| name    golden
| shared  yes
$ nyxctl unit show --owner 4294967294
! nyxctl: there is no unit 'golden'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit show --owner 0x
! nyxctl: --owner '0x' is not a user of this machine
? 2
$ nyxctl unit show golden -o raw --columns name,iotlb_entries,domains,memory_bytes
| name golden
| iotlb_entries 128
| domains 0
| memory_bytes 0
$ nyxctl unit show --json --columns name,model,address_width,persistent,memory_bytes
| {"unit":{"name":"golden","model":"native","address_width":40,"persistent":true,"memory_bytes":0}}
$ nyxctl unit list -o raw --columns name,model,domains,devices | grep golden
| golden native 0 0
$ nyxctl unit list --columns name,devices | grep -c golden
| 1
$ nyxctl unit status
| unit          golden
| enabled       yes
| model         native
| domains       0
| devices       0
| mapped        0
| fault events  0
| quarantined   0
| irt entries   256
| irtes         0
| bindings      0
$ nyxctl unit status --json
| {"status":{"unit":"golden","enabled":true,"model":"native","domains":0,"devices":0,"mapped_bytes":0,"fault_events":0,"quarantined":0,"irt_entries":256,"irtes":0,"bindings":0}}
$ nyxctl unit status none
! nyxctl: there is no unit 'none'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit status none --json
| {"error":{"code":"ENOENT","message":"there is no unit 'none'; 'nyxctl unit list' shows all","reason":"no-such-unit","field":null}}
! nyxctl: there is no unit 'none'; 'nyxctl unit list' shows all
? 3
$ nyxctl -u none unit status
! nyxctl: there is no unit 'none'; 'nyxctl unit list' shows all
? 3
$ NYX_UNIT= nyxctl unit status
! nyxctl: no unit given; use --unit or set NYX_UNIT; 'nyxctl unit list' shows all
? 2
$ nyxctl unit status 0
! nyxctl: there is no unit '0'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit status 4000000000
! nyxctl: there is no unit '4000000000'; 'nyxctl unit list' shows all
? 3
# By id, too.
$ id=$(nyxctl unit show -o raw --columns id | cut -d' ' -f2)
$ nyxctl unit show "$id" --columns name
| name  golden
$ nyxctl -u "$id" unit status --columns enabled,model
| enabled  yes
| model    native
# Limits.
$ for i in 1 2 3 4; do nyxctl domain create d$i; done
| domain 1 (d1) created
| domain 2 (d2) created
| domain 3 (d3) created
! nyxctl: cannot create the domain: the unit has reached its limit on domains; 'nyxctl unit show' lists the limits
? 1
$ for i in 1 2 3 4 5; do nyxctl device add $i:0.0; done
| device 0000:01:00.0 added
| device 0000:02:00.0 added
| device 0000:03:00.0 added
| device 0000:04:00.0 added
! nyxctl: cannot add device 0000:05:00.0: the unit has reached its limit on devices; 'nyxctl unit show' lists the limits
? 1
$ nyxctl device assign 9:0.0 strict
! nyxctl: cannot assign device 0000:09:00.0: the unit has reached its limit on domains; 'nyxctl unit show' lists the limits
? 1
$ nyxctl unit persist --off --columns name,persistent
| name        golden
| persistent  no
$ nyxctl unit status
! nyxctl: there is no unit 'golden'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit create golden --iotlb 0
| unit golden created, id N
$ nyxctl unit show --columns iotlb_entries
| iotlb entries  0
$ nyxctl unit persist
| unit golden is persistent
$ nyxctl unit persist --json --columns name,persistent
| {"unit":{"name":"golden","persistent":true}}
$ nyxctl -q unit destroy
$ nyxctl unit destroy
! nyxctl: there is no unit 'golden'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit destroy --json
| {"error":{"code":"ENOENT","message":"there is no unit 'golden'; 'nyxctl unit list' shows all","reason":"no-such-unit","field":null}}
! nyxctl: there is no unit 'golden'; 'nyxctl unit list' shows all
? 3
# Features of a model.
$ nyxctl -q unit create golden --model vtd --features small-pages,xapic
$ nyxctl unit show --columns model,features,address_width
| model          vtd
| features       xapic,small-pages
| address width  48
$ nyxctl mmio read 0x10 --width 8 --columns value
| value  0xf00fcb
$ nyxctl unit show --json --columns features
| {"unit":{"features":["xapic","small-pages"]}}
$ nyxctl -q unit destroy; nyxctl -q unit create golden --model vtd --features caching-mode,posted
$ nyxctl unit show --columns features
| features  caching-mode,posted
$ nyxctl -q unit destroy; nyxctl -q unit create golden --model amdvi --features guest-apic,segments,prefetch,device-tlb
$ nyxctl unit show --columns features
| features  guest-apic,segments,prefetch,device-tlb
$ nyxctl -q unit destroy; nyxctl -q unit create golden --model amdvi --features small-irtes
$ nyxctl unit show --columns features
| features  xapic,small-irtes
$ nyxctl -q unit destroy; nyxctl -q unit create golden --model amdvi
$ nyxctl unit show --columns features
| features  -
$ nyxctl unit show --json --columns features
| {"unit":{"features":[]}}
$ nyxctl -q unit destroy
# A unit that lives as long as a command.
$ nyxctl unit run golden -- bash -c 'nyxctl unit show --columns name,persistent; exit 7'
| name        golden
| persistent  no
? 7
$ nyxctl unit run golden --address-width 40 -- bash -c 'nyxctl unit show --columns address_width'
| address width  40
$ nyxctl unit run -- bash -c 'nyxctl unit show --columns name'
| name  -
$ nyxctl unit run golden --model vtd --features posted -- bash -c 'nyxctl unit show --columns features'
| features  posted
$ nyxctl unit status golden
! nyxctl: there is no unit 'golden'; 'nyxctl unit list' shows all
? 3
$ nyxctl unit run golden -- /nonexistent/command
! nyxctl: cannot run '/nonexistent/command': No such file or directory
? 127
$ nyxctl unit run golden -- bash -c 'kill -9 $$'
? 137
# A unit that other programs have open.
$ nyxctl unit run held -- "$tool" unit destroy held
! nyxctl: unit 'held' is in use: it is open 1 time elsewhere; end the programs that use it, or use --force
? 1
$ nyxctl unit run held -- "$tool" unit destroy held --json
| {"error":{"code":"EBUSY","message":"unit 'held' is in use: it is open 1 time elsewhere; end the programs that use it, or use --force","reason":null,"field":null}}
! nyxctl: unit 'held' is in use: it is open 1 time elsewhere; end the programs that use it, or use --force
? 1
$ on_tty() { nyxctl unit run held -- script -qec "$tool unit destroy held" /dev/null | grep -oE 'Destroy it all the same|is not destroyed|unit held destroyed'; }
$ on_tty <<<n
| Destroy it all the same
| is not destroyed
? 1
$ on_tty <<<y
| Destroy it all the same
| unit held destroyed
$ nyxctl unit run held -- "$tool" unit destroy held --force
| unit held destroyed

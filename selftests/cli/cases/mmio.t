# Registers of a unit with a vendor model.
$ nyxctl -q unit create golden --model vtd
$ export NYX_UNIT=golden
$ nyxctl mmio read 0
| offset  0x0
| width   4
| value   0x10
$ nyxctl mmio read 0x8 --width 8
| offset  0x8
| width   8
| value   0xd2078c226f0606
$ nyxctl mmio read 0x10 --width 8 --json
| {"register":{"offset":"0x10","width_bytes":8,"value":"0xf00fdb"}}
$ nyxctl mmio read 0x10 --width 8 -o raw --columns value
| value 0xf00fdb
$ nyxctl mmio write 0x20 0x123456000 --width 8
| 0x123456000 written at 0x20
$ nyxctl mmio read 0x24
| offset  0x24
| width   4
| value   0x1
$ nyxctl mmio write 0x18 0x40000000 --json
| {"register":{"offset":"0x18","width_bytes":4,"value":"0x40000000"}}
$ nyxctl mmio read 0x1c --columns value
| value  0x40000000
$ nyxctl -q mmio write 0x18 0x80000000
$ nyxctl mmio read 0x1c --columns value
| value  0xc0000000
$ nyxctl mmio dump -o raw --columns register,field,offset,low_bit,high_bit,value | grep -E '^(GSTS|root_latched) '
| GSTS - 0x1c 0 31 0xc0000000
| GSTS CFIS 0x1c 23 23 0x0
| GSTS IRTPS 0x1c 24 24 0x0
| GSTS IRES 0x1c 25 25 0x0
| GSTS QIES 0x1c 26 26 0x0
| GSTS RTPS 0x1c 30 30 0x1
| GSTS TES 0x1c 31 31 0x1
| root_latched - - 0 63 0x123456000
$ nyxctl mmio dump --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["registers"]))'
| 148
# Back to power-on.
$ nyxctl unit reset
| unit golden reset
$ nyxctl mmio read 0x1c --columns value
| value  0x0
$ nyxctl mmio read 0x20 --width 8 --columns value
| value  0x0
$ nyxctl unit reset --json --columns name,model
| {"unit":{"name":"golden","model":"vtd"}}
# Offsets, widths and values that no register has.
$ nyxctl mmio read 0x1d
! nyxctl: OFFSET '0x1d' is not the offset of a register of 4 bytes: it must be a multiple of 4
? 2
$ nyxctl mmio read 0x1c --width 8
! nyxctl: OFFSET '0x1c' is not the offset of a register of 8 bytes: it must be a multiple of 8
? 2
$ nyxctl mmio read 4096
! nyxctl: cannot access the registers of unit 'golden': offset: the value is out of its range
? 1
$ nyxctl mmio read 0x1c --width 2
! nyxctl: --width '2' is not one of: 4, 8
? 2
$ nyxctl mmio write 0x18 0x100000000
! nyxctl: VALUE '0x100000000' has more than 4 bytes; use --width 8
? 2
$ nyxctl mmio write 0x18
! nyxctl: mmio write: VALUE is missing: what to write
? 2
$ nyxctl -q unit destroy
$ setup
$ nyxctl mmio read 0x1c
! nyxctl: cannot access the registers of unit 'golden': the unit has no vendor model; create it with --model
? 1
$ nyxctl mmio dump
! nyxctl: cannot list the registers of unit 'golden': the unit has no vendor model; create it with --model
? 1
$ nyxctl mmio read 0x1c --json
| {"error":{"code":"EOPNOTSUPP","message":"cannot access the registers of unit 'golden': the unit has no vendor model; create it with --model","reason":"no-vendor-model","field":null}}
! nyxctl: cannot access the registers of unit 'golden': the unit has no vendor model; create it with --model
? 1
$ nyxctl mmio write 0x18 0
! nyxctl: cannot access the registers of unit 'golden': the unit has no vendor model; create it with --model
? 1
$ nyxctl unit reset
! nyxctl: cannot reset unit 'golden': the unit has no vendor model; create it with --model
? 1

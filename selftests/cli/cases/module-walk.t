# Tables that a guest builds: here by the DMA of a device with all of memory.
$ setup
$ nyxctl -q domain create all --kind identity
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 all
$ poke() { nyxctl -q dma fill 3:0.0 "$1" 8 "$2" --width 8; }
# VT-d: 512 GiB, 1 GiB, 2 MiB, 4 KiB.
$ poke 0x10000 0x11003; poke 0x11008 0x12003; poke 0x12010 0x13001; poke 0x13018 0x400907
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 --json
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 --access w
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40403123 -o raw --columns level,kind,next_level
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40404000
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40404000 --json
$ nyxctl walk --format vtdss --root 0x10000
$ nyxctl walk --format vtdss --root 0x11000 --levels 3 --iova 0x40403123 --columns level,table,kind
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x1000000000000
# A large page that is none, and one that may not be used.
$ poke 0x12018 0x4000000000203083
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000
$ poke 0x12018 0x600083
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000 --columns kind,address,page_bytes
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40600000 --page-sizes 4K --columns kind,bad_bits,fault
# No memory: of the page, of a table, of the root.
$ poke 0x12020 0x40000083; poke 0x12028 0x40000003
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40800000 --columns kind,address,fault
$ nyxctl walk --format vtdss --root 0x10000 --iova 0x40a00000 --columns kind,table,fault
$ nyxctl walk --format vtdss --root 0x40000000 --columns kind,table,fault
# x86: the same tables look different.
$ poke 0x20000 0x21027; poke 0x21000 0x22023; poke 0x22000 0x80000000004000e7
$ nyxctl walk --format x86 --root 0x20000 --iova 0x1234
$ poke 0x21000 0x22027
$ nyxctl walk --format x86 --root 0x20000 --iova 0x1234
$ nyxctl walk --format x86 --root 0x20000 --iova 0x800000000000 --columns kind,fault
# AMD-Vi: a level is skipped; a page of 64 KiB.
$ poke 0x30000 0x6000000000031401; poke 0x31000 0x6000000000032201; poke 0x32080 0x7000000000407e01
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x40012345
$ poke 0x32080 0x7010000000407e01
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345 --columns level,kind,bits,bad_bits,fault
$ poke 0x31000 0x6000000000032601
$ nyxctl walk --format amdv1 --root 0x30000 --iova 0x12345 --columns level,kind,bits,bad_bits,fault
$ nyxctl walk --format amdv1 --root 0x30000 --levels 1 --columns level,kind,bad_bits,fault
# What the kernel refuses.
$ nyxctl walk --format vtdss --root 0x10000 --levels 2
$ nyxctl walk --format x86 --root 0x10000 --page-sizes 4K,64K
$ nyxctl walk --format amdv1 --root 0x10000000000000
$ nyxctl walk --device 3:0.0
# A guest with a VT-d unit says itself where its tables are.
$ nyxctl -q unit create guest --model vtd
$ nyxctl -u guest -q device add 3:0.0
$ nyxctl -u guest walk --device 3:0.0 --iova 0x1234
$ nyxctl -u guest walk --device 3:0.0 --iova 0x1234 --json
$ nyxctl -u guest walk --device 4:0.0
$ nyxctl -q unit destroy guest
# A look leaves no trace.
$ nyxctl stat show --columns walks,faults,translations

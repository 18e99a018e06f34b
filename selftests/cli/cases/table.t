# Tables: as wide as the terminal, with -v in full width; moments for people.
$ export NYX_UNIT=golden; nyxctl -q unit create golden; nyxctl -q memory add --memfd 16M
$ nyxctl -q domain create a-name-of-thirty-one-characters --shared
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 1
$ nyxctl -q map add 1 0x7ffffffff000 0x123000 4K --prot r
$ nyxctl -q irq set 5 0x41 --source 3:0.0
$ nyxctl -q dma write 3:0.0 0x7ffffffff000 --data 00 2>/dev/null
? 1
$ nyxctl -q dma write 3:0.0 0x7fffffffe000 --data 00 2>/dev/null
? 1
$ nyxctl -q device quarantine 3:0.0
$ lists() { for list in 'unit list' 'domain list' 'device list' 'fault list' 'irq list' 'memory list' 'map list 1'; do nyxctl $list "$@"; done; }
$ COLUMNS=80 lists | awk 'length > 80 { print "too wide: " $0 }'
$ COLUMNS=80 nyxctl domain list | grep -c a-name-of-thirty-one-characters
| 0
? 1
$ COLUMNS=70 nyxctl device list | awk 'length > 70 { print "too wide: " $0 }'
$ COLUMNS=60 nyxctl device list -v | grep -c "a-name-of-thirty-one-characters *shared"
| 1
$ nyxctl device list | grep -c a-name-of-thirty-one-characters
| 1
# A column that no row has a value for is left out, but not if --columns names it.
$ nyxctl device list --columns device,state,next_change_ns
| DEVICE       STATE       NEXT-CHANGE
| 0000:03:00.0 quarantined           -
$ nyxctl device list | grep -c NEXT-CHANGE
| 0
? 1
$ nyxctl device list -v | grep -c NEXT-CHANGE
| 1
# When.
$ nyxctl fault list --columns time_ns | grep -cxE ' *[0-9]+ (ns|us|ms|s|m) ago'
| 2
$ nyxctl device show 3:0.0 --columns last_fault_ns | grep -cxE 'last fault  [0-9]+ (ns|us|ms|s|m) ago'
| 1
$ nyxctl fault list --json --columns time_ns --count 1
| {"faults":[
| {"time_ns":T,"time":T}
| ]}
$ nyxctl fault list -o raw --columns time_ns --count 1 | grep -cxE '[0-9]+'
| 1
$ nyxctl -q unit policy --backoff 1h --backoff-max 1h --threshold 1
$ nyxctl -q device reset 3:0.0
$ nyxctl -q dma write 3:0.0 0x7fffffffe000 --data 00 2>/dev/null
? 1
$ nyxctl device list --columns next_change_ns | grep -cxE ' *in [0-9]+ m'
| 1
$ nyxctl device show 3:0.0 --json --columns state,next_change_ns
| {"device":{"state":"quarantined","next_change_ns":T,"next_change":T}}
# The time of JSON is that of the clock on the wall.
$ wall=$(nyxctl device show 3:0.0 --json --columns last_fault_ns | sed 's/.*"last_fault":"//; s/".*//')
$ now=$(date +%s); then=$(date -d "$wall" +%s); ((then <= now + 1 && then > now - 600)) && echo right
| right

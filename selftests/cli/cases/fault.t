$ setup
# Faults have no consequences here, and each has a record; see policy.t for others.
$ nyxctl -q unit policy --action report --records all
$ nyxctl fault list
$ nyxctl fault list --json
| {"faults":[]}
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl -q device add 04:00.0
$ nyxctl -q map add strict/0000:03:00.0 0x10000000 0 4K --prot r
$ nyxctl -q dma write 3:0.0 0x10000010 --data 00
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x10000010 refused at 0x10000010, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl -q dma read 3:0.0 0x10000ff0 32 --to /dev/null
! nyxctl: read of 32 bytes by device 0000:03:00.0 at IOVA 0x10000ff0 refused at 0x10001000, after 16 bytes: nothing is mapped there
? 5
$ nyxctl -q dma read 4:0.0 0x1234 1
! nyxctl: read of 1 byte by device 0000:04:00.0 at IOVA 0x1234 refused at 0x1234, after 0 bytes: the device has no domain
? 1
$ nyxctl fault list --columns seq,device,domain,access,iova,length_bytes,gpa,level,reason
| SEQ DEVICE       DOMAIN ACCESS       IOVA LENGTH  GPA LEVEL REASON
|   0 0000:03:00.0      1 w      0x10000010      1 0x10     0 write-denied
|   1 0000:03:00.0      1 r      0x10001000     16    -     0 not-present
|   2 0000:04:00.0      - r          0x1234      1    -     - no-domain
$ nyxctl fault list --json
| {"faults":[
| {"seq":0,"time_ns":T,"time":T,"device":"0000:03:00.0","pasid":null,"domain":1,"did":null,"access":"w","iova":"0x10000010","length_bytes":1,"gpa":"0x10","level":0,"reason":"write-denied","vendor":null,"index":null,"data":null,"cause":"permission","unmapped_ago_ns":null,"past_end_bytes":null,"granted":"r","count":1,"why":"wrong permission (is r)"},
| {"seq":1,"time_ns":T,"time":T,"device":"0000:03:00.0","pasid":null,"domain":1,"did":null,"access":"r","iova":"0x10001000","length_bytes":16,"gpa":null,"level":0,"reason":"not-present","vendor":null,"index":null,"data":null,"cause":"past-end","unmapped_ago_ns":null,"past_end_bytes":0,"granted":null,"count":1,"why":"just past the end of a mapping"},
| {"seq":2,"time_ns":T,"time":T,"device":"0000:04:00.0","pasid":null,"domain":null,"did":null,"access":"r","iova":"0x1234","length_bytes":1,"gpa":null,"level":null,"reason":"no-domain","vendor":null,"index":null,"data":null,"cause":"blocked","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1,"why":"blocked, or no domain"}
| ]}
$ nyxctl fault list -o raw --columns device,iova,reason
| 0000:03:00.0 0x10000010 write-denied
| 0000:03:00.0 0x10001000 not-present
| 0000:04:00.0 0x1234 no-domain
$ nyxctl fault list --device 4:0.0 --columns device,iova
| DEVICE         IOVA
| 0000:04:00.0 0x1234
$ nyxctl fault list --device 9:0.0
$ nyxctl fault list --count 1 --columns seq
| SEQ
|   2
$ nyxctl fault list --count 99 --columns seq
| SEQ
|   0
|   1
|   2
$ nyxctl device list --columns device,fault_events
| DEVICE       FAULT-EVENTS
| 0000:03:00.0            2
| 0000:04:00.0            1
$ nyxctl domain list --columns name,fault_events
| NAME                FAULT-EVENTS
| strict/0000:03:00.0            2
# The stream.
$ nyxctl event monitor --history --count 3
| [TIME] device 0000:03:00.0, domain 1: write of 1 byte at IOVA 0x10000010 refused: the mapping does not allow to write, GPA 0x10, level 0; wrong permission (is r)
| [TIME] device 0000:03:00.0, domain 1: read of 16 bytes at IOVA 0x10001000 refused: nothing is mapped there, level 0; just past the end of a mapping
| [TIME] device 0000:04:00.0: read of 1 byte at IOVA 0x1234 refused: the device has no domain
$ nyxctl event monitor --history --count 3 --json
| {"type":"fault","seq":0,"time_ns":T,"time":T,"device":"0000:03:00.0","pasid":null,"domain":1,"did":null,"access":"w","iova":"0x10000010","length_bytes":1,"gpa":"0x10","level":0,"reason":"write-denied","vendor":null,"index":null,"data":null,"cause":"permission","unmapped_ago_ns":null,"past_end_bytes":null,"granted":"r","count":1,"why":"wrong permission (is r)","state":null,"irte":null,"page":null,"msi":null,"view":null,"lost":null}
| {"type":"fault","seq":1,"time_ns":T,"time":T,"device":"0000:03:00.0","pasid":null,"domain":1,"did":null,"access":"r","iova":"0x10001000","length_bytes":16,"gpa":null,"level":0,"reason":"not-present","vendor":null,"index":null,"data":null,"cause":"past-end","unmapped_ago_ns":null,"past_end_bytes":0,"granted":null,"count":1,"why":"just past the end of a mapping","state":null,"irte":null,"page":null,"msi":null,"view":null,"lost":null}
| {"type":"fault","seq":2,"time_ns":T,"time":T,"device":"0000:04:00.0","pasid":null,"domain":null,"did":null,"access":"r","iova":"0x1234","length_bytes":1,"gpa":null,"level":null,"reason":"no-domain","vendor":null,"index":null,"data":null,"cause":"blocked","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1,"why":"blocked, or no domain","state":null,"irte":null,"page":null,"msi":null,"view":null,"lost":null}
$ nyxctl event monitor --history --timeout 0.1 --device 4:0.0 -o raw --columns type,device,reason
| fault 0000:04:00.0 no-domain
$ nyxctl event monitor --timeout 0.1
$ nyxctl event monitor --timeout 0.1 --count 1
! nyxctl: timed out: 0 of 1 events received
? 124
$ nyxctl event monitor --timeout 0.1 --count 1 --json
| {"error":{"code":"ETIMEDOUT","message":"timed out: 0 of 1 events received","reason":null,"field":null}}
! nyxctl: timed out: 0 of 1 events received
? 124
# As they come.
$ nyxctl event monitor --count 1 --timeout 20 --columns device,iova,reason -o raw >live & monitor=$!
$ for i in $(seq 50); do nyxctl -q dma read 4:0.0 0xabc 1 2>/dev/null; sleep 0.1; kill -0 $monitor 2>/dev/null || break; done; wait $monitor
$ cat live
| 0000:04:00.0 0xabc no-domain
# The end of the unit is the end of the stream.
$ rm live; nyxctl event monitor --history --count 99999 --timeout 20 >live 2>said & monitor=$!
$ for i in $(seq 200); do [ -s live ] && break; sleep 0.1; done; nyxctl unit destroy; wait $monitor
| unit golden destroyed
? 3
$ sed 's/[0-9]* of/N of/' said
| nyxctl: unit 'golden' was destroyed; N of 99999 events received
# A small ring overwrites its oldest records.
$ nyxctl -q unit create golden --events 16
$ nyxctl -q unit policy --action report --records all
$ nyxctl -q device add 3:0.0
$ for i in $(seq 20); do nyxctl -q dma read 3:0.0 $i 1 2>/dev/null; done
? 1
$ nyxctl fault list -o raw --columns seq,iova | head -n 2
| 4 0x5
| 5 0x6
$ nyxctl fault list -o raw --columns seq,iova | wc -l
| 16

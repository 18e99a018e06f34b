$ setup
$ nyxctl -q device assign 03:00.0 shared
$ nyxctl -q device assign 04:00.0 shared
# The policy of a new unit.
$ nyxctl unit policy
| unit               golden
| device             -
| inherited          -
| action             quarantine
| observe            no
| scope              device
| threshold          10
| window             10s
| weight address     1
| weight permission  1
| weight table       1
| weight memory      1
| weight interrupt   1
| recover            yes
| backoff            1s
| backoff max        1m
| probation          10s
| max tries          5
| records per s      64
$ nyxctl unit policy golden --json
| {"policy":{"unit":"golden","device":null,"inherited":null,"action":"quarantine","observe":false,"scope":"device","threshold":10,"window_ms":10000,"weight":{"address":1,"permission":1,"table":1,"memory":1,"interrupt":1},"recover":true,"backoff_ms":1000,"backoff_max_ms":60000,"probation_ms":10000,"max_tries":5,"records_per_s":64}}
$ nyxctl device policy 3:0.0 --columns device,inherited,threshold
| device     0000:03:00.0
| inherited  yes
| threshold  10
# Options change what they name.
$ nyxctl unit policy --threshold 3 --window 1h --weight address=1,permission=2,memory=0 --records all --recover no
| policy of unit golden set
$ nyxctl unit policy --columns action,observe,scope,threshold,window_ms,weight.address,weight.permission,weight.memory,recover,records_per_s
| action             quarantine
| observe            no
| scope              device
| threshold          3
| window             1h
| weight address     1
| weight permission  2
| weight memory      0
| recover            no
| records per s      4294967295
$ nyxctl unit policy golden --action quarantine --observe --scope domain --backoff 500ms --backoff-max 2m --probation 90s --max-tries 7 --records 10 --json
| {"policy":{"unit":"golden","device":null,"inherited":null,"action":"quarantine","observe":true,"scope":"domain","threshold":3,"window_ms":3600000,"weight":{"address":1,"permission":2,"table":1,"memory":0,"interrupt":1},"recover":false,"backoff_ms":500,"backoff_max_ms":120000,"probation_ms":90000,"max_tries":7,"records_per_s":10}}
$ nyxctl -q unit policy --action quarantine --scope device --backoff 1h --backoff-max 1h --records all
$ nyxctl unit policy --columns observe,scope,backoff_ms,backoff_max_ms
| observe      no
| scope        device
| backoff      1h
| backoff max  1h
$ nyxctl unit policy --backoff 2h
! nyxctl: the back-off would start at 7200000ms and end at 3600000ms; set both --backoff and --backoff-max
? 2
# A device with a policy of its own.
$ nyxctl device policy 4:0.0 --threshold 1000
| policy of device 0000:04:00.0 set
$ nyxctl device policy 4:0.0 --json --columns device,inherited,threshold,window_ms
| {"policy":{"device":"0000:04:00.0","inherited":false,"threshold":1000,"window_ms":3600000}}
$ nyxctl device list --columns device,state,own_policy
| DEVICE       STATE  OWN-POLICY
| 0000:03:00.0 active no
| 0000:04:00.0 active yes
$ nyxctl device policy 4:0.0 --inherit
| device 0000:04:00.0 has the policy of its unit
$ nyxctl device policy 4:0.0 --columns inherited,threshold
| inherited  yes
| threshold  3
$ nyxctl device policy 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device policy 9:0.0 --threshold 5
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
# Three faults of weight 1 reach the threshold.
$ for i in 1 2 3; do nyxctl -q dma read 3:0.0 0x5000 4; done
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl device show 3:0.0 --columns device,state,tries,next_change_ns,quarantined_accesses,fault_events
| device                0000:03:00.0
| state                 quarantined
| tries                 1
| next change           -
| quarantined accesses  0
| fault events          3
$ nyxctl dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: the device, or another in its domain, is quarantined
? 1
$ nyxctl dma read 3:0.0 0x5000 4 --json --columns done_bytes,fault.reason
| {"dma":{"done_bytes":0,"fault":{"reason":"quarantined"}}}
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: the device, or another in its domain, is quarantined
? 1
$ nyxctl irq send 3:0.0 --index 0
! nyxctl: interrupt of device 0000:03:00.0, address 0xfee00010 data 0x0, refused: the device, or another in its domain, is quarantined
? 1
$ nyxctl device show 3:0.0 --json --columns state,score,quarantined_accesses,fault_events
| {"device":{"state":"quarantined","score":0,"quarantined_accesses":3,"fault_events":3}}
$ nyxctl unit status --columns quarantined,fault_events
| quarantined   1
| fault events  3
$ nyxctl stat show device 3:0.0 --columns faults,quarantined_accesses,quarantines,recoveries
| faults                3
| quarantined accesses  3
| quarantines           1
| recoveries            0
# The other device of the domain goes on.
$ nyxctl -q dma read 4:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:04:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl fault list --columns seq,device,iova,reason,why
| SEQ DEVICE         IOVA REASON            WHY
|   0 0000:03:00.0 0x5000 table-not-present never mapped
|   1 0000:03:00.0 0x5000 table-not-present never mapped
|   2 0000:03:00.0 0x5000 table-not-present never mapped
|   4 0000:04:00.0 0x5000 table-not-present never mapped
$ nyxctl event monitor --history --timeout 0.2 --json --columns type,device,state.old,state.new,state.cause,state.score,state.tries,state.next_change_ns,state.samples | grep device-state
| {"type":"device-state","device":"0000:03:00.0","state":{"old":"active","new":"quarantined","cause":"faults","score":3,"tries":1,"next_change_ns":null,"next_change":null,"samples":[{"address":"0x5000","access":"r","reason":"table-not-present","count":3,"ago_ms":T}]}}
$ nyxctl device reset 3:0.0
| device 0000:03:00.0 reset
$ nyxctl device list --columns device,state,score,tries
| DEVICE       STATE  SCORE TRIES
| 0000:03:00.0 active     0     0
| 0000:04:00.0 active     1     0
$ nyxctl -q dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
# With recovery, the time of the next change is shown.
$ nyxctl -q unit policy --recover yes --threshold 1
$ nyxctl -q dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl device show 3:0.0 --json --columns state,tries,next_change_ns
| {"device":{"state":"quarantined","tries":1,"next_change_ns":T,"next_change":T}}
$ nyxctl -q device reset 3:0.0
# The whole domain is quarantined.
$ nyxctl -q unit policy --scope domain
$ nyxctl -q dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl -q dma read 4:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:04:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: the device, or another in its domain, is quarantined
? 1
$ nyxctl device list --columns device,state,held,quarantined_accesses
| DEVICE       STATE       HELD QUARANTINED-ACCESSES
| 0000:03:00.0 quarantined no                      3
| 0000:04:00.0 active      yes                     1
$ nyxctl -q device reset 3:0.0
$ nyxctl device list --columns device,state,held
| DEVICE       STATE  HELD
| 0000:03:00.0 active no
| 0000:04:00.0 active no
# With --observe, an event only reports the action.
$ nyxctl -q unit policy --observe --scope device
$ nyxctl -q dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl device show 3:0.0 --columns state
| state  active
$ nyxctl event monitor --history --timeout 0.2 --json --columns type,device,state.new,state.cause | grep would
| {"type":"device-state","device":"0000:03:00.0","state":{"new":"quarantined","cause":"would"}}
# By hand.
$ nyxctl device quarantine 3:0.0
| device 0000:03:00.0 quarantined
$ nyxctl device show 3:0.0 --columns state,next_change_ns
| state        quarantined
| next change  -
$ nyxctl device disable 3:0.0 --json --columns device,state
| {"device":{"device":"0000:03:00.0","state":"disabled"}}
$ nyxctl -q dma read 3:0.0 0x5000 4
! nyxctl: read of 4 bytes by device 0000:03:00.0 at IOVA 0x5000 refused at 0x5000, after 0 bytes: the device, or another in its domain, is quarantined
? 1
$ nyxctl device reset 3:0.0 --json --columns device,state,score,tries
| {"device":{"device":"0000:03:00.0","state":"active","score":0,"tries":0}}
$ nyxctl device reset 9:0.0
! nyxctl: cannot reset device 0000:09:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device quarantine 9:0.0
! nyxctl: cannot quarantine device 0000:09:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device disable 9:0.0
! nyxctl: cannot disable device 0000:09:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
# "fault list" shows the cause of a fault.
$ nyxctl -q unit destroy; setup
$ nyxctl -q unit policy --action report --records all
$ nyxctl -q domain create net
$ nyxctl -q device add 3:0.0; nyxctl -q device attach 3:0.0 net
$ nyxctl -q map add net 0x10000000 0 16K --prot r
$ nyxctl -q map add net 0x20000000 1G 4K
$ nyxctl -q map remove net 0x10001000 4K
$ nyxctl -q dma read 3:0.0 0x40000000 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x40000000 refused at 0x40000000, after 0 bytes: nothing is mapped in that region
? 1
$ nyxctl -q dma read 3:0.0 0x10001004 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x10001004 refused at 0x10001004, after 0 bytes: nothing is mapped there
? 1
$ nyxctl -q dma read 3:0.0 0x10004010 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x10004010 refused at 0x10004010, after 0 bytes: nothing is mapped there
? 1
$ nyxctl -q dma write 3:0.0 0x10000000 --data 00
! nyxctl: write of 1 byte by device 0000:03:00.0 at IOVA 0x10000000 refused at 0x10000000, after 0 bytes: the mapping does not allow to write
? 1
$ nyxctl -q dma read 3:0.0 0x20000000 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x20000000 refused at 0x20000000, after 0 bytes: the GPA is not guest memory
? 1
$ nyxctl -q dma read 3:0.0 0x1000000000000 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x1000000000000 refused at 0x1000000000000, after 0 bytes: the IOVA is beyond the address width of the domain
? 1
$ nyxctl -q device detach 3:0.0
$ nyxctl -q dma read 3:0.0 0 1
! nyxctl: read of 1 byte by device 0000:03:00.0 at IOVA 0x0 refused at 0x0, after 0 bytes: the device has no domain
? 1
$ nyxctl fault list --columns iova,reason,why
|            IOVA REASON            WHY
|      0x40000000 table-not-present never mapped
|      0x10001004 not-present       unmapped T ago
|      0x10004010 not-present       16 bytes past the end of a mapping
|      0x10000000 write-denied      wrong permission (is r)
|      0x20000000 no-memory         mapped to GPA 0x40000000, which is not usable
| 0x1000000000000 address-width     beyond the address width
|             0x0 no-domain         blocked, or no domain
$ nyxctl fault list --json --columns iova,cause,unmapped_ago_ns,past_end_bytes,granted,count
| {"faults":[
| {"iova":"0x40000000","cause":"never-mapped","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1},
| {"iova":"0x10001004","cause":"unmapped","unmapped_ago_ns":T,"past_end_bytes":null,"granted":null,"count":1},
| {"iova":"0x10004010","cause":"past-end","unmapped_ago_ns":null,"past_end_bytes":16,"granted":null,"count":1},
| {"iova":"0x10000000","cause":"permission","unmapped_ago_ns":null,"past_end_bytes":null,"granted":"r","count":1},
| {"iova":"0x20000000","cause":"memory","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1},
| {"iova":"0x1000000000000","cause":"width","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1},
| {"iova":"0x0","cause":"blocked","unmapped_ago_ns":null,"past_end_bytes":null,"granted":null,"count":1}
| ]}
$ nyxctl fault watch --history --count 2 --json --columns type,iova,cause
| {"type":"fault","iova":"0x40000000","cause":"never-mapped"}
| {"type":"fault","iova":"0x10001004","cause":"unmapped"}

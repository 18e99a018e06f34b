# Bound interrupts have eventfds of a living process; every process that has the unit sees them.
$ setup
$ nyxctl -q device add 3:0.0
$ nyxctl -q irq set 5 0x41 --source 3:0.0
$ hold bind 3:0.0 0xfee000b0 0 0 0 0 signal 3 bind 3:0.0 0xfee000b0 1 1 100 8 follow
$ nyxctl irq bindings
| ID DEVICE          ADDRESS DATA MASKED SIGNALS DELIVERED REFUSED
|  1 0000:03:00.0 0xfee000b0  0x0 no           3         3       0
|  2 0000:03:00.0 0xfee000b0  0x1 yes          0         0       0
$ nyxctl irq bindings --json
| {"bindings":[
| {"id":1,"device":"0000:03:00.0","address":"0xfee000b0","data":"0x0","masked":false,"pending":false,"closed":false,"coalesce_us":0,"coalesce_count":0,"signals":3,"delivered":3,"refused":0,"last_reason":null},
| {"id":2,"device":"0000:03:00.0","address":"0xfee000b0","data":"0x1","masked":true,"pending":false,"closed":false,"coalesce_us":100,"coalesce_count":8,"signals":0,"delivered":0,"refused":0,"last_reason":null}
| ]}
$ nyxctl unit status --columns bindings
| bindings  2
# The process has asked to be told that the table has changed.
$ nyxctl -q irq set 6 0x42
$ nyxctl -q irq clear 5 2
$ nyxctl -q irq setup xapic
$ nyxctl event monitor --history --count 3
| [TIME] entry 6 of the interrupt remapping table has changed
| [TIME] 2 entries of the interrupt remapping table have changed, from 5 on
| [TIME] 256 entries of the interrupt remapping table have changed, from 0 on
$ nyxctl event monitor --history --count 3 --json --columns type,device,irte.index,irte.entries
| {"type":"irte","device":null,"irte":{"index":6,"entries":1}}
| {"type":"irte","device":null,"irte":{"index":5,"entries":2}}
| {"type":"irte","device":null,"irte":{"index":0,"entries":256}}
# The process has ended, and with it the ends of the eventfds are closed.
$ let_go
$ nyxctl irq bindings --json --columns id,signals,closed
| {"bindings":[
| {"id":1,"signals":3,"closed":true},
| {"id":2,"signals":0,"closed":true}
| ]}

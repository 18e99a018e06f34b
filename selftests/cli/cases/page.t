$ setup
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl -q device add 04:00.0
# The answer is an event.
$ nyxctl page request 3:0.0 0x10000000 2 --access r --nowait --timeout 10m
| group N of device 0000:03:00.0 waits for an answer
$ nyxctl page request 3:0.0 0x20000000 --nowait --timeout 10m --json
| {"request":{"group":N,"device":"0000:03:00.0","iova":"0x20000000","pages":1,"access":"rw","response":null}}
$ nyxctl event monitor --history --count 3
| [TIME] device 0000:03:00.0, domain 1: asks for the page at IOVA 0x10000000 to read, page 1 of 2 of group N
| [TIME] device 0000:03:00.0, domain 1: asks for the page at IOVA 0x10001000 to read, page 2 of 2 of group N
| [TIME] device 0000:03:00.0, domain 1: asks for the page at IOVA 0x20000000 to read and write, page 1 of 1 of group N
$ nyxctl event monitor --history --count 3 --json --columns type,device,domain,access,iova,page.group,page.pages,page.index,page.response
| {"type":"page-request","device":"0000:03:00.0","domain":1,"access":"r","iova":"0x10000000","page":{"group":N,"pages":2,"index":0,"response":null}}
| {"type":"page-request","device":"0000:03:00.0","domain":1,"access":"r","iova":"0x10001000","page":{"group":N,"pages":2,"index":1,"response":null}}
| {"type":"page-request","device":"0000:03:00.0","domain":1,"access":"rw","iova":"0x20000000","page":{"group":N,"pages":1,"index":0,"response":null}}
$ a=$(nyxctl event monitor --history --count 1 -o raw --columns page.group)
$ b=$(nyxctl event monitor --history --count 3 -o raw --columns page.group | tail -n 1)
$ nyxctl page respond "$a" success
| group N answered: success
$ nyxctl page respond "$b" invalid --json
| {"response":{"group":N,"response":"invalid"}}
$ nyxctl page respond "$b" success
! nyxctl: cannot answer group N: no page request with this id waits for an answer; 'nyxctl event monitor --history' shows all requests
? 3
$ nyxctl event monitor --history --timeout 0.2 | tail -n 2
| [TIME] device 0000:03:00.0, domain 1: the answer to group N is success
| [TIME] device 0000:03:00.0, domain 1: the answer to group N is invalid
$ nyxctl event monitor --history --timeout 0.2 --json --columns type,page.response | tail -n 2
| {"type":"page-response","page":{"response":"success"}}
| {"type":"page-response","page":{"response":"invalid"}}
$ nyxctl stat show device 3:0.0 --columns page_requests
| page requests  3
# One that waits.
$ newest() { nyxctl event monitor --history --timeout 0.1 -o raw --columns page.group,type | grep page-request | tail -n 1 | cut -d' ' -f1; }
$ answer() { local i; for i in $(seq 300); do nyxctl -q page respond "$(newest)" "$1" 2>/dev/null && break; sleep 0.1; done; }
$ nyxctl page request 3:0.0 0x10000000 --timeout 10m & answer success; wait $!
| group N of device 0000:03:00.0 answered: the pages are mapped
$ nyxctl page request 3:0.0 0x10000000 --timeout 10m & answer failure; wait $!
! nyxctl: the answer to group N is failure: the device must not ask again
? 1
$ nyxctl page request 3:0.0 0x10000000 --timeout 10m --json --columns pages,response 2>/dev/null & answer invalid; wait $!
| {"request":{"pages":1,"response":"invalid"}}
? 1
$ nyxctl page request 3:0.0 0x10000000 --timeout 10ms
! nyxctl: group N was not answered in time; 'nyxctl event monitor' shows page requests
? 124
$ nyxctl page request 3:0.0 0x10000000 --timeout 10ms --json
| {"request":{"group":N,"device":"0000:03:00.0","iova":"0x10000000","pages":1,"access":"rw","response":"timeout"}}
! nyxctl: group N was not answered in time; 'nyxctl event monitor' shows page requests
? 124
# Page requests that the kernel refuses.
$ nyxctl page request 4:0.0 0x10000000
! nyxctl: cannot request pages for device 0000:04:00.0: the device is not attached to a paging domain; attach it to one with 'nyxctl device assign' or 'nyxctl device attach'
? 1
$ nyxctl page request 9:0.0 0x10000000
! nyxctl: cannot request pages for device 0000:09:00.0: the unit has no such device; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl page respond 4000000000 success
! nyxctl: cannot answer group N: no page request with this id waits for an answer; 'nyxctl event monitor --history' shows all requests
? 3
$ nyxctl -q device quarantine 3:0.0
$ nyxctl page request 3:0.0 0x10000000
! nyxctl: cannot request pages for device 0000:03:00.0: the device is quarantined; 'nyxctl device reset' brings it back
? 1

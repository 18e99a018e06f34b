$ setup
$ nyxctl -q device assign 03:00.0 strict
$ nyxctl device limit 3:0.0
| domain       -
| did          -
| device       0000:03:00.0
| bytes per s  -
| ops per s    -
| irqs per s   -
| burst        -
$ nyxctl device limit 3:0.0 --json
| {"limits":{"domain":null,"did":null,"device":"0000:03:00.0","bytes_per_s":null,"ops_per_s":null,"irqs_per_s":null,"burst_ms":null}}
$ nyxctl device limit 3:0.0 --bytes 100M --ops 10k --irqs 1k
| limits of device 0000:03:00.0 set
$ nyxctl device limit 3:0.0
| domain       -
| did          -
| device       0000:03:00.0
| bytes per s  100M
| ops per s    10240
| irqs per s   1024
| burst        10ms
$ nyxctl device limit 3:0.0 --burst 20ms --json
| {"limits":{"domain":null,"did":null,"device":"0000:03:00.0","bytes_per_s":104857600,"ops_per_s":10240,"irqs_per_s":1024,"burst_ms":20}}
$ nyxctl device limit 3:0.0 --ops 0 -b
| limits of device 0000:03:00.0 set
$ nyxctl device limit 3:0.0 -o raw
| domain -
| did -
| device 0000:03:00.0
| bytes_per_s 104857600
| ops_per_s -
| irqs_per_s 1024
| burst_ms 20
$ nyxctl device list --columns device,limited
| DEVICE       LIMITED
| 0000:03:00.0 yes
$ nyxctl device limit 3:0.0 --none
| device 0000:03:00.0 has no limits
$ nyxctl device limit 3:0.0 --none --json
| {"limits":{"domain":null,"did":null,"device":"0000:03:00.0","bytes_per_s":null,"ops_per_s":null,"irqs_per_s":null,"burst_ms":null}}
$ nyxctl device list --columns device,limited
| DEVICE       LIMITED
| 0000:03:00.0 no
$ nyxctl domain limit strict/0000:03:00.0 --bytes 1T --burst 1.5s
| limits of domain 1 (strict/0000:03:00.0) set
$ nyxctl domain limit 1
| domain       1
| did          -
| device       -
| bytes per s  1T
| ops per s    -
| irqs per s   -
| burst        1500ms
$ nyxctl domain limit 1 --none --json
| {"limits":{"domain":1,"did":null,"device":null,"bytes_per_s":null,"ops_per_s":null,"irqs_per_s":null,"burst_ms":null}}
$ nyxctl device limit 9:0.0
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl device limit 9:0.0 --ops 5
! nyxctl: unit 'golden' has no device 0000:09:00.0; add it with 'nyxctl device add' or 'nyxctl device assign'
? 3
$ nyxctl domain limit none --none
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
# A DMA within its limits is not delayed.
$ nyxctl -q map add 1 0 0 64K
$ nyxctl -q device limit 3:0.0 --ops 1000 --bytes 1G
$ nyxctl -q dma write 3:0.0 0 --data 00112233
$ nyxctl dma read 3:0.0 0 4 --json --columns done_bytes,data
| {"dma":{"done_bytes":4,"data":"00112233"}}

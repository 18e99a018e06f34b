# A unit is saved, shown, and loaded into a new one.
$ setup
$ nyxctl -q domain create net
$ nyxctl -q map add net 0x10000000 0 4M
$ nyxctl -q map add net 0x20000000 0 8K --prot r
$ nyxctl -q device add 0:3.0
$ nyxctl -q device attach 0:3.0 net
$ nyxctl migrate check
$ nyxctl migrate save a.nyx
| unit golden saved, 2689 bytes
$ nyxctl migrate show a.nyx
| SECTION  TYPE ID PART VERSION BYTES RECORDS
| unit        1  0    0       1   784       1
| memory      2  0    0       1   100       1
| domains     3  0    0       1   360       1
| mappings    4  1    0       1   160       2
| devices     6  0    0       1   933       1
| end       255  0    0       1    40       1
$ nyxctl migrate show a.nyx --section mappings -o raw
| 1 0 iova 0x10000000
| 1 0 gpa 0x0
| 1 0 length 0x400000
| 1 0 prot 0x3
| 1 1 iova 0x20000000
| 1 1 gpa 0x0
| 1 1 length 0x2000
| 1 1 prot 0x1
$ nyxctl migrate load a.nyx
! nyxctl: cannot load unit 'golden': the unit has objects already; 'nyxctl migrate load --create' makes a new unit
? 1
$ nyxctl migrate load a.nyx --create copy
| unit copy loaded, 2689 bytes
$ nyxctl map list net -u copy
|       IOVA GPA LENGTH PROT SMALLEST-PAGE
| 0x10000000 0x0     4M rw              2M
| 0x20000000 0x0     8K r               4K
$ nyxctl device list -u copy --columns device,domain,state
| DEVICE       DOMAIN STATE
| 0000:00:03.0      1 active
$ nyxctl migrate verify --with copy
| DOMAIN EXTENTS HASH             OTHER-HASH       SAME
|      1       2 eb3b70ffe052dd77 eb3b70ffe052dd77 yes
$ nyxctl migrate verify --with copy --json
| {"domains":[
| {"domain":1,"extents":2,"hash":"eb3b70ffe052dd77","other_hash":"eb3b70ffe052dd77","same":true}
| ]}
$ nyxctl -q map add net 0x30000000 0 4K -u copy
$ nyxctl migrate verify --with copy
| DOMAIN EXTENTS HASH             OTHER-HASH       SAME
|      1       2 eb3b70ffe052dd77 064dd1e67cecb5b4 no
! nyxctl: units 'golden' and 'copy' differ
? 1
$ nyxctl -q unit destroy copy --force
# The source is in use, the target is not made from a stream that is cut short.
$ head -c 1000 a.nyx >b.nyx
$ nyxctl migrate load b.nyx --create copy
! nyxctl: cannot read 'b.nyx': it ends too early, at byte 856
? 1
$ nyxctl unit show copy
! nyxctl: there is no unit 'copy'; 'nyxctl unit list' shows all
? 3
$ nyxctl migrate save - | nyxctl migrate load - --create copy
| unit copy loaded, 2689 bytes
$ nyxctl -q unit destroy copy --force
# A file is replaced by a whole stream or stays as it was, and nothing is left beside it.
$ printf old >c.nyx; chmod 640 c.nyx; ln -s c.nyx link.nyx
$ (trap '' XFSZ; ulimit -f 1; nyxctl migrate save link.nyx)
! nyxctl: cannot write 'link.nyx': File too large
? 1
$ echo "$(<c.nyx)" *.nyx*
| old a.nyx b.nyx c.nyx link.nyx
$ nyxctl -q migrate save link.nyx
$ wc -c <c.nyx; stat -c '%A %N' c.nyx link.nyx; echo *.nyx*
| 2689
| -rw-r----- 'c.nyx'
| lrwxrwxrwx 'link.nyx' -> 'c.nyx'
| a.nyx b.nyx c.nyx link.nyx
$ nyxctl -q migrate save missing/c.nyx
! nyxctl: cannot write 'missing/c.nyx': No such file or directory
? 1
$ nyxctl -q migrate save /dev/stdout | wc -c
| 2689
$ nyxctl -q migrate save /dev/full
! nyxctl: cannot write '/dev/full': No space left on device
? 1

$ setup
$ nyxctl -q domain create net
$ nyxctl -q domain create id --kind identity
$ nyxctl map list net
$ nyxctl map list net --json
| {"mappings":[]}
$ nyxctl map add net 0x10000000 0 4M
| 4M mapped in domain 1 (net)
$ nyxctl map add net 0x10400000 4M 4K
| 4K mapped in domain 1 (net)
$ nyxctl map add net 0x20000000 0 8K --prot r
| 8K mapped in domain 1 (net)
$ nyxctl map add net 0x20002000 0 4K --prot w --json
| {"map":{"domain":1,"ranges":1,"done":1,"done_bytes":4096,"failed_line":null,"failure":null}}
$ nyxctl map list net
|       IOVA GPA LENGTH PROT SMALLEST-PAGE
| 0x10000000 0x0   4.0M rw              4K
| 0x20000000 0x0     8K r               4K
| 0x20002000 0x0     4K w               4K
$ nyxctl map list net --json
| {"mappings":[
| {"iova":"0x10000000","gpa":"0x0","length_bytes":4198400,"prot":"rw","smallest_page_bytes":4096},
| {"iova":"0x20000000","gpa":"0x0","length_bytes":8192,"prot":"r","smallest_page_bytes":4096},
| {"iova":"0x20002000","gpa":"0x0","length_bytes":4096,"prot":"w","smallest_page_bytes":4096}
| ]}
$ nyxctl map list net -o raw
| 0x10000000 0x0 4198400 rw 4096
| 0x20000000 0x0 8192 r 4096
| 0x20002000 0x0 4096 w 4096
$ nyxctl map list net --start 0x10000001 --count 1
|       IOVA GPA LENGTH PROT SMALLEST-PAGE
| 0x10000001 0x1   4.0M rw              4K
$ nyxctl map list net --start 0x20000000
|       IOVA GPA LENGTH PROT SMALLEST-PAGE
| 0x20000000 0x0     8K r               4K
| 0x20002000 0x0     4K w               4K
$ nyxctl map list net --count 0
$ nyxctl map add net 0x10000000 0 4K
! nyxctl: cannot map IOVA 0x10000000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings
? 1
$ nyxctl map add net 0x10000000 0 4K --json
| {"error":{"code":"EEXIST","message":"cannot map IOVA 0x10000000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings","reason":"mapped","field":"iova"}}
! nyxctl: cannot map IOVA 0x10000000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings
? 1
$ nyxctl map add net 0x1000000000000 0 4K
! nyxctl: cannot map IOVA 0x1000000000000 + 4K in domain 1 (net): the range goes beyond the address width of the domain
? 1
$ nyxctl map add net 0xfffffffffffff000 0 8K
! nyxctl: cannot map IOVA 0xfffffffffffff000 + 8K in domain 1 (net): address + length exceeds 64 bits
? 1
$ nyxctl map add id 0 0 4K
! nyxctl: cannot map IOVA 0x0 + 4K in domain 2 (id): the domain is not a paging domain
? 1
$ nyxctl map list id
! nyxctl: cannot list mappings of domain 2 (id): the domain is not a paging domain
? 1
$ nyxctl map add none 0 0 4K
! nyxctl: unit 'golden' has no domain 'none'; 'nyxctl domain list' shows all
? 3
# A large page is cut.
$ nyxctl map remove net 0x10001000 4K
| 4K unmapped from domain 1 (net)
$ nyxctl map list net --columns iova,length_bytes,gpa,smallest_page_bytes
|       IOVA LENGTH    GPA SMALLEST-PAGE
| 0x10000000     4K    0x0            4K
| 0x10002000   4.0M 0x2000            4K
| 0x20000000     8K    0x0            4K
| 0x20002000     4K    0x0            4K
$ nyxctl map remove net 0x10001000 4K
! nyxctl: cannot unmap IOVA 0x10001000 + 4K in domain 1 (net): nothing is mapped in the range; 'nyxctl map list' shows the mappings
? 3
$ nyxctl map remove net 0x10000000 8K --json
| {"unmap":{"domain":1,"ranges":1,"done":1,"done_bytes":4096,"failed_line":null,"failure":null}}
$ nyxctl map remove net --all
| 4104K unmapped from domain 1 (net)
$ nyxctl map remove net --all
| 0 bytes unmapped from domain 1 (net)
$ nyxctl map remove id --all
! nyxctl: cannot unmap domain 2 (id): the domain is not a paging domain
? 1
$ nyxctl map list net
# Many at a time.
$ printf '# IOVA GPA LENGTH PROT\n0x1000 0 4K\n\n0x3000 0x1000 8K r # read-only\n' >ranges
$ nyxctl map add net --from ranges
| 12K mapped in domain 1 (net)
$ nyxctl map list net
|   IOVA    GPA LENGTH PROT SMALLEST-PAGE
| 0x1000    0x0     4K rw              4K
| 0x3000 0x1000     8K r               4K
$ printf '0x8000 0 4K\n0x3000 0 4K\n0x9000 0 4K\n' >ranges
$ nyxctl map add net --from ranges
| 4K mapped in domain 1 (net)
! nyxctl: line 2: cannot map IOVA 0x3000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings
! nyxctl: 1 of 3 ranges were mapped
? 5
$ nyxctl map remove net 0x8000 4K
| 4K unmapped from domain 1 (net)
$ nyxctl map add net --from ranges --json
| {"map":{"domain":1,"ranges":3,"done":1,"done_bytes":4096,"failed_line":2,"failure":"EEXIST"}}
! nyxctl: line 2: cannot map IOVA 0x3000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings
! nyxctl: 1 of 3 ranges were mapped
? 5
$ nyxctl map remove net 0x8000 4K
| 4K unmapped from domain 1 (net)
$ printf '0x3000 0 4K\n' | nyxctl map add net --from -
! nyxctl: line 1: cannot map IOVA 0x3000 + 4K in domain 1 (net): a part of the range is mapped already; 'nyxctl map list' shows the mappings
? 1
$ printf '0x1000 4K\n0x8000 4K\n' >ranges
$ nyxctl map remove net --from ranges
| 4K unmapped from domain 1 (net)
! nyxctl: line 2: cannot unmap IOVA 0x8000 + 4K in domain 1 (net): nothing is mapped in the range; 'nyxctl map list' shows the mappings
! nyxctl: 1 of 2 ranges were unmapped
? 5
$ nyxctl map list net
|   IOVA    GPA LENGTH PROT SMALLEST-PAGE
| 0x3000 0x1000     8K r               4K
$ printf '0x1000 0 4K\n0x2000 4K\n' >ranges
$ nyxctl map add net --from ranges
! nyxctl: write a range as 'IOVA GPA LENGTH [PROT]'
! nyxctl: the error is in line 2
? 2
$ printf '0x1000 0 4K rwx\n' >ranges
$ nyxctl map add net --from ranges
! nyxctl: PROT 'rwx' is not one of: r, w, rw
! nyxctl: the error is in line 1
? 2
$ printf '0x1000 0 4K rw 4K more\n' | nyxctl map add net --from -
! nyxctl: write a range as 'IOVA GPA LENGTH [PROT]'
! nyxctl: the error is in line 1
? 2
$ printf '0x1000 0 4K rw page\n' | nyxctl map add net --from -
! nyxctl: the page size 'page' is not a number; write it like 4096, 0x1000, 4K or 1.5G
! nyxctl: the error is in line 1
? 2
$ printf '# nothing\n' >ranges
$ nyxctl map add net --from ranges
| 0 bytes mapped in domain 1 (net)
$ nyxctl map add net --from missing
! nyxctl: cannot open 'missing': No such file or directory
? 3
$ nyxctl domain show net --columns mapped_bytes
| mapped  8K
# "map add" takes a listing in the raw form, and makes the same mappings elsewhere.
$ nyxctl -q map add net 0x40000000 0x200000 2M --prot w
$ nyxctl -q map add net 0x40200000 0 12K
$ nyxctl -q domain create copy
$ nyxctl map list net -o raw | nyxctl map add copy --from -
| 2068K mapped in domain 3 (copy)
$ nyxctl map list copy -o raw | diff - <(nyxctl map list net -o raw) && echo same
| same
$ nyxctl map list net -o raw --columns iova,length_bytes | nyxctl map remove copy --from -
| 2068K unmapped from domain 3 (copy)
$ nyxctl map list copy -o raw | nyxctl map add copy --from -
| 0 bytes mapped in domain 3 (copy)

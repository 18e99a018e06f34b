# A domain whose translations are compared.
$ nyxctl -q unit create golden --iotlb 0
$ nyxctl -q -u golden memory add --memfd 16M
$ export NYX_UNIT=golden
$ nyxctl domain create check --oracle --json --columns id,name,format,oracle
| {"domain":{"id":1,"name":"check","format":"vtdss","oracle":true}}
$ nyxctl domain create id --kind identity --oracle
! nyxctl: --format, --address-width, --page-sizes and --oracle need --kind paging
? 2
$ nyxctl -q device add 3:0.0
$ nyxctl -q device attach 3:0.0 check
$ nyxctl -q map add check 0x10000000 0 4M
$ nyxctl -q map add check 0x10400000 4M 4K --prot w
$ nyxctl -q dma write 3:0.0 0x103ffff8 --data 0011223344556677
$ nyxctl device translate 3:0.0 0x10000000 4M --columns iova,gpa,page_bytes
|       IOVA GPA PAGE
| 0x10000000 0x0   2M
$ nyxctl -q map remove check 0x10001000 4K
$ nyxctl device translate 3:0.0 0x10000000 4M --columns iova,gpa,fault
|       IOVA GPA FAULT
| 0x10000000 0x0 -
| 0x10001000   - not-present
! nyxctl: device 0000:03:00.0 may not read IOVA 0x10001000: nothing is mapped there
? 5
$ nyxctl stat show domain check --columns walks,oracle_checks,oracle_mismatches
| walks              5
| oracle checks      5
| oracle mismatches  0
$ nyxctl stat show -o raw --columns oracle_mismatches
| oracle_mismatches 0
$ nyxctl domain list -v --columns name,oracle
| NAME  ORACLE
| check yes
$ nyxctl -q unit destroy

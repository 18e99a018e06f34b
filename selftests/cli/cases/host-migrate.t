# Files that are no streams of units. No module is needed.
$ nyxctl migrate show /dev/null
! nyxctl: cannot read '/dev/null': it ends too early, at byte 0
? 1
$ nyxctl migrate show /dev/null --json
| {"error":{"code":"ENODATA","message":"cannot read '/dev/null': it ends too early, at byte 0","reason":null,"field":null}}
! nyxctl: cannot read '/dev/null': it ends too early, at byte 0
? 1
$ printf 'this is a text, and not a stream' | nyxctl migrate show -
! nyxctl: cannot read '-': it is no stream of a unit, or is damaged, at byte 0
? 1
$ nyxctl migrate show missing
! nyxctl: cannot read 'missing': No such file or directory
? 1
# A head whose checksum is wrong.
$ head() { printf 'NYXUNIT\0\1\0\0\0\4\3\2\1\0\0\0\0'; }
$ { head; printf '\0\0\0\0'; } | nyxctl migrate show -
! nyxctl: cannot read '-': a checksum is wrong, at byte 0
? 1

# Help, by the table of commands. No module is needed.
$ nyxctl --help
| Usage: nyxctl [OPTION]... OBJECT VERB [ARGUMENT]... [OPTION]...
| Look at and control the Nyx software IOMMU.
|
| Objects:
|   module                     what the kernel module is and can do
|   unit                       emulated IOMMUs, one per virtual machine
|   memory                     guest memory that devices reach
|   domain                     address spaces of devices
|   device                     devices and what they are attached to
|   map                        mappings of a domain
|   iotlb                      the translation cache
|   dma                        accesses as a device makes them
|   fault                      accesses that were refused
|   event                      the event stream
|   stat                       counters
|
| Options:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Numbers are decimal or 0x..., and may end in K, M, G or T (powers of 1024).
| Devices are written like 0000:03:00.0. See also 'nyxctl OBJECT --help',
| 'nyxctl OBJECT VERB --help' and nyxctl(1).
|
| Exit status: 0 done, 1 refused, 2 wrong usage, 3 no such object or the module
| is not loaded, 4 no permission, 5 done in part, 124 time is over.
$ nyxctl -h | cmp - <(nyxctl help)
$ nyxctl -V
| nyxctl 0.1.0
$ nyxctl unit --version
| nyxctl 0.1.0
$ nyxctl module --help
| Usage: nyxctl module VERB [ARGUMENT]... [OPTION]...
| module: what the kernel module is and can do.
|
| Verbs:
|   info                       Show what the loaded module can do
|   version                    Show the releases of nyxctl, the library and, if loaded, the module
|
| See also 'nyxctl module VERB --help' and nyxctl-module(1).
$ nyxctl unit --help
| Usage: nyxctl unit VERB [ARGUMENT]... [OPTION]...
| unit: emulated IOMMUs, one per virtual machine.
|
| Verbs:
|   create                     Make a unit, which is kept until it is destroyed
|   run                        Make a unit that lives as long as a command, which finds it in NYX_UNIT
|   list                       List the units of all users
|   show                       Show properties, limits and contents of a unit
|   status                     Show the state of a unit in short
|   keep                       Let a unit outlive its last user, or not
|   destroy                    End a unit, for everybody
|
| See also 'nyxctl unit VERB --help' and nyxctl-unit(1).
$ nyxctl memory --help
| Usage: nyxctl memory VERB [ARGUMENT]... [OPTION]...
| memory: guest memory that devices reach.
|
| Verbs:
|   add                        Add a range of guest memory, new or of a file
|   remove                     Remove a range of guest memory
|   list                       List the ranges of guest memory
|
| See also 'nyxctl memory VERB --help' and nyxctl-memory(1).
$ nyxctl domain --help
| Usage: nyxctl domain VERB [ARGUMENT]... [OPTION]...
| domain: address spaces of devices.
|
| Verbs:
|   create                     Make a domain; STRICT (for one device) unless --shared
|   destroy                    Destroy a domain that has no devices, with its mappings
|   list                       List the domains of the unit
|   show                       Show a domain
|
| See also 'nyxctl domain VERB --help' and nyxctl-domain(1).
$ nyxctl device --help
| Usage: nyxctl device VERB [ARGUMENT]... [OPTION]...
| device: devices and what they are attached to.
|
| Verbs:
|   add                        Add a device; it has no domain, its accesses are refused
|   remove                     Detach and remove a device
|   attach                     Attach a device to a domain
|   detach                     Detach a device from its domain
|   assign                     Give a device the right domain: find or make it, add the device, attach
|   release                    Undo 'assign': remove the device, and its domain if that is empty then
|   list                       List the devices of the unit
|   show                       Show a device
|   translate                  Translate IOVAs as a DMA of the device would
|
| See also 'nyxctl device VERB --help' and nyxctl-device(1).
$ nyxctl map --help
| Usage: nyxctl map VERB [ARGUMENT]... [OPTION]...
| map: mappings of a domain.
|
| Verbs:
|   add                        Map a range of IOVAs to guest memory, or many
|   remove                     Unmap what is mapped in a range, in many, or all
|   list                       List what is mapped; contiguous mappings appear as one
|
| See also 'nyxctl map VERB --help' and nyxctl-map(1).
$ nyxctl iotlb --help
| Usage: nyxctl iotlb VERB [ARGUMENT]... [OPTION]...
| iotlb: the translation cache.
|
| Verbs:
|   invalidate                 Drop cached translations and wait for accesses that use them
|
| See also 'nyxctl iotlb VERB --help' and nyxctl-iotlb(1).
$ nyxctl dma --help
| Usage: nyxctl dma VERB [ARGUMENT]... [OPTION]...
| dma: accesses as a device makes them.
|
| Verbs:
|   read                       Read guest memory, to a file or as text
|   write                      Write guest memory, from a file or from the command line
|   fill                       Fill guest memory with a pattern
|   cas                        Compare and swap, atomically
|   fetch-add                  Add, atomically
|   swap                       Exchange a value, atomically
|
| See also 'nyxctl dma VERB --help' and nyxctl-dma(1).
$ nyxctl fault --help
| Usage: nyxctl fault VERB [ARGUMENT]... [OPTION]...
| fault: accesses that were refused.
|
| Verbs:
|   list                       List the faults that the unit remembers, oldest first
|
| See also 'nyxctl fault VERB --help' and nyxctl-fault(1).
$ nyxctl event --help
| Usage: nyxctl event VERB [ARGUMENT]... [OPTION]...
| event: the event stream.
|
| Verbs:
|   monitor                    Print events as they come, one a line; with --json one object a line
|
| See also 'nyxctl event VERB --help' and nyxctl-event(1).
$ nyxctl stat --help
| Usage: nyxctl stat VERB [ARGUMENT]... [OPTION]...
| stat: counters.
|
| Verbs:
|   show                       Show the counters of the unit, of a domain or of a device
|
| See also 'nyxctl stat VERB --help' and nyxctl-stat(1).
$ nyxctl unit create --help
| Usage: nyxctl unit create NAME [OPTION]...
| Make a unit, which is kept until it is destroyed.
|
| Arguments:
|   NAME                       its name: letters, digits and '._:-'
|
| Options:
|       --address-width BITS   widest IOVA, 32 to 64; 48
|       --iotlb ENTRIES        size of the translation cache; 4096; 0: none
|       --events ENTRIES       event records held for readers; 1024
|       --max-domains NUMBER   limit on domains; 65535
|       --max-devices NUMBER   limit on devices; 65536
|       --max-memory NUMBER    limit on memory ranges; 32768
|
| Options of every command:
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   id name model address_width owner_uid keep iotlb_entries event_entries max_domains max_devices max_memory_ranges domains devices memory_ranges memory_bytes mapped_bytes table_bytes fault_events open_files
|
| Example:
|   nyxctl unit create vm1 --iotlb 16K
$ nyxctl help unit create | cmp - <(nyxctl unit create -h)
$ nyxctl unit run --help
| Usage: nyxctl unit run [NAME] -- COMMAND... [OPTION]...
| Make a unit that lives as long as a command, which finds it in NYX_UNIT.
|
| Arguments:
|   NAME                       its name; else it has none
|   COMMAND                    the command and its arguments; its exit status is nyxctl's
|
| Options:
|       --address-width BITS   widest IOVA, 32 to 64; 48
|       --iotlb ENTRIES        size of the translation cache; 4096; 0: none
|       --events ENTRIES       event records held for readers; 1024
|       --max-domains NUMBER   limit on domains; 65535
|       --max-devices NUMBER   limit on devices; 65536
|       --max-memory NUMBER    limit on memory ranges; 32768
|
| Options of every command:
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Example:
|   nyxctl unit run vm1 -- sh -c 'nyxctl device add 03:00.0; nyxctl device list'
$ nyxctl unit list --help
| Usage: nyxctl unit list
| List the units of all users.
|
| Options of every command:
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   id name model address_width owner_uid keep iotlb_entries event_entries max_domains max_devices max_memory_ranges domains devices memory_ranges memory_bytes mapped_bytes table_bytes fault_events open_files
|
| Example:
|   nyxctl unit list --columns name,devices
$ nyxctl map add --help
| Usage: nyxctl map add DOMAIN [IOVA] [GPA] [LENGTH] [OPTION]...
| Map a range of IOVAs to guest memory, or many.
|
| Arguments:
|   DOMAIN                     the domain, by name or id
|   IOVA                       first IOVA, a multiple of 4096
|   GPA                        first guest-physical address, a multiple of 4096
|   LENGTH                     bytes, a multiple of 4096
|
| Options:
|       --prot PROT            what devices may do: r, w or rw; rw
|       --from FILE            lines of 'IOVA GPA LENGTH [PROT]' instead; -: standard input
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   domain ranges done done_bytes failed_line failure
|
| Example:
|   nyxctl map add net 0x10000000 0 16M --prot r -u vm1
$ nyxctl device assign --help
| Usage: nyxctl device assign DEVICE KIND
| Give a device the right domain: find or make it, add the device, attach.
|
| Arguments:
|   DEVICE                     the device, like 0000:03:00.0
|   KIND                       strict, shared, shared,group=NAME or unmanaged
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   device domain domain_name isolation fault_events last_fault_ns
|
| Example:
|   nyxctl device assign 0000:03:00.0 shared,group=storage -u vm1
$ nyxctl dma read --help
| Usage: nyxctl dma read DEVICE IOVA LENGTH [OPTION]...
| Read guest memory, to a file or as text.
|
| Arguments:
|   DEVICE                     the device, like 0000:03:00.0
|   IOVA                       where
|   LENGTH                     bytes
|
| Options:
|       --to FILE              where to put the bytes; -: standard output
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   op device iova length_bytes done_bytes old data fault.reason fault.text fault.access fault.iova fault.gpa fault.level
|
| Example:
|   nyxctl dma read 0000:03:00.0 0x1000 64 -u vm1
$ nyxctl iotlb invalidate --help
| Usage: nyxctl iotlb invalidate SCOPE [OBJECT] [IOVA] [LENGTH]
| Drop cached translations and wait for accesses that use them.
|
| Arguments:
|   SCOPE                      unit, domain, device or range
|   OBJECT                     domain or range: the domain; device: the device
|   IOVA                       range: first IOVA, a multiple of 4096
|   LENGTH                     range: bytes, a multiple of 4096
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   scope domain device iova length_bytes
|
| Example:
|   nyxctl iotlb invalidate domain net -u vm1
$ nyxctl event monitor --help
| Usage: nyxctl event monitor [OPTION]...
| Print events as they come, one a line; with --json one object a line.
|
| Options:
|       --device DEVICE        of this device only
|       --count NUMBER         end after so many
|       --timeout SECONDS      end after this time
|       --history              begin with what the unit remembers
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id; else from NYX_UNIT
|   -o, --output FORMAT        table, json or raw
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                do not say what was done
|   -v, --verbose              all columns
|       --node PATH            the device node; /dev/nyx-iommu
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   type seq time_ns device pasid domain access iova length_bytes gpa level reason lost
|
| Example:
|   nyxctl event monitor --json -u vm1

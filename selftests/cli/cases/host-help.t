# Help, by the table of commands. No module is needed.
$ nyxctl --help
| Usage: nyxctl [OPTION]... OBJECT VERB [ARGUMENT]... [OPTION]...
| Look at and control the Nyx software IOMMU.
|
| Objects:
|   module                     release and capabilities of the kernel module
|   unit                       emulated IOMMUs, one per virtual machine
|   memory                     guest memory that devices reach
|   domain                     address spaces of devices
|   device                     devices and what they are attached to
|   map                        mappings of a domain
|   iotlb                      the translation cache
|   dma                        accesses as a device makes them
|   irq                        interrupts and their remapping
|   mmio                       registers that a guest programs
|   page                       page requests of devices
|   view                       processes that translate by themselves
|   target                     what programs mirror, such as devices of a host
|   fault                      accesses and interrupts that were refused
|   event                      the event stream
|   stat                       counters
|   walk                       page tables, level by level
|   migrate                    units saved to streams, and loaded from them
|   vfio                       PCI devices of this host that are to be passed to
|                              guests
|   version                    releases of nyxctl, the library and the module
|   help                       explanations of objects and commands
|
| Options:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Numbers are decimal, like 64M, 1.5G (powers of 1024) or 64MB (of 1000), or
| hexadecimal, like 0x4000000. Times are written like 2s, 500ms or 1h, without a
| unit in seconds; devices like 0000:03:00.0 or 3:0.0. See also
| 'nyxctl OBJECT --help', 'nyxctl OBJECT VERB --help' and nyxctl(1).
|
| Exit status: 0 done, 1 refused, 2 wrong usage, 3 no such object, 4 no
| permission, 5 done in part, 6 no module, 124 timed out.
$ nyxctl -h | cmp - <(nyxctl help)
$ nyxctl -V
| nyxctl 0.1.0
$ nyxctl unit --version
| nyxctl 0.1.0
$ nyxctl module --help
| Usage: nyxctl module VERB [ARGUMENT]... [OPTION]...
| module: release and capabilities of the kernel module.
|
| Verbs:
|   info                       Show what the loaded module can do
|   version                    Show the releases of nyxctl, the library and, if
|                              loaded, the module
|
| See also 'nyxctl module VERB --help' and nyxctl-module(1).
$ nyxctl unit --help
| Usage: nyxctl unit VERB [ARGUMENT]... [OPTION]...
| unit: emulated IOMMUs, one per virtual machine.
|
| Verbs:
|   create                     Create a unit that lasts until it is destroyed
|   run                        Create a unit for as long as a command runs, with
|                              NYX_UNIT set to it
|   list                       List the units of all users
|   show                       Show properties, limits and contents of a unit
|   status                     Show a summary of a unit's state
|   policy                     Show the fault policy of the unit's devices, or
|                              change it
|   reset                      Reset the registers of a unit with a vendor model
|                              to power-on values
|   persist                    Let a unit outlive its last user, or not
|   destroy                    Destroy a unit; ask first if other programs have
|                              it open
|
| See also 'nyxctl unit VERB --help' and nyxctl-unit(1).
$ nyxctl memory --help
| Usage: nyxctl memory VERB [ARGUMENT]... [OPTION]...
| memory: guest memory that devices reach.
|
| Verbs:
|   add                        Add a range of guest memory, new or from a file
|   remove                     Remove a range of guest memory
|   list                       List the ranges of guest memory
|   track                      Begin to track which guest memory devices write
|   dirty                      Show how much of each range devices have written
|   untrack                    End dirty tracking
|
| See also 'nyxctl memory VERB --help' and nyxctl-memory(1).
$ nyxctl domain --help
| Usage: nyxctl domain VERB [ARGUMENT]... [OPTION]...
| domain: address spaces of devices.
|
| Verbs:
|   create                     Create a domain, STRICT (for one device) unless
|                              --shared
|   destroy                    Destroy a domain that has no devices, with its
|                              mappings
|   list                       List the domains of the unit
|   show                       Show a domain
|   limit                      Show the limits of a domain, or change them
|
| See also 'nyxctl domain VERB --help' and nyxctl-domain(1).
$ nyxctl device --help
| Usage: nyxctl device VERB [ARGUMENT]... [OPTION]...
| device: devices and what they are attached to.
|
| Verbs:
|   add                        Add a device without a domain: its accesses are
|                              refused
|   remove                     Detach and remove a device
|   attach                     Attach a device to a domain
|   detach                     Detach a device from its domain
|   assign                     Add a device and attach it to its domain, which is
|                              created if missing
|   release                    Undo 'assign': remove the device, and its domain
|                              if no device is left
|   list                       List the devices of the unit
|   show                       Show a device
|   translate                  Translate IOVAs as a DMA of the device would
|   reset                      Make a device active again, and forget its faults
|   quarantine                 Refuse all accesses and interrupts of a device,
|                              until it is reset
|   disable                    Disable a device: refuse all accesses and
|                              interrupts until it is reset
|   policy                     Show the fault policy of a device, or give it one
|                              of its own
|   limit                      Show the limits of a device, or change them
|
| See also 'nyxctl device VERB --help' and nyxctl-device(1).
$ nyxctl map --help
| Usage: nyxctl map VERB [ARGUMENT]... [OPTION]...
| map: mappings of a domain.
|
| Verbs:
|   add                        Map one range of IOVAs to guest memory, or many
|                              ranges
|   remove                     Unmap one range, many ranges, or the whole domain
|   list                       List what is mapped; contiguous mappings appear as
|                              one
|
| See also 'nyxctl map VERB --help' and nyxctl-map(1).
$ nyxctl iotlb --help
| Usage: nyxctl iotlb VERB [ARGUMENT]... [OPTION]...
| iotlb: the translation cache.
|
| Verbs:
|   invalidate                 Drop cached translations and wait for accesses
|                              that use them
|
| See also 'nyxctl iotlb VERB --help' and nyxctl-iotlb(1).
$ nyxctl dma --help
| Usage: nyxctl dma VERB [ARGUMENT]... [OPTION]...
| dma: accesses as a device makes them.
|
| Verbs:
|   read                       Read guest memory, to a file or as text
|   write                      Write guest memory, from a file or from the
|                              command line
|   fill                       Fill guest memory with a pattern
|   cas                        Compare and swap, atomically
|   fetch-add                  Add, atomically
|   swap                       Exchange a value, atomically
|
| See also 'nyxctl dma VERB --help' and nyxctl-dma(1).
$ nyxctl fault --help
| Usage: nyxctl fault VERB [ARGUMENT]... [OPTION]...
| fault: accesses and interrupts that were refused.
|
| Verbs:
|   list                       List the buffered faults with their causes, oldest
|                              first
|   watch                      Print faults as they arrive, one per line; with
|                              --json one object per line
|
| See also 'nyxctl fault VERB --help' and nyxctl-fault(1).
$ nyxctl event --help
| Usage: nyxctl event VERB [ARGUMENT]... [OPTION]...
| event: the event stream.
|
| Verbs:
|   monitor                    Print events as they arrive, one per line; with
|                              --json one object per line
|
| See also 'nyxctl event VERB --help' and nyxctl-event(1).
$ nyxctl stat --help
| Usage: nyxctl stat VERB [ARGUMENT]... [OPTION]...
| stat: counters.
|
| Verbs:
|   show                       Show the counters of the unit, of a domain or of a
|                              device
|
| See also 'nyxctl stat VERB --help' and nyxctl-stat(1).
$ nyxctl unit create --help
| Usage: nyxctl unit create NAME [OPTION]...
| Create a unit that lasts until it is destroyed.
|
| Arguments:
|   NAME                       its name: letters, digits and '._:-'
|
| Options:
|       --model MODEL          IOMMU that the guest sees: native (none), vtd or
|                              amdvi (default: native)
|       --features LIST        features of the model, like xapic,posted; see
|                              nyxctl-unit(1)
|       --address-width BITS   widest IOVA, 32 to 64 (default: 48, amdvi: 64)
|       --iotlb ENTRIES        size of the translation cache; 0: none (default:
|                              4096)
|       --events ENTRIES       event records held for readers (default: 1024)
|       --max-domains NUMBER   limit on domains (default: 65535)
|       --max-devices NUMBER   limit on devices (default: 65536)
|       --max-memory NUMBER    limit on memory ranges (default: 32768)
|       --irt ENTRIES          size of the interrupt remapping table (default:
|                              256)
|       --view-timeout TIME    how long a command waits for a view, 10ms to 60s
|                              (default: 1s)
|
| Options of every command:
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   id name model features address_width owner_uid persistent shared
|   iotlb_entries event_entries max_domains max_devices max_memory_ranges domains
|   devices memory_ranges memory_bytes mapped_bytes table_bytes fault_events
|   open_files quarantined irt_entries irq_mode irtes bindings views
|   view_timeout_ns
|
| Example:
|   nyxctl unit create vm1 --iotlb 16K
$ nyxctl help unit create | cmp - <(nyxctl unit create -h)
$ nyxctl unit run --help
| Usage: nyxctl unit run [NAME] -- COMMAND... [OPTION]...
| Create a unit for as long as a command runs, with NYX_UNIT set to it.
|
| Arguments:
|   NAME                       its name (default: none)
|   COMMAND                    the command and its arguments; its exit status is
|                              nyxctl's
|
| Options:
|       --model MODEL          IOMMU that the guest sees: native (none), vtd or
|                              amdvi (default: native)
|       --features LIST        features of the model, like xapic,posted; see
|                              nyxctl-unit(1)
|       --address-width BITS   widest IOVA, 32 to 64 (default: 48, amdvi: 64)
|       --iotlb ENTRIES        size of the translation cache; 0: none (default:
|                              4096)
|       --events ENTRIES       event records held for readers (default: 1024)
|       --max-domains NUMBER   limit on domains (default: 65535)
|       --max-devices NUMBER   limit on devices (default: 65536)
|       --max-memory NUMBER    limit on memory ranges (default: 32768)
|       --irt ENTRIES          size of the interrupt remapping table (default:
|                              256)
|       --view-timeout TIME    how long a command waits for a view, 10ms to 60s
|                              (default: 1s)
|
| Options of every command:
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
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
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   id name model features address_width owner_uid persistent shared
|   iotlb_entries event_entries max_domains max_devices max_memory_ranges domains
|   devices memory_ranges memory_bytes mapped_bytes table_bytes fault_events
|   open_files quarantined irt_entries irq_mode irtes bindings views
|   view_timeout_ns
|
| Example:
|   nyxctl unit list --columns name,devices
$ nyxctl map add --help
| Usage: nyxctl map add DOMAIN [IOVA] [GPA] [LENGTH] [OPTION]...
| Map one range of IOVAs to guest memory, or many ranges.
|
| Arguments:
|   DOMAIN                     the domain, by name, id or one of its devices
|   IOVA                       first IOVA, a multiple of 4096
|   GPA                        first guest-physical address, a multiple of 4096
|   LENGTH                     bytes, a multiple of 4096
|
| Options:
|       --prot PROT            what devices may do: r, w or rw (default: rw)
|       --from FILE            read 'IOVA GPA LENGTH [PROT]' lines, as printed by
|                              'map list -o raw'; -: standard input
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
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
| Add a device and attach it to its domain, which is created if missing.
|
| Arguments:
|   DEVICE                     the device, like 0000:03:00.0
|   KIND                       strict, shared, shared,group=NAME or unmanaged
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   device domain did domain_name isolation state score tries next_change_ns
|   quarantined_accesses held own_policy limited fault_events last_fault_ns
|
| Example:
|   nyxctl device assign 0000:03:00.0 shared,group=storage -u vm1
$ nyxctl dma read --help
| Usage: nyxctl dma read DEVICE IOVA LENGTH [OPTION]...
| Read guest memory, to a file or as text.
|
| Arguments:
|   DEVICE                     the device, like 0000:03:00.0
|   IOVA                       the first IOVA
|   LENGTH                     bytes
|
| Options:
|       --to FILE              where to put the bytes; -: standard output
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   op device iova length_bytes done_bytes old data fault.reason fault.text
|   fault.access fault.iova fault.gpa fault.level
|
| Example:
|   nyxctl dma read 0000:03:00.0 0x1000 64 -u vm1
$ nyxctl iotlb invalidate --help
| Usage: nyxctl iotlb invalidate SCOPE [OBJECT] [IOVA] [LENGTH] [OPTION]...
| Drop cached translations and wait for accesses that use them.
|
| Arguments:
|   SCOPE                      unit, domain, device or range
|   OBJECT                     domain or range: the domain; device: the device
|   IOVA                       range: first IOVA, a multiple of 4096
|   LENGTH                     range: bytes, a multiple of 4096
|
| Options:
|       --timeout TIME         give up waiting after this time, like 500ms or 2s
|                              (default: never)
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   scope domain did device iova length_bytes
|
| Example:
|   nyxctl iotlb invalidate domain net -u vm1
$ nyxctl event monitor --help
| Usage: nyxctl event monitor [OPTION]...
| Print events as they arrive, one per line; with --json one object per line.
|
| Options:
|       --device DEVICE        of this device only
|       --count NUMBER         end after this many
|       --timeout TIME         end after this time, like 10s
|       --history              start with buffered events
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   type seq time_ns device pasid domain did access iova length_bytes gpa level
|   reason vendor index data cause unmapped_ago_ns past_end_bytes granted count
|   why state.old state.new state.cause state.score state.tries
|   state.next_change_ns state.samples irte.index irte.entries page.group
|   page.pages page.index page.response msi.address msi.data view.id view.pid
|   view.process view.part view.index view.last_iova lost
|
| Example:
|   nyxctl event monitor --json -u vm1
$ nyxctl irq --help
| Usage: nyxctl irq VERB [ARGUMENT]... [OPTION]...
| irq: interrupts and their remapping.
|
| Verbs:
|   setup                      Set the interrupt mode of the unit
|   set                        Set an entry of the interrupt remapping table
|   clear                      Clear entries of the interrupt remapping table
|   list                       List the entries that are present
|   send                       Send an interrupt as a device does, and show the
|                              result
|   bindings                   List the interrupts bound to eventfds, with
|                              counters
|
| See also 'nyxctl irq VERB --help' and nyxctl-irq(1).
$ nyxctl irq set --help
| Usage: nyxctl irq set INDEX [VECTOR] [OPTION]...
| Set an entry of the interrupt remapping table.
|
| Arguments:
|   INDEX                      index of the entry
|   VECTOR                     16 to 255; not for smi, nmi, init, extint
|
| Options:
|       --dest ID              destination APIC id (default: 0)
|       --source DEVICE        the device that may use it (default: any)
|       --mask MASK            with --source: bits of the function to ignore
|                              (default: 0)
|       --buses RANGE          buses that may use it, like 00-1f
|       --delivery MODE        fixed, lowest, smi, nmi, init or extint (default:
|                              fixed)
|       --logical              the destination is logical
|       --level                level-triggered
|       --hint                 redirection hint
|       --no-report            do not report its faults
|       --posted GPA           post into this descriptor
|       --urgent               with --posted: notify always
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   index vector dest dest_mode delivery trigger source source_mask hint report
|   posted urgent device
|
| Example:
|   nyxctl irq set 5 0x41 --dest 1 --source 0000:03:00.0 -u vm1
$ nyxctl page --help
| Usage: nyxctl page VERB [ARGUMENT]... [OPTION]...
| page: page requests of devices.
|
| Verbs:
|   request                    Ask for pages as a device does, and wait for the
|                              answer
|   respond                    Answer a group of page requests
|
| See also 'nyxctl page VERB --help' and nyxctl-page(1).
$ nyxctl view list --help
| Usage: nyxctl view list
| List the processes that translate by themselves.
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   id pid process slots holds hits walks misses cut_off
|
| Example:
|   nyxctl view list -u vm1
$ nyxctl target list --help
| Usage: nyxctl target list
| List what programs mirror, such as devices of a host.
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   stream target device domain state maps max_maps mapped_bytes waited_ns inline
|
| Example:
|   nyxctl target list -u vm1
$ nyxctl device policy --help
| Usage: nyxctl device policy DEVICE [OPTION]...
| Show the fault policy of a device, or give it one of its own.
|
| Arguments:
|   DEVICE                     the device, like 0000:03:00.0
|
| Options:
|       --threshold NUMBER     take the action at this fault score
|       --window TIME          time over which faults are counted, like 10s
|       --action ACTION        report (only count) or quarantine
|       --observe              only report what the action would be (--action
|                              ends that)
|       --scope SCOPE          quarantine the device, or all of its domain
|       --weight LIST          score of each class of faults, like
|                              address=1,interrupt=5
|       --recover ANSWER       end the quarantine after the back-off: yes or no
|       --backoff TIME         time of the first quarantine, doubled for each
|                              further one
|       --backoff-max TIME     longest time in quarantine
|       --probation TIME       time on probation before the device is active
|       --max-tries NUMBER     ends of a quarantine before the device is disabled
|       --records NUMBER       fault records per second, or 'all'
|       --inherit              revert to the unit's policy
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   unit device inherited action observe scope threshold window_ms weight.address
|   weight.permission weight.table weight.memory weight.interrupt recover
|   backoff_ms backoff_max_ms probation_ms max_tries records_per_s
|
| Example:
|   nyxctl device policy 0000:03:00.0 --threshold 100 -u vm1
$ nyxctl domain limit --help
| Usage: nyxctl domain limit DOMAIN [OPTION]...
| Show the limits of a domain, or change them.
|
| Arguments:
|   DOMAIN                     the domain, by name, id or one of its devices
|
| Options:
|       --bytes NUMBER         bytes of DMA per second; 0: no limit
|       --ops NUMBER           DMA operations per second; 0: no limit
|       --irqs NUMBER          interrupts per second; 0: no limit
|       --burst TIME           allow at once what the rates allow in this time
|                              (default: 10ms)
|       --none                 remove all limits
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b                         sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   domain did device bytes_per_s ops_per_s irqs_per_s burst_ms
|
| Example:
|   nyxctl domain limit net --bytes 1G -u vm1
$ nyxctl fault list --help
| Usage: nyxctl fault list [OPTION]...
| List the buffered faults with their causes, oldest first.
|
| Options:
|       --device DEVICE        of this device only
|       --count NUMBER         the last NUMBER faults (default: all)
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   seq time_ns device pasid domain did access iova length_bytes gpa level reason
|   vendor index data cause unmapped_ago_ns past_end_bytes granted count why
|
| Example:
|   nyxctl fault list --device 0000:03:00.0 -u vm1
$ nyxctl walk --help
| Usage: nyxctl walk [OPTION]...
| Show the steps of a walk of a page table.
|
| Options:
|       --format FORMAT        vtdss, x86 or amdv1
|       --root GPA             guest-physical address of the top table
|       --levels N             depth of the table (default: by the unit's address
|                              width)
|       --page-sizes LIST      page sizes that the domain may use, like 4K,2M
|                              (default: all)
|       --device DEVICE        walk the table of this device instead
|       --iova IOVA            the address to translate (default: 0)
|       --access PROT          r, w or rw (default: r)
|
| Options of every command:
|   -u, --unit UNIT            the unit, by name or id (default: NYX_UNIT)
|       --owner USER           the user that owns the unit, by name or id
|                              (default: you)
|   -o, --output FORMAT        table, json or raw (default: table)
|   -j, --json                 the same as --output json
|       --columns LIST         the columns to print, separated by commas
|   -b, --bytes                sizes in bytes, not in K, M, G
|   -q, --quiet                print nothing about success or waiting
|   -v, --verbose              show all columns in full width
|       --node PATH            the device node (default: /dev/nyx-iommu)
|   -h, --help                 explain the object or the command, and exit
|   -V, --version              print the release of nyxctl, and exit
|
| Columns:
|   level table index entry kind prot address page_bytes next_level bits bad_bits
|   fault
|
| Example:
|   nyxctl walk --format vtdss --root 0x10000 --iova 0x7f001000 -u vm1
$ diff <(nyxctl walk --help) <(nyxctl help walk) && echo same
| same
$ for o in $(nyxctl __complete ''); do for v in '' $(nyxctl __complete $o ''); do nyxctl $o $v --help 2>/dev/null; done; done | awk 'length > 80 && !/nyxctl/ { print "too wide: " $0 }'
$ diff <(nyxctl unit --help) <(nyxctl help unit) && echo same
| same
$ diff <(nyxctl unit create --help) <(nyxctl help unit create) && echo same
| same
$ nyxctl help --help | head -n 6
| Usage: nyxctl help [OBJECT] [VERB]
| Explain nyxctl, an object, or a command.
|
| Arguments:
|   OBJECT                     what commands are about
|   VERB                       one of its commands
$ nyxctl __complete wa
| walk
$ nyxctl __complete walk --p
| --page-sizes
$ nyxctl __complete walk --format ''
| vtdss
| x86
| amdv1
$ nyxctl __complete unit create x --model vtd --features s
| small-pages
$ nyxctl __complete unit create x --model=amdvi --features=xapic,s
| --features=xapic,small-irtes
| --features=xapic,segments
$ nyxctl __complete unit create x --features s --model amd
| amdvi
$ nyxctl __describe unit de
| destroy	Destroy a unit; ask first if other programs have it open
$ nyxctl __complete unit create x --features posted,x
| posted,xapic
$ nyxctl __complete unit create x --features s
| small-pages
| small-irtes
| segments

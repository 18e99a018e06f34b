# SPDX-License-Identifier: GPL-2.0-only
# Nyx: a software IOMMU in a kernel module.
#
#   make demo         build everything, boot a VM with the module, show what it does
#   make check        all tests (half an hour on two processors; at first under an hour)
#   make check-quick  those that take under two minutes together
#   make check-full   and those that take long: the SMP debug kernel
#   make fuzz         fuzz the vendor models in user space; TIME=SECONDS for each,
#                     MODEL=vtd|amdvi
#   make bench        the benchmarks
#   make bench-check  what costs more than the stored ratios say, by 15 %
#   make bench-growth what costs more when there is more of it; writes a page of Documentation/
#   make guest        boot a stock guest behind an emulated IOMMU, show its console;
#                     IOMMU=vtd|amdvi|none, KERNEL=cloud-6.12|stock-6.12|stock-6.1, APPEND=;
#                     or with a device of the VM: VFIO=nvme, or another case of
#                     selftests/guest/vfio, which takes no KERNEL= and APPEND=
#
#   make [modules]    build/<kernel>/nyx-iommu.ko
#   make lib cli      build/user/libnyx.so and build/user/nyxctl
#   make vmm          build/user/nyx-vmm
#   make load         put the module into this machine's kernel (root)
#   make unload       and take it out
#   make docs         Documentation/ and the reference as a site, build/docs/html
#   make install      module, library, tools, manual pages, udev rule; loads the module;
#                     takes PREFIX and DESTDIR
#   make install-user all of that but the module
#   make dkms         as install, with a module that DKMS builds for every kernel (root)
#   make uninstall    take them away; after make dkms with NYX_DKMS=1
#   make clean        remove build/
#
# KREL=<release> chooses the kernel to build for: one with installed headers, or a
# test kernel (selftests/vm/kernel --help). Default: the running kernel when its
# headers are there, else Debian's 6.12, fetched into the cache; but load and install
# choose no other kernel than the running one by themselves.
#
# NYX_DEMO_HOST=1 make demo runs the demo on this machine, after make load.

# An ordinary user's lacks modinfo
export PATH := $(PATH):/usr/sbin:/sbin

RUNNING	:= $(shell uname -r)
HEADERS	:= $(wildcard /lib/modules/$(RUNNING)/build)
ifeq ($(origin KREL)$(HEADERS),undefined)
ifneq ($(filter load dkms install-module $(if $(NYX_DKMS),,install),$(MAKECMDGOALS)),)
$(error no headers for $(RUNNING); apt-get install linux-headers-$(RUNNING), or KREL=RELEASE)
endif
endif
KREL	?= $(if $(HEADERS),$(RUNNING),stock-6.12)
PREFIX	?= /usr/local
DESTDIR	?=
VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

MODULE	= build/$(KREL)/nyx-iommu.ko
# The module that is installed has no code for tests, unless CONFIG_NYX_ORACLE=y
CONFIG_NYX_ORACLE ?= n
INSTALLED = build/$(KREL)-CONFIGNYXORACLE$(CONFIG_NYX_ORACLE)/nyx-iommu.ko
MODULE_RELEASE = $(shell PATH="$(PATH)" modinfo -F vermagic $(INSTALLED) | cut -d' ' -f1)
DKMS_TREE = $(DESTDIR)/usr/src/nyx-$(VERSION)
# One at a time: tests beside each other ask for it, too
USER	= mkdir -p build && flock build/.lock-user \
	  $(MAKE) --no-print-directory -C userspace O=$(CURDIR)/build/user PREFIX=$(PREFIX)

.PHONY: modules
modules:
	@selftests/vm/build-module $(KREL)

.PHONY: modules-installed
modules-installed:
	@selftests/vm/build-module $(KREL) CONFIG_NYX_ORACLE=$(CONFIG_NYX_ORACLE)

.PHONY: all
all: modules lib cli vmm

.PHONY: lib cli vmm
lib:
	@$(USER) $(CURDIR)/build/user/libnyx.so $(CURDIR)/build/user/libnyx.a
cli:
	@$(USER) $(CURDIR)/build/user/nyxctl
vmm:
	@$(USER) $(CURDIR)/build/user/nyx-vmm

.PHONY: demo
demo:
	@selftests/vm/deps demo
	@[ -e build/user/nyx-vmm ] || \
		echo 'demo: building libnyx, nyxctl and nyx-vmm (usually half a minute)'
	@$(MAKE) -s lib cli vmm
	@selftests/guest/demo

.PHONY: check check-quick check-full
check:
	@selftests/check check
check-quick:
	@selftests/check quick
check-full:
	@selftests/check full

.PHONY: fuzz
fuzz:
	@selftests/vm/deps check
	@selftests/fuzz/run $(if $(TIME),--time '$(TIME)') $(if $(MODEL),--model '$(MODEL)')

.PHONY: bench
bench:
	@selftests/vm/deps check
	@$(MAKE) --no-print-directory lib cli
	@selftests/bench/run

.PHONY: bench-check
bench-check:
	@selftests/vm/deps check
	@selftests/bench/compare

.PHONY: bench-growth
bench-growth:
	@selftests/vm/deps check growth
	@selftests/bench/growth

.PHONY: guest
guest:
	@selftests/vm/deps demo
	@$(if $(VFIO),NYX_GUEST_VERBOSE=1 selftests/guest/vfio --iommu '$(or $(IOMMU),vtd)' \
		$(VFIO),selftests/guest/show $(if $(IOMMU),--iommu '$(IOMMU)') \
		$(if $(KERNEL),--kernel '$(KERNEL)') $(if $(APPEND),--append '$(APPEND)'))

.PHONY: load unload
load: modules
	insmod $(MODULE)
unload:
	rmmod nyx-iommu

.PHONY: docs
docs:
	@selftests/vm/deps docs
	@Documentation/build build/docs

# The module goes where depmod prefers it, without what debuggers read. With NYX_DKMS=1
# its source does, for DKMS. Into DESTDIR only files go; else the system takes them into use.
.PHONY: install install-user install-module install-dkms
install: install-user $(if $(NYX_DKMS),install-dkms,install-module)
	$(if $(DESTDIR)$(NYX_DKMS),,@PREFIX=$(PREFIX) userspace/setup finish $(MODULE_RELEASE))
install-user:
	@$(USER)
	@$(USER) DESTDIR=$(DESTDIR) install
	install -D -m 644 userspace/udev/60-nyx-iommu.rules \
		$(DESTDIR)/usr/lib/udev/rules.d/60-nyx-iommu.rules
	install -D -m 644 userspace/udev/nyx-iommu.conf \
		$(DESTDIR)/usr/lib/modules-load.d/nyx-iommu.conf
install-module: modules-installed
	install -d $(DESTDIR)/lib/modules/$(MODULE_RELEASE)/updates
	strip --strip-debug -o $(DESTDIR)/lib/modules/$(MODULE_RELEASE)/updates/nyx-iommu.ko \
		$(INSTALLED)
install-dkms:
	mkdir -p $(DKMS_TREE)
	cp -a dkms.conf Kbuild kmod uapi $(DKMS_TREE)/

# With the PREFIX, DESTDIR and NYX_DKMS of the install. The module goes from every kernel.
.PHONY: uninstall uninstall-user uninstall-module uninstall-dkms
uninstall: uninstall-user $(if $(NYX_DKMS),uninstall-dkms,uninstall-module)
uninstall-user:
	@$(USER) DESTDIR=$(DESTDIR) uninstall
	rm -f $(DESTDIR)/usr/lib/udev/rules.d/60-nyx-iommu.rules \
		$(DESTDIR)/usr/lib/modules-load.d/nyx-iommu.conf
	$(if $(DESTDIR),,ldconfig)
uninstall-module:
	for dir in $(DESTDIR)/lib/modules/*; do \
		[ -e $$dir/updates/nyx-iommu.ko ] || continue; \
		rm $$dir/updates/nyx-iommu.ko || exit; \
		$(if $(DESTDIR),,depmod $${dir##*/} || exit;) \
	done
uninstall-dkms:
	$(if $(DESTDIR),rm -rf $(DKMS_TREE),userspace/setup undo-dkms $(VERSION))

# All of install, with a module that DKMS builds. The module is built for the running kernel
# first, so that an error of this tree shows before anything is installed.
.PHONY: dkms
dkms:
	@command -v dkms >/dev/null || { echo 'no dkms; apt-get install dkms' >&2; exit 1; }
	@$(MAKE) --no-print-directory modules-installed
	@$(USER)
	@userspace/setup undo-dkms $(VERSION)
	@$(MAKE) --no-print-directory uninstall-module install-dkms
	@userspace/setup dkms $(VERSION)
	@$(MAKE) --no-print-directory install-user
	@PREFIX=$(PREFIX) userspace/setup finish $(RUNNING)

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@sed -n '2,/^$$/{s/^# \{0,1\}//p}' Makefile

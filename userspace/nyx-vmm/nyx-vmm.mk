# SPDX-License-Identifier: GPL-2.0-only
# nyx-vmm, for x86-64. Included by ../Makefile.

NYX_VMM_SRC	:= $(sort $(wildcard nyx-vmm/*.c))
NYX_VMM_OBJ	:= $(NYX_VMM_SRC:nyx-vmm/%.c=$(O)/obj/nyx-vmm/%.o) $(COMMON_OBJ)
NYX_VMM_PKGS	:= json-c liburing
NYX_VMM_CPPFLAGS = $(LIBNYX_CPPFLAGS) $(COMMON_CPPFLAGS) $(shell $(PKG_CONFIG) --cflags $(NYX_VMM_PKGS)) \
	-DNYX_VMM_VERSION='"$(VERSION)"'
NYX_VMM_LIBS	= $(shell $(PKG_CONFIG) --libs $(NYX_VMM_PKGS))

DEPS	+= $(NYX_VMM_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/nyx-vmm/
ifeq ($(shell $(CC) -dumpmachine | cut -d- -f1),x86_64)
OUTPUTS	+= $(O)/nyx-vmm
install: install-nyx-vmm
uninstall: uninstall-nyx-vmm
endif

$(O)/obj/nyx-vmm/%.o: nyx-vmm/%.c $(O)/obj/flags | $(O)/obj/nyx-vmm/
	$(call cc,$(NYX_VMM_CPPFLAGS))

$(O)/nyx-vmm: $(NYX_VMM_OBJ) $(O)/libnyx.a
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(NYX_VMM_LIBS)

.PHONY: install-nyx-vmm
install-nyx-vmm: $(O)/nyx-vmm
	$(INSTALL) -d $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(O)/nyx-vmm $(DESTDIR)$(BINDIR)/

.PHONY: uninstall-nyx-vmm
uninstall-nyx-vmm:
	rm -f $(DESTDIR)$(BINDIR)/nyx-vmm

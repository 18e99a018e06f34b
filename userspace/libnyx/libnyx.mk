# SPDX-License-Identifier: LGPL-2.1-or-later
# libnyx, shared and static. Included by ../Makefile.

LIBNYX_SONAME	:= libnyx.so.0
LIBNYX_SRC	:= $(sort $(wildcard libnyx/src/*.c))
LIBNYX_OBJ	:= $(LIBNYX_SRC:libnyx/src/%.c=$(O)/obj/libnyx/%.o)
LIBNYX_HEADERS	:= $(sort $(wildcard libnyx/include/nyx/*.h))
LIBNYX_CPPFLAGS	:= -Ilibnyx/include -I$(UAPI)

OUTPUTS	+= $(O)/libnyx.so $(O)/libnyx.a $(O)/libnyx.pc
DEPS	+= $(LIBNYX_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/libnyx/

$(O)/obj/libnyx/%.o: libnyx/src/%.c $(O)/obj/flags | $(O)/obj/libnyx/
	$(call cc,$(LIBNYX_CPPFLAGS) -DLIBNYX_VERSION='"$(VERSION)"' \
		-fPIC -fvisibility=hidden)

$(O)/libnyx.a: $(LIBNYX_OBJ)
	$(call say,AR)rm -f $@ && $(AR) rcsD $@ $^

$(O)/libnyx.so.$(VERSION): $(LIBNYX_OBJ) libnyx/libnyx.map
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIBNYX_SONAME) \
		-Wl,--version-script=libnyx/libnyx.map $(LIBNYX_LDFLAGS) -o $@ $(LIBNYX_OBJ)

$(O)/$(LIBNYX_SONAME): $(O)/libnyx.so.$(VERSION)
	$(Q)ln -sf $(<F) $@

$(O)/libnyx.so: $(O)/$(LIBNYX_SONAME)
	$(Q)ln -sf $(<F) $@

# Depends on where it will be installed, so it is always made anew.
$(O)/libnyx.pc: libnyx/libnyx.pc.in FORCE | $(O)/
	$(Q)sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' \
		-e 's|@includedir@|$(INCLUDEDIR)|' -e 's|@version@|$(VERSION)|' $< >$@

.PHONY: install-libnyx
install-libnyx: $(O)/libnyx.so $(O)/libnyx.a $(O)/libnyx.pc
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/nyx \
		$(DESTDIR)$(INCLUDEDIR)/linux
	$(INSTALL) -m 755 $(O)/libnyx.so.$(VERSION) $(DESTDIR)$(LIBDIR)/
	ln -sf libnyx.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(LIBNYX_SONAME)
	ln -sf $(LIBNYX_SONAME) $(DESTDIR)$(LIBDIR)/libnyx.so
	$(INSTALL) -m 644 $(O)/libnyx.a $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 644 $(O)/libnyx.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	$(INSTALL) -m 644 $(LIBNYX_HEADERS) $(DESTDIR)$(INCLUDEDIR)/nyx/
	$(INSTALL) -m 644 $(UAPI)/linux/nyx_iommu.h $(DESTDIR)$(INCLUDEDIR)/linux/

.PHONY: uninstall-libnyx
uninstall-libnyx:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libnyx.so.$(VERSION) $(LIBNYX_SONAME) libnyx.so \
		libnyx.a pkgconfig/libnyx.pc)
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,linux/nyx_iommu.h \
		$(LIBNYX_HEADERS:libnyx/include/%=%))
	rmdir $(DESTDIR)$(INCLUDEDIR)/nyx 2>/dev/null || true

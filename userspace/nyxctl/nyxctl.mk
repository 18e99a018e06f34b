# SPDX-License-Identifier: GPL-2.0-only
# nyxctl. Included by ../Makefile.
#
# It carries libnyx inside, so that it runs from the build folder and needs no
# ldconfig(8). A package that ships the shared library sets NYXCTL_LIBNYX=shared.

NYXCTL_SRC	:= $(sort $(wildcard nyxctl/*.c))
NYXCTL_OBJ	:= $(NYXCTL_SRC:nyxctl/%.c=$(O)/obj/nyxctl/%.o) $(COMMON_OBJ)
NYXCTL_PKGS	:= json-c smartcols
NYXCTL_CPPFLAGS	= $(LIBNYX_CPPFLAGS) $(COMMON_CPPFLAGS) $(shell $(PKG_CONFIG) --cflags $(NYXCTL_PKGS)) \
	-DNYXCTL_VERSION='"$(VERSION)"'
NYXCTL_LIBS	= $(shell $(PKG_CONFIG) --libs $(NYXCTL_PKGS))
NYXCTL_LIBNYX	?= static
NYXCTL_LIB_static := $(O)/libnyx.a
NYXCTL_LIB_shared := $(O)/libnyx.so

OUTPUTS	+= $(O)/nyxctl
DEPS	+= $(NYXCTL_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/nyxctl/

$(O)/obj/nyxctl/%.o: nyxctl/%.c $(O)/obj/flags | $(O)/obj/nyxctl/
	$(call cc,$(NYXCTL_CPPFLAGS))

$(O)/nyxctl: $(NYXCTL_OBJ) $(NYXCTL_LIB_$(NYXCTL_LIBNYX))
	$(call say,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(NYXCTL_LIBS)

.PHONY: install-nyxctl
install-nyxctl: $(O)/nyxctl
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(COMPLETIONDIR) $(ZSHCOMPLETIONDIR) \
		$(FISHCOMPLETIONDIR))
	$(INSTALL) -m 755 $(O)/nyxctl $(DESTDIR)$(BINDIR)/
	$(INSTALL) -m 644 nyxctl/completion/nyxctl.bash $(DESTDIR)$(COMPLETIONDIR)/nyxctl
	$(INSTALL) -m 644 nyxctl/completion/_nyxctl $(DESTDIR)$(ZSHCOMPLETIONDIR)/
	$(INSTALL) -m 644 nyxctl/completion/nyxctl.fish $(DESTDIR)$(FISHCOMPLETIONDIR)/

.PHONY: uninstall-nyxctl
uninstall-nyxctl:
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/nyxctl $(COMPLETIONDIR)/nyxctl \
		$(ZSHCOMPLETIONDIR)/_nyxctl $(FISHCOMPLETIONDIR)/nyxctl.fish)

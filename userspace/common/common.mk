# SPDX-License-Identifier: GPL-2.0-only
# The part that nyxctl and nyx-vmm share. Included by ../Makefile, before both.

COMMON_OBJ	:= $(O)/obj/common/number.o
COMMON_CPPFLAGS	:= -Icommon

DEPS	+= $(COMMON_OBJ:.o=.d)
OBJDIRS	+= $(O)/obj/common/

$(O)/obj/common/%.o: common/%.c $(O)/obj/flags | $(O)/obj/common/
	$(call cc,$(COMMON_CPPFLAGS))

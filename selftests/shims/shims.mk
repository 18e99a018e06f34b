# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's headers in user space, for host, fuzz and bench. common/ has those with
# something in them; a folder named in $(SHIMS), before common/ on the path, has what a
# build does otherwise. The rest, below, is made in $(out)/shims: each includes one of
# common/host.

shims := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
shim_flags = $(SHIMS:%=-I$(shims)/%) -I$(shims)/common -I$(out)/shims

shims_kernel := linux/align linux/bitfield linux/bitops linux/bits linux/bug linux/build_bug \
	linux/cache linux/compiler linux/container_of linux/dma-mapping linux/err linux/export \
	linux/kconfig linux/kernel linux/log2 linux/math linux/math64 linux/mem_encrypt linux/minmax \
	linux/module linux/moduleparam linux/nospec linux/overflow linux/string
shims_sync := asm/barrier asm/processor linux/atomic linux/completion linux/cpumask \
	linux/delay linux/irqflags linux/jiffies linux/kthread linux/ktime linux/lockdep \
	linux/mutex linux/percpu linux/preempt linux/rcupdate linux/sched linux/sched/mm linux/sched/signal \
	linux/spinlock linux/time64 linux/timekeeping linux/wait
shims_memory := linux/gfp linux/io linux/mm linux/slab linux/vmalloc

# Objects that are compiled with $(shim_flags) need it first: | $(shims_made)
shims_made = $(out)/shims/.made
$(shims_made): $(shims)/shims.mk
	@mkdir -p $(@D)/asm $(@D)/linux/sched
	@$(foreach h,kernel sync memory,for f in $(shims_$h); do \
		echo '#include "host/$h.h"' >$(@D)/$$f.h; done;)
	@touch $@
# all is the default, not this
.DEFAULT_GOAL :=

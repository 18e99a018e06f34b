/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/memory.h"

#ifndef NYX_HOST_BITMAP_H
#define NYX_HOST_BITMAP_H

#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]
#define bitmap_zero(map, n)	((void)memset(map, 0, BITS_TO_LONGS(n) * sizeof(long)))

static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int nr)
{
	for (; nr; nr--, start++)
		map[start / BITS_PER_LONG] |= BIT(start % BITS_PER_LONG);
}

/* From @offset on; @size if there is none. */
static inline unsigned long find_next_and_bit(const unsigned long *a, const unsigned long *b,
					      unsigned long size, unsigned long offset)
{
	unsigned long i, both;

	while (offset < size) {
		i = offset / BITS_PER_LONG;
		both = a[i] & b[i] & ~0UL << offset % BITS_PER_LONG;
		offset = i * BITS_PER_LONG + (both ? __builtin_ctzl(both) : BITS_PER_LONG);
		if (both)
			break;
	}
	return offset < size ? offset : size;
}

static inline bool test_and_set_bit(long nr, unsigned long *map)
{
	unsigned long bit = BIT(nr % BITS_PER_LONG);

	return __atomic_fetch_or(&map[nr / BITS_PER_LONG], bit, __ATOMIC_SEQ_CST) & bit;
}

static inline void clear_bit(long nr, unsigned long *map)
{
	__atomic_fetch_and(&map[nr / BITS_PER_LONG], ~BIT(nr % BITS_PER_LONG),
			   __ATOMIC_RELAXED);
}

#endif

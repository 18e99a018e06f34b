/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers, sizes and times of command lines.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A size is hexadecimal with 0x, or decimal with an optional fraction and unit:
 *
 *	B			1
 *	K KiB, M MiB ... E EiB	powers of 1024
 *	KB, MB ... EB		powers of 1000
 *
 * Upper and lower case are the same. dd(1), qemu-img(1) and libvirt agree on
 * these; words that they read differently are refused: "b" (512 bytes or one), a
 * hexadecimal number with a unit ("0x1B"), a fraction of a byte.
 *
 * A time is decimal with an optional fraction and a unit: ms, s, m, h, d. Without
 * a unit it is in seconds.
 */
#ifndef NYX_COMMON_NUMBER_H
#define NYX_COMMON_NUMBER_H

#include <stdint.h>

/*
 * Both return 0; -EINVAL if @word is not a size or time; -EDOM if its fraction
 * leaves no whole number of bytes or milliseconds; -EOVERFLOW if it does not fit
 * in 64 bits.
 */
int number_size(const char *word, uint64_t *bytes);
int number_time(const char *word, uint64_t *ms);

#endif /* NYX_COMMON_NUMBER_H */

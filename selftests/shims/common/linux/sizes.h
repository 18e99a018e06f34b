/* SPDX-License-Identifier: GPL-2.0-only */
#define SZ_16K	0x4000
#define SZ_1M	0x100000
#define SZ_2M			0x00200000

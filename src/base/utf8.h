/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/utf8.h - steps over UTF-8 text, strictly: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */
#ifndef FL_BASE_UTF8_H
#define FL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1..4) of the character that starts `p`, its value in *out_rune; 0: invalid. */
static inline size_t fl_utf8_step(const uint8_t *p, size_t len, uint32_t *out_rune)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*out_rune = p[0];
		return 1;
	}
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;

	uint32_t rune = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (rune < least[n] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	*out_rune = rune;
	return n;
}

/* The length of the longest front of at most `most` bytes that is whole, valid characters. */
static inline size_t fl_utf8_front(const uint8_t *p, size_t len, size_t most)
{
	size_t at = 0;
	uint32_t rune;

	while (at < len) {
		size_t n = fl_utf8_step(p + at, len - at, &rune);
		if (n == 0 || n > most - at)
			break;
		at += n;
	}
	return at;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/ws_script.c - WebSocket frames written by hand. */
#include "ws_script.h"

#include <string.h>

static const uint8_t mask[4] = { 0x11, 0x22, 0x93, 0xf4 };

static void put_payload(struct fl_buf *b, const uint8_t *p, size_t len, bool masked)
{
	if (masked)
		fl_buf_put(b, mask, sizeof mask);
	for (size_t i = 0; i < len; i++)
		fl_buf_byte(b, masked ? p[i] ^ mask[i % 4] : p[i]);
}

void ws_put_frame(struct fl_buf *b, uint8_t first, const void *data, size_t len, bool masked)
{
	uint8_t bit = masked ? 0x80 : 0;

	fl_buf_byte(b, first);
	if (len < 126) {
		fl_buf_byte(b, (uint8_t)(bit | len));
	} else if (len <= UINT16_MAX) {
		fl_buf_byte(b, bit | 126);
		fl_buf_be(b, len, 2);
	} else {
		fl_buf_byte(b, bit | 127);
		fl_buf_be(b, len, 8);
	}
	put_payload(b, data, len, masked);
}

static uint8_t first_of(char kind)
{
	switch (kind) {
	case 'b':
		return 0x02;
	case 'C':
		return 0x80;
	case 'c':
		return 0x00;
	case 'P':
		return 0x89;
	case 'p':
		return 0x8a;
	case 'X':
		return 0x88;
	case 'T':
		return 0x81;
	case 'R':
		return 0xc2;
	case 'U':
		return 0x83;
	case 'F':
		return 0x09;
	default:
		return 0x82;
	}
}

static void put_long_form(struct fl_buf *b, const void *data, size_t len, bool masked)
{
	fl_buf_byte(b, 0x82);
	fl_buf_byte(b, masked ? 0x80 | 126 : 126);
	fl_buf_be(b, len, 2);
	put_payload(b, data, len, masked);
}

void ws_put_script(struct fl_buf *b, const char *script, bool masked)
{
	while (*script != '\0') {
		char kind = script[0];
		const char *data = script + 2, *end = strchr(data, ' ');
		size_t len = end != NULL ? (size_t)(end - data) : strlen(data);
		if (kind == 'L')
			put_long_form(b, data, len, masked);
		else
			ws_put_frame(b, first_of(kind), data, len, kind == 'M' ? !masked : masked);
		script = data + len + (end != NULL);
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_qr_code.c - a QR code as characters: its frame, its corners, its limits. */
#include "../base/table.h"

#include <stdlib.h>

#include "io/qr_code.h"

enum { SIDE = 21, MARGIN = 2, WIDE = SIDE + 2 * MARGIN, CODE_MAX = 256 << 10, LONG = 4000 };

/* Where libqrencode is not installed there is nothing to draw with. */
static bool draw(const char *text, bool colour, struct fl_buf *out)
{
	struct fl_fault fault = { "" };
	enum fl_err err = fl_qr_code_draw(text, colour, &fault, out);

	if (err == FL_ERR_UNSUPPORTED) {
		assert_non_null(strstr(fault.text, "libqrencode4"));
		return false;
	}
	assert_err(err, FL_OK);
	return true;
}

/* Reads the characters back into modules: true is black. */
static void read_back(struct fl_slice text, bool black[WIDE + 1][WIDE])
{
	static const struct {
		const char *text;
		bool upper, lower;
	} blocks[] = {
		{ "\u2588", false, false },
		{ "\u2580", false, true },
		{ "\u2584", true, false },
		{ " ", true, true },
	};
	size_t x = 0, y = 0;

	while (text.len > 0) {
		size_t len = 0;
		for (size_t i = 0; i < COUNT(blocks) && len == 0; i++) {
			size_t n = strlen(blocks[i].text);
			if (text.len < n || memcmp(text.ptr, blocks[i].text, n) != 0)
				continue;
			assert_true(x < WIDE && y + 1 < WIDE + 2);
			black[y][x] = blocks[i].upper;
			black[y + 1][x++] = blocks[i].lower;
			len = n;
		}
		if (len == 0) {
			assert_int_equal(text.ptr[0], '\n');
			assert_int_equal(x, WIDE);
			x = 0;
			y += 2;
			len = 1;
		}
		text = fl_slice_skip(text, len);
	}
	assert_int_equal(y, WIDE + 1);
}

/* The mark of a corner: black, a white ring, three by three black. */
static void assert_corner(bool black[WIDE + 1][WIDE], size_t left, size_t top)
{
	for (size_t y = 0; y < 7; y++) {
		for (size_t x = 0; x < 7; x++) {
			bool edge = x == 0 || x == 6 || y == 0 || y == 6;
			bool heart = x >= 2 && x <= 4 && y >= 2 && y <= 4;
			assert_int_equal(black[top + y][left + x], edge || heart);
		}
	}
}

static void corners(void **state)
{
	struct fl_buf text = fl_buf_make(CODE_MAX);
	static bool black[WIDE + 1][WIDE];

	(void)state;
	if (!draw("SHIP", false, &text))
		skip();
	read_back(fl_buf_slice(&text), black);
	assert_corner(black, MARGIN, MARGIN);
	assert_corner(black, MARGIN + SIDE - 7, MARGIN);
	assert_corner(black, MARGIN, MARGIN + SIDE - 7);
	for (size_t i = 0; i < WIDE; i++) {
		assert_false(black[0][i] || black[1][i] || black[i][0] || black[i][1]);
		assert_false(black[WIDE - 1][i] || black[WIDE - 2][i] || black[i][WIDE - 1]);
	}
	fl_buf_done(&text);
}

static void colours(void **state)
{
	struct fl_buf text = fl_buf_make(CODE_MAX);
	static const char begin[] = "\033[37;40m", end[] = "\033[0m\n";

	(void)state;
	if (!draw("SHIP", true, &text))
		skip();
	assert_memory_equal(text.ptr, begin, sizeof begin - 1);
	assert_memory_equal(text.ptr + text.len - (sizeof end - 1), end, sizeof end - 1);
	fl_buf_done(&text);
}

static void too_long(void **state)
{
	struct fl_buf text = fl_buf_make(CODE_MAX);
	struct fl_fault fault = { "" };
	char line[LONG];

	(void)state;
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	enum fl_err err = fl_qr_code_draw(line, false, &fault, &text);
	if (err == FL_ERR_UNSUPPORTED)
		skip();
	assert_err(err, FL_ERR_TOO_BIG);
	assert_int_equal(text.len, 0);
}

static void no_room(void **state)
{
	struct fl_buf text = fl_buf_make(64);
	struct fl_fault fault = { "" };
	enum fl_err err = fl_qr_code_draw("SHIP", false, &fault, &text);

	(void)state;
	if (err == FL_ERR_UNSUPPORTED)
		skip();
	assert_err(err, FL_ERR_TOO_BIG);
	fl_buf_done(&text);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "frame and corners", corners, NULL);
	suite_add(&s, "colours", colours, NULL);
	suite_add(&s, "too long", too_long, NULL);
	suite_add(&s, "no room", no_room, NULL);
	return suite_run(&s, "io/qr_code");
}

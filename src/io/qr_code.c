/* SPDX-License-Identifier: BSD-3-Clause */
/* io/qr_code.c - opens libqrencode, and draws with half blocks. */
#include "io/qr_code.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "base/dl.h"

enum { MARGIN = 2 }; /* of four that the standard wants; readers of screens take two */

/* What libqrencode.so.4 has, as its qrencode.h says: so the program builds without it. */
enum { SMALLEST = 0, LEVEL_M = 1 };
struct qr {
	int version, width;
	unsigned char *data; /* a byte a module; bit 0: it is black */
};

#define WHITE_ON_BLACK "\033[37;40m"
#define PLAIN          "\033[0m"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;
static struct qr *(*encode)(const char *text, int version, int level);
static void (*release)(struct qr *qr);

static void load(void)
{
	void *lib = dlopen("libqrencode.so.4", RTLD_NOW | RTLD_LOCAL);

	loaded = lib != NULL && fl_dl_find(lib, "QRcode_encodeString8bit", &encode) &&
		 fl_dl_find(lib, "QRcode_free", &release);
}

/* Outside the code all is white. */
static bool is_black(const struct qr *qr, int x, int y)
{
	if (x < 0 || y < 0 || x >= qr->width || y >= qr->width)
		return false;
	return (qr->data[y * qr->width + x] & 1) != 0;
}

/* Two modules above each other as one character. The blocks are what is white. */
static void draw_line(const struct qr *qr, int y, bool colour, struct fl_buf *out)
{
	static const char *const blocks[2][2] = { { "\u2588", "\u2580" }, { "\u2584", " " } };

	fl_buf_str(out, colour ? WHITE_ON_BLACK : "");
	for (int x = -MARGIN; x < qr->width + MARGIN; x++)
		fl_buf_str(out, blocks[is_black(qr, x, y)][is_black(qr, x, y + 1)]);
	fl_buf_str(out, colour ? PLAIN "\n" : "\n");
}

enum fl_err fl_qr_code_draw(const char *text, bool colour, struct fl_fault *fault,
			    struct fl_buf *out)
{
	pthread_once(&once, load);
	if (!loaded)
		return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
				    "libqrencode is not installed, and drawing a QR code needs it: "
				    "install the package libqrencode4");
	errno = 0;
	struct qr *qr = encode(text, SMALLEST, LEVEL_M);
	if (qr == NULL)
		return errno == ERANGE ? fl_fault_set(fault, FL_ERR_TOO_BIG,
						      "the text is too long for a QR code")
				       : fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	for (int y = -MARGIN; y < qr->width + MARGIN; y += 2)
		draw_line(qr, y, colour, out);
	release(qr);
	return fl_buf_err(out);
}

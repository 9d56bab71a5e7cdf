/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/txt.h - the TXT record by which a SHIP node announces itself.
 *
 * Memory  plain values, nothing allocated.
 * Limits  FL_SHIP_TXT_MAX bytes written; a reader skips strings of more than 255 bytes.
 * Source  docs/protocol/ship.md 1.6, 2.1, 2.2
 */
#ifndef FL_WIRE_SHIP_TXT_H
#define FL_WIRE_SHIP_TXT_H

#include "base/buf.h"
#include "crypto/ski.h"
#include "wire/ship/message.h"

enum {
	FL_SHIP_TXT_MAX = 400,
	FL_SHIP_NAME_MAX = 32,
	FL_SHIP_PATH_MAX = 63,
	FL_SHIP_CATEGORIES_MAX = 8
};

struct fl_ship_txt {
	struct fl_ski ski;
	char id[FL_SHIP_ID_MAX + 1];
	char path[FL_SHIP_PATH_MAX + 1]; /* one leading slash, whatever was announced */
	bool auto_accept;                /* register=true */
	/* optional, "" if absent */
	char brand[FL_SHIP_NAME_MAX + 1], model[FL_SHIP_NAME_MAX + 1], type[FL_SHIP_NAME_MAX + 1];
	char serial[FL_SHIP_NAME_MAX + 1];
	uint32_t categories[FL_SHIP_CATEGORIES_MAX]; /* 1 to 7 have names; others are kept */
	size_t categories_count;
};

/*
 * Reads the strings of a record, in any order: the first of a key wins, keys in any case, unknown
 * ones are skipped. Optional values are cut at the end of a character, and absent if people could
 * not read them. Errors with text in `fault` (may be NULL): FL_ERR_SYNTAX (a mandatory key is
 * missing or its value is none), FL_ERR_VERSION (txtvers is not 1), FL_ERR_TOO_BIG (a mandatory
 * value is too long).
 */
FL_MUST enum fl_err fl_ship_txt_parse(const struct fl_slice *strings, size_t count,
				      struct fl_fault *fault, struct fl_ship_txt *out);

/*
 * Appends the record in the form of DNS: a length byte before each string, txtvers first. Optional
 * strings are dropped from the end where all would be too long. Errors, with nothing appended:
 * FL_ERR_INVALID (id empty or with a control byte, path with a byte that no URL has), FL_ERR_NOMEM,
 * FL_ERR_TOO_BIG (buffer).
 */
FL_MUST enum fl_err fl_ship_txt_write(const struct fl_ship_txt *t, struct fl_buf *out);

/* ---- values that the text of a QR code has too ---- */

/* Takes a SHIP ID. Errors as fl_ship_txt_parse. */
FL_MUST enum fl_err fl_ship_txt_take_id(struct fl_slice value, struct fl_fault *fault,
					struct fl_ship_txt *out);

/* Takes the SKI. Errors as fl_ship_txt_parse. */
FL_MUST enum fl_err fl_ship_txt_take_ski(struct fl_slice value, struct fl_fault *fault,
					 struct fl_ship_txt *out);

/* Takes an optional value, without white space at its ends. */
void fl_ship_txt_take_name(struct fl_slice value, char out[static FL_SHIP_NAME_MAX + 1]);

/* Numbers between commas; what is none is skipped, as are those beyond FL_SHIP_CATEGORIES_MAX. */
void fl_ship_txt_take_categories(struct fl_slice value, struct fl_ship_txt *out);
void fl_ship_txt_put_categories(const struct fl_ship_txt *t, struct fl_buf *out);

#endif

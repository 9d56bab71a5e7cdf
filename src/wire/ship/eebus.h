/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/eebus.h - plain JSON to EEBUS JSON and back.
 *
 * On the wire every object is a list of objects of one member each; only the root stays an object,
 * and what stands under `payload` is not wrapped. Both directions read with a real tokenizer: white
 * space, strings that look like syntax and numbers of any size come through as they are.
 *
 * Memory  text in, text appended to a buffer; nothing else is allocated.
 * Limits  FL_EEBUS_DEPTH_MAX levels of the wire form, where an object with members is two; the
 *         caller bounds the text, the buffer bounds the result and, before lists are merged, the
 *         text without white space.
 * Source  docs/protocol/ship.md 4.2
 */
#ifndef FL_WIRE_SHIP_EEBUS_H
#define FL_WIRE_SHIP_EEBUS_H

#include "base/buf.h"
#include "wire/ship/token.h"

enum { FL_EEBUS_DEPTH_MAX = 64 };

/*
 * Appends the plain form of one wire text. Plain objects in it pass as they are; a list whose
 * elements are all objects becomes one object; an empty list becomes {}. Two members of equal names
 * both stay, in order: for every reader the last one wins. Trailing zero bytes are skipped.
 * Errors, with nothing appended: FL_ERR_SYNTAX (also raw control bytes and invalid UTF-8),
 * FL_ERR_TOO_BIG (depth, buffer), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_eebus_to_plain(struct fl_slice wire, struct fl_buf *out);

/*
 * Appends the wire form of one plain value, which is what stands below the root: every object
 * becomes a list. Errors as above.
 */
FL_MUST enum fl_err fl_eebus_to_wire(struct fl_slice plain, struct fl_buf *out);

/*
 * The same of the one value that is due in a walk; errors stay in the walk or in the buffer, and
 * what was appended until then is for the caller to drop.
 */
void fl_eebus_value_to_plain(struct fl_tokens *t, struct fl_buf *out);
void fl_eebus_value_to_wire(struct fl_tokens *t, struct fl_buf *out);

/* Appends it as it is, without white space; FL_ERR_INVALID if it is not in wire form. */
void fl_eebus_value_copy(struct fl_tokens *t, struct fl_buf *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/redact.h - a SHIP message as it may be written down: without what is secret, or says
 * who lives there.
 *
 *	pin                          opens this hub, or the device
 *	dns                          of the access methods: where a device is reached from outside
 *	serialNumber, manufacturerNodeIdentification
 *	                             which single device it is
 *	identificationValue          which car, or whose card
 *	userNodeIdentification, userLabel, userDescription
 *	                             what the user wrote
 *
 * The value of a member of such a name becomes "***", whatever it is and wherever it stands; all
 * else stays byte for byte. The SHIP ID and the addresses of SPINE stay: without them nothing can
 * be followed, and the network hears them anyway. Measured values stay too: they are what a log is
 * read for.
 *
 * A text that cannot be read is left out as a whole: where nobody knows what is a name, nobody
 * knows what is a secret.
 *
 * Memory  appended to a buffer; nothing else.
 * Source  docs/protocol/ship.md 4.1, 4.3; docs/ship.md
 */
#ifndef FL_WIRE_SHIP_REDACT_H
#define FL_WIRE_SHIP_REDACT_H

#include "base/buf.h"

/* Errors stay in the buffer. */
void fl_ship_redact(struct fl_slice message, struct fl_buf *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/message_log.h - what devices and the hub say to each other, in a capture file that
 * stays within a size (docs/ship.md, "The message log").
 *
 * The file is written by a thread of its own: the loop never waits for the disk. A disk that is
 * full, gone or slow costs messages in the log and nothing else. They are counted, that it began is
 * said once, and the next message that is written tells how many are missing before it.
 *
 * Thread    the loop's; the writer inside is its own affair.
 * Memory    at most FL_SHIP_MESSAGE_LOG_WAITING bytes wait for the disk, and one message is copied.
 * Limits    FL_PCAPNG_SNAP bytes of a message are kept.
 * Security  0600; what wire/ship/redact.h names is left out unless `plain`.
 */
#ifndef FL_SERVICES_SHIP_MESSAGE_LOG_H
#define FL_SERVICES_SHIP_MESSAGE_LOG_H

#include "crypto/ski.h"
#include "io/loop.h"

enum {
	FL_SHIP_MESSAGE_LOG_WAITING = 4 << 20,
	FL_SHIP_MESSAGE_LOG_DEFAULT = 16 << 20, /* bytes of both files */
	FL_SHIP_MESSAGE_LOG_LEAST = 2 << 20,
};

struct fl_ship_message_log_config {
	const char *path;
	uint64_t max; /* bytes; 0: default */
	bool plain;   /* secrets too */
	struct fl_ski ski;
	const char *ship_id; /* of the hub, to be told apart by */
};

struct fl_ship_message_log;

/* Errors with text: those of fl_rolling_open; FL_ERR_INVALID (too small), FL_ERR_NOMEM, FL_ERR_BUSY
 * (no thread). */
FL_MUST enum fl_err fl_ship_message_log_new(struct fl_loop *l,
					    const struct fl_ship_message_log_config *cfg,
					    struct fl_fault *fault,
					    struct fl_ship_message_log **out);

/* Waits until all is written. The loop has to be polled once more. NULL in, NULL out. */
struct fl_ship_message_log *fl_ship_message_log_free(struct fl_ship_message_log *g);

/* One message as it is on the wire. NULL: there is no log. */
void fl_ship_message_log_put(struct fl_ship_message_log *g, const struct fl_ski *ski,
			     uint64_t connection, bool inbound, struct fl_slice message);

struct fl_ship_message_log_stats {
	uint64_t written, lost;
	size_t waiting;      /* bytes */
	bool failing, plain; /* failing: the last one could not be written */
	uint64_t max;
	const char *path; /* "" where there is no log */
};
/* NULL: all of it zero. */
void fl_ship_message_log_stats(const struct fl_ship_message_log *g,
			       struct fl_ship_message_log_stats *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/decode.h - map responses and register answers as far as the model looks at them.
 *
 * Own code on purpose: a fault shared with the server's encoder would prove itself right.
 */
#ifndef FL_BENCH_DECODE_H
#define FL_BENCH_DECODE_H

#include "model.h"

#define DECODE_ABSENT UINT64_MAX /* a list that was left out */

/* The members of a message as raw text, empty where absent. */
struct response {
	bool keep_alive;
	struct fl_slice node, peers, changed, removed, patches, online, filter, filters;
};
bool decode_response(struct fl_slice json, struct response *out);

/* A text's digest, never zero. */
uint64_t decode_text_digest(struct fl_slice text);

/* One Node object; false if the machine is not authorised. Names count up to their first dot. */
bool decode_peer(struct fl_slice json, struct peer *out);

/* The first two addresses of a Node object, unset where it has fewer. */
void decode_addresses(struct fl_slice json, struct fl_ip out[static 2]);

/* One PeerChange object: its id; and its effect on a peer. */
uint64_t decode_patch_id(struct fl_slice json);
void decode_patch(struct fl_slice json, struct peer *p);

/* A register answer that let the node in. Otherwise `out_why` gets the error text. */
bool decode_registered(struct fl_slice json, struct fl_slice *out_why);

#endif

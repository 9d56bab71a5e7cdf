/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/derp.h - the frames of the relay protocol and the two boxed messages of its login.
 *
 * A frame is `type:1 | length:4 big endian | body`. fl_derp_next cuts one off the front of a byte
 * range; fl_derp_as_* read a body; fl_derp_put_* append a whole frame. All pure: no state, no
 * clock, and memory only where a buffer is appended to.
 *
 * Memory    slices in results are borrowed from the input.
 * Limits    the body's length is judged on the header, before any byte of it is waited for:
 *           FL_DERP_LOGIN_MAX until a client has logged in, FL_DERP_BODY_MAX afterwards,
 *           FL_DERP_CLIENT_MAX at a client.
 * Security  the boxed ClientInfo is the only proof that a client owns its node key.
 * Source    docs/protocol/relay.md 5 and 6
 */
#ifndef FL_WIRE_DERP_H
#define FL_WIRE_DERP_H

#include "base/buf.h"
#include "base/ip.h"
#include "crypto/prim.h"

enum {
	FL_DERP_VERSION = 2,
	FL_DERP_HEADER_LEN = 5,
	FL_DERP_MAGIC_LEN = 8,
	FL_DERP_PING_LEN = 8,
	FL_DERP_PING_MAX = 1000,                                /* body a server accepts */
	FL_DERP_PACKET_MAX = 64 << 10,                          /* payload, keys excluded */
	FL_DERP_BODY_MAX = FL_DERP_PACKET_MAX + 2 * FL_KEY_LEN, /* after login */
	FL_DERP_LOGIN_MIN = FL_KEY_LEN + FL_BOX_NONCE_LEN,      /* ClientInfo body */
	FL_DERP_LOGIN_MAX = 256 << 10,                          /* any body before login */
	FL_DERP_CLIENT_MAX = 1 << 20,                           /* any body at a client */
	FL_DERP_RECV_HEAD = FL_DERP_HEADER_LEN + FL_KEY_LEN,    /* RecvPacket up to its payload */
	FL_DERP_APP_MAX = 64,                                   /* AppName kept, with its NUL */
};

enum fl_derp_type {
	FL_DERP_SERVER_KEY = 0x01,
	FL_DERP_CLIENT_INFO = 0x02,
	FL_DERP_SERVER_INFO = 0x03,
	FL_DERP_SEND_PACKET = 0x04,
	FL_DERP_RECV_PACKET = 0x05,
	FL_DERP_KEEP_ALIVE = 0x06,
	FL_DERP_NOTE_PREFERRED = 0x07,
	FL_DERP_PEER_GONE = 0x08,
	FL_DERP_PEER_PRESENT = 0x09,
	FL_DERP_FORWARD_PACKET = 0x0a,
	FL_DERP_WATCH_CONNS = 0x10,
	FL_DERP_CLOSE_PEER = 0x11,
	FL_DERP_PING = 0x12,
	FL_DERP_PONG = 0x13,
	FL_DERP_HEALTH = 0x14,
	FL_DERP_RESTARTING = 0x15,
};

enum fl_derp_gone { FL_DERP_GONE_DISCONNECTED = 0x00, FL_DERP_GONE_NOT_HERE = 0x01 };

enum fl_derp_present {
	FL_DERP_PRESENT_REGULAR = 1,
	FL_DERP_PRESENT_MESH = 2,
	FL_DERP_PRESENT_PROBER = 4,
	FL_DERP_PRESENT_NOT_IDEAL = 8,
};

struct fl_derp_frame {
	uint8_t type; /* enum fl_derp_type, or a value outside of it */
	struct fl_slice body;
};

struct fl_derp_packet {
	struct fl_node_key key; /* destination of a SendPacket, source of a RecvPacket */
	struct fl_slice payload;
};

struct fl_derp_forward {
	struct fl_node_key src, dst;
	struct fl_slice payload;
};

struct fl_derp_peer_gone {
	struct fl_node_key key;
	uint8_t reason; /* enum fl_derp_gone or unknown; absent on the wire means disconnected */
};

struct fl_derp_peer_present {
	struct fl_node_key key;
	struct fl_addrport at; /* unset if the sender left it out */
	uint8_t flags;         /* 0 if left out */
};

struct fl_derp_restarting {
	uint32_t reconnect_in_ms, try_for_ms;
};

struct fl_derp_client_info {
	int64_t version; /* 0 if left out */
	bool can_ack_pings, is_prober;
	bool has_mesh_key;
	uint8_t mesh_key[FL_KEY_LEN]; /* secret */
	char app[FL_DERP_APP_MAX];    /* cut if longer; "" if none or not printable */
	struct fl_box_key
		shared; /* set by open: seals the answer without another key exchange. Secret */
};

struct fl_derp_server_info {
	int64_t version;
	uint64_t bytes_per_second, bytes_burst; /* 0: no advice */
};

/*
 * The first frame of `in` in *out, its whole length in *out_used. FL_MORE: not complete yet.
 * Errors: FL_ERR_TOO_BIG as soon as the header announces more than `body_max`.
 */
FL_MUST enum fl_err fl_derp_next(struct fl_slice in, uint32_t body_max, struct fl_derp_frame *out,
				 size_t *out_used);

/*
 * Reads the header of a frame alone: its type and the length of its body. Errors as above.
 * For those who must judge, or make wait, before the body is there.
 */
FL_MUST static inline enum fl_err fl_derp_peek(struct fl_slice in, uint32_t body_max,
					       uint8_t *out_type, uint32_t *out_len)
{
	if (in.len < FL_DERP_HEADER_LEN)
		return FL_MORE;
	uint32_t len = (uint32_t)in.ptr[1] << 24 | (uint32_t)in.ptr[2] << 16 |
		       (uint32_t)in.ptr[3] << 8 | in.ptr[4];
	if (len > body_max)
		return FL_ERR_TOO_BIG;
	*out_type = in.ptr[0];
	*out_len = len;
	return FL_OK;
}

/* Bodies. Errors: FL_ERR_PROTO for a length the type does not allow. */
FL_MUST enum fl_err fl_derp_as_server_key(struct fl_slice body, uint8_t out_key[static FL_KEY_LEN]);
FL_MUST enum fl_err fl_derp_as_send(struct fl_slice body, struct fl_derp_packet *out);
FL_MUST enum fl_err fl_derp_as_recv(struct fl_slice body, struct fl_derp_packet *out);
FL_MUST enum fl_err fl_derp_as_forward(struct fl_slice body, struct fl_derp_forward *out);
FL_MUST enum fl_err fl_derp_as_preferred(struct fl_slice body, bool *out);
FL_MUST enum fl_err fl_derp_as_peer_gone(struct fl_slice body, struct fl_derp_peer_gone *out);
FL_MUST enum fl_err fl_derp_as_peer_present(struct fl_slice body, struct fl_derp_peer_present *out);
FL_MUST enum fl_err fl_derp_as_close_peer(struct fl_slice body, struct fl_node_key *out);
FL_MUST enum fl_err fl_derp_as_ping(struct fl_slice body, uint8_t out[static FL_DERP_PING_LEN]);
FL_MUST enum fl_err fl_derp_as_restarting(struct fl_slice body, struct fl_derp_restarting *out);

/* Writes a frame header. */
static inline void fl_derp_header(uint8_t out[static FL_DERP_HEADER_LEN], uint8_t type,
				  uint32_t len)
{
	out[0] = type;
	out[1] = (uint8_t)(len >> 24);
	out[2] = (uint8_t)(len >> 16);
	out[3] = (uint8_t)(len >> 8);
	out[4] = (uint8_t)len;
}

/* Appends a frame with this body; the errors of fl_buf stick in `b`. */
void fl_derp_put(struct fl_buf *b, uint8_t type, struct fl_slice body);
void fl_derp_put_server_key(struct fl_buf *b, const uint8_t key[static FL_KEY_LEN]);
void fl_derp_put_send(struct fl_buf *b, const struct fl_node_key *dst, struct fl_slice payload);
void fl_derp_put_recv(struct fl_buf *b, const struct fl_node_key *src, struct fl_slice payload);
void fl_derp_put_forward(struct fl_buf *b, const struct fl_derp_forward *f);
void fl_derp_put_preferred(struct fl_buf *b, bool preferred);
void fl_derp_put_peer_gone(struct fl_buf *b, const struct fl_derp_peer_gone *g);
void fl_derp_put_peer_present(struct fl_buf *b,
			      const struct fl_derp_peer_present *p); /* 51 bytes */
void fl_derp_put_close_peer(struct fl_buf *b, const struct fl_node_key *key);
void fl_derp_put_restarting(struct fl_buf *b, const struct fl_derp_restarting *r);

/* A disco message, by length and magic: such packets get a queue of their own. */
bool fl_derp_is_disco(struct fl_slice payload);

/*
 * The login. `seal` appends the whole frame; `nonce` must never repeat for the pair of keys.
 * `open` gives the sender's node key (client info) and the content. JSON names match in any case,
 * unknown ones are ignored.
 *
 * Errors  FL_ERR_PROTO: too short for key and nonce. FL_ERR_CRYPTO: the box does not open, or the
 *         key is zero or of low order. FL_ERR_SYNTAX: not such JSON, or a mesh key that is not
 *         exactly 64 hex digits. FL_ERR_TOO_BIG: over FL_DERP_LOGIN_MAX. FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_derp_client_info_open(const struct fl_private_key *server,
					     struct fl_slice body, struct fl_node_key *out_key,
					     struct fl_derp_client_info *out);
FL_MUST enum fl_err fl_derp_client_info_seal(const struct fl_private_key *client,
					     const uint8_t server[static FL_KEY_LEN],
					     const uint8_t nonce[static FL_BOX_NONCE_LEN],
					     const struct fl_derp_client_info *info,
					     struct fl_buf *b);
FL_MUST enum fl_err fl_derp_server_info_open(const struct fl_private_key *client,
					     const uint8_t server[static FL_KEY_LEN],
					     struct fl_slice body, struct fl_derp_server_info *out);
FL_MUST enum fl_err fl_derp_server_info_seal(const struct fl_box_key *shared,
					     const uint8_t nonce[static FL_BOX_NONCE_LEN],
					     const struct fl_derp_server_info *info,
					     struct fl_buf *b);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/derp.c - cuts relay frames out of a byte stream, reads and writes their bodies. */
#include "wire/derp.h"

#include "base/cur.h"

static const uint8_t magic[FL_DERP_MAGIC_LEN] = { 'D', 'E', 'R', 'P', 0xf0, 0x9f, 0x94, 0x91 };
static const uint8_t disco_magic[] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };

enum {
	DISCO_MIN = sizeof disco_magic + FL_KEY_LEN + FL_BOX_NONCE_LEN,
	IP_LEN = 16,
};

enum fl_err fl_derp_next(struct fl_slice in, uint32_t body_max, struct fl_derp_frame *out,
			 size_t *out_used)
{
	struct fl_cur cur = { .in = in };
	uint8_t type = (uint8_t)fl_cur_be(&cur, 1);
	uint32_t len = (uint32_t)fl_cur_be(&cur, 4);

	if (cur.bad)
		return FL_MORE;
	if (len > body_max) /* judged on the header: a peer may not make us wait for it */
		return FL_ERR_TOO_BIG;

	struct fl_slice body = fl_cur_take(&cur, len);
	if (cur.bad)
		return FL_MORE;

	*out = (struct fl_derp_frame){ .type = type, .body = body };
	*out_used = cur.at;
	return FL_OK;
}

void fl_derp_put(struct fl_buf *b, uint8_t type, struct fl_slice body)
{
	fl_buf_byte(b, type);
	fl_buf_be(b, body.len, 4);
	fl_buf_put(b, body.ptr, body.len);
}

static void put_key_frame(struct fl_buf *b, uint8_t type, const struct fl_node_key *key,
			  struct fl_slice rest)
{
	fl_buf_byte(b, type);
	fl_buf_be(b, sizeof key->b + rest.len, 4);
	fl_buf_put(b, key->b, sizeof key->b);
	fl_buf_put(b, rest.ptr, rest.len);
}

/* Longer than today is tolerated: the protocol keeps the room for later use. */
enum fl_err fl_derp_as_server_key(struct fl_slice body, uint8_t out_key[static FL_KEY_LEN])
{
	if (body.len < sizeof magic + FL_KEY_LEN || memcmp(body.ptr, magic, sizeof magic) != 0)
		return FL_ERR_PROTO;
	memcpy(out_key, body.ptr + sizeof magic, FL_KEY_LEN);
	return FL_OK;
}

void fl_derp_put_server_key(struct fl_buf *b, const uint8_t key[static FL_KEY_LEN])
{
	fl_buf_byte(b, FL_DERP_SERVER_KEY);
	fl_buf_be(b, sizeof magic + FL_KEY_LEN, 4);
	fl_buf_put(b, magic, sizeof magic);
	fl_buf_put(b, key, FL_KEY_LEN);
}

enum fl_err fl_derp_as_send(struct fl_slice body, struct fl_derp_packet *out)
{
	if (body.len < FL_KEY_LEN || body.len > FL_KEY_LEN + FL_DERP_PACKET_MAX)
		return FL_ERR_PROTO;
	memcpy(out->key.b, body.ptr, FL_KEY_LEN);
	out->payload = fl_slice_skip(body, FL_KEY_LEN);
	return FL_OK;
}

void fl_derp_put_send(struct fl_buf *b, const struct fl_node_key *dst, struct fl_slice payload)
{
	put_key_frame(b, FL_DERP_SEND_PACKET, dst, payload);
}

enum fl_err fl_derp_as_recv(struct fl_slice body, struct fl_derp_packet *out)
{
	return fl_derp_as_send(body, out); /* the same layout, with the source instead */
}

void fl_derp_put_recv(struct fl_buf *b, const struct fl_node_key *src, struct fl_slice payload)
{
	put_key_frame(b, FL_DERP_RECV_PACKET, src, payload);
}

enum fl_err fl_derp_as_forward(struct fl_slice body, struct fl_derp_forward *out)
{
	struct fl_cur cur = { .in = body };
	struct fl_slice src = fl_cur_take(&cur, FL_KEY_LEN);
	struct fl_slice dst = fl_cur_take(&cur, FL_KEY_LEN);
	struct fl_slice payload = fl_cur_rest(&cur);

	if (cur.bad || payload.len > FL_DERP_PACKET_MAX)
		return FL_ERR_PROTO;
	memcpy(out->src.b, src.ptr, FL_KEY_LEN);
	memcpy(out->dst.b, dst.ptr, FL_KEY_LEN);
	out->payload = payload;
	return FL_OK;
}

void fl_derp_put_forward(struct fl_buf *b, const struct fl_derp_forward *f)
{
	fl_buf_byte(b, FL_DERP_FORWARD_PACKET);
	fl_buf_be(b, 2 * FL_KEY_LEN + f->payload.len, 4);
	fl_buf_put(b, f->src.b, FL_KEY_LEN);
	fl_buf_put(b, f->dst.b, FL_KEY_LEN);
	fl_buf_put(b, f->payload.ptr, f->payload.len);
}

/* Any byte but 1 counts as "no", only the length is judged. */
enum fl_err fl_derp_as_preferred(struct fl_slice body, bool *out)
{
	if (body.len != 1)
		return FL_ERR_PROTO;
	*out = body.ptr[0] == 1;
	return FL_OK;
}

void fl_derp_put_preferred(struct fl_buf *b, bool preferred)
{
	fl_derp_put(b, FL_DERP_NOTE_PREFERRED, fl_slice_of(&(uint8_t){ preferred }, 1));
}

enum fl_err fl_derp_as_peer_gone(struct fl_slice body, struct fl_derp_peer_gone *out)
{
	if (body.len < FL_KEY_LEN)
		return FL_ERR_PROTO;
	memcpy(out->key.b, body.ptr, FL_KEY_LEN);
	out->reason = body.len > FL_KEY_LEN ? body.ptr[FL_KEY_LEN] : FL_DERP_GONE_DISCONNECTED;
	return FL_OK;
}

void fl_derp_put_peer_gone(struct fl_buf *b, const struct fl_derp_peer_gone *g)
{
	put_key_frame(b, FL_DERP_PEER_GONE, &g->key, fl_slice_of(&g->reason, 1));
}

static struct fl_ip ip_from_16(const uint8_t b[static IP_LEN])
{
	struct fl_ip ip = { .family = FL_IP_V6 };

	memcpy(ip.b, b, IP_LEN);
	return fl_ip_unmap(&ip);
}

static void put_ip_16(struct fl_buf *b, const struct fl_ip *ip)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };
	if (ip->family == FL_IP_V4) {
		fl_buf_put(b, prefix, sizeof prefix);
		fl_buf_put(b, ip->b, 4);
	} else {
		fl_buf_put(b, ip->b, IP_LEN);
	}
}

/* Older servers send less: key only, or key and address. Later ones may send more. */
enum fl_err fl_derp_as_peer_present(struct fl_slice body, struct fl_derp_peer_present *out)
{
	struct fl_cur cur = { .in = body };
	struct fl_derp_peer_present p = { 0 };

	fl_cur_copy(&cur, p.key.b, FL_KEY_LEN);
	if (cur.bad)
		return FL_ERR_PROTO;
	if (body.len - cur.at >= IP_LEN + 2) {
		p.at.ip = ip_from_16(fl_cur_take(&cur, IP_LEN).ptr);
		p.at.port = (uint16_t)fl_cur_be(&cur, 2);
		if (cur.at < body.len)
			p.flags = body.ptr[cur.at];
	}
	*out = p;
	return FL_OK;
}

void fl_derp_put_peer_present(struct fl_buf *b, const struct fl_derp_peer_present *p)
{
	fl_buf_byte(b, FL_DERP_PEER_PRESENT);
	fl_buf_be(b, FL_KEY_LEN + IP_LEN + 2 + 1, 4);
	fl_buf_put(b, p->key.b, FL_KEY_LEN);
	put_ip_16(b, &p->at.ip);
	fl_buf_be(b, p->at.port, 2);
	fl_buf_byte(b, p->flags);
}

enum fl_err fl_derp_as_close_peer(struct fl_slice body, struct fl_node_key *out)
{
	if (body.len != FL_KEY_LEN)
		return FL_ERR_PROTO;
	memcpy(out->b, body.ptr, FL_KEY_LEN);
	return FL_OK;
}

void fl_derp_put_close_peer(struct fl_buf *b, const struct fl_node_key *key)
{
	put_key_frame(b, FL_DERP_CLOSE_PEER, key, fl_slice_of(NULL, 0));
}

enum fl_err fl_derp_as_ping(struct fl_slice body, uint8_t out[static FL_DERP_PING_LEN])
{
	if (body.len < FL_DERP_PING_LEN || body.len > FL_DERP_PING_MAX)
		return FL_ERR_PROTO;
	memcpy(out, body.ptr, FL_DERP_PING_LEN);
	return FL_OK;
}

enum fl_err fl_derp_as_restarting(struct fl_slice body, struct fl_derp_restarting *out)
{
	struct fl_cur cur = { .in = body };
	uint32_t in_ms = (uint32_t)fl_cur_be(&cur, 4);
	uint32_t for_ms = (uint32_t)fl_cur_be(&cur, 4);

	if (cur.bad)
		return FL_ERR_PROTO;
	*out = (struct fl_derp_restarting){ .reconnect_in_ms = in_ms, .try_for_ms = for_ms };
	return FL_OK;
}

void fl_derp_put_restarting(struct fl_buf *b, const struct fl_derp_restarting *r)
{
	fl_buf_byte(b, FL_DERP_RESTARTING);
	fl_buf_be(b, 8, 4);
	fl_buf_be(b, r->reconnect_in_ms, 4);
	fl_buf_be(b, r->try_for_ms, 4);
}

bool fl_derp_is_disco(struct fl_slice payload)
{
	return payload.len >= DISCO_MIN &&
	       memcmp(payload.ptr, disco_magic, sizeof disco_magic) == 0;
}

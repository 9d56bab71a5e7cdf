/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/derp_info.c - the boxed JSON of the relay login: ClientInfo and ServerInfo. */
#include "wire/derp.h"

#include "base/jw.h"
#include "base/text.h"
#include "wire/json.h"

#include <stdlib.h>

enum {
	INFO_HEAD = FL_BOX_NONCE_LEN + FL_BOX_OVERHEAD,
	INFO_DEPTH = 8, /* ours is flat; room for what later clients add */
};

/* The text in a box `nonce | tag | ciphertext`, malloc'ed. Wiped and freed by the caller. */
static enum fl_err open_box(const struct fl_box_key *k, struct fl_slice in, uint8_t **out,
			    size_t *out_len)
{
	if (in.len < FL_BOX_NONCE_LEN)
		return FL_ERR_PROTO;
	if (in.len < INFO_HEAD)
		return FL_ERR_CRYPTO;
	size_t len = in.len - INFO_HEAD;
	uint8_t *text = malloc(len + 1);
	if (text == NULL)
		return FL_ERR_NOMEM;

	enum fl_err err = fl_box_key_open(k, in.ptr, fl_slice_skip(in, FL_BOX_NONCE_LEN), text);
	if (err != FL_OK) {
		free(text);
		return err;
	}
	*out = text;
	*out_len = len;
	return FL_OK;
}

/* Appends a frame: `key` (may be empty), nonce, box over `text`. */
static enum fl_err seal_frame(const struct fl_box_key *k,
			      const uint8_t nonce[static FL_BOX_NONCE_LEN], uint8_t type,
			      struct fl_slice key, struct fl_slice text, struct fl_buf *b)
{
	size_t box_len = text.len + FL_BOX_OVERHEAD;
	size_t body_len = key.len + FL_BOX_NONCE_LEN + box_len;

	enum fl_err err = fl_buf_reserve(b, FL_DERP_HEADER_LEN + body_len);
	if (err != FL_OK)
		return err;
	uint8_t *box = b->ptr + b->len + FL_DERP_HEADER_LEN + key.len + FL_BOX_NONCE_LEN;
	err = fl_box_key_seal(k, nonce, text, box);
	if (err != FL_OK)
		return err;

	fl_buf_byte(b, type);
	fl_buf_be(b, body_len, 4);
	fl_buf_put(b, key.ptr, key.len);
	fl_buf_put(b, nonce, FL_BOX_NONCE_LEN);
	b->len += box_len;
	return FL_OK;
}

/* An empty or short mesh key is refused rather than ignored, as all servers do. */
static void read_mesh_key(struct fl_jv v, struct fl_derp_client_info *out)
{
	if (!fl_json_has(v))
		return;
	if (fl_hex_decode(fl_json_str(v), out->mesh_key, sizeof out->mesh_key) != FL_OK)
		fl_json_fail(v, FL_ERR_SYNTAX);
	out->has_mesh_key = true;
	fl_json_wipe(v);
}

/* At most `max` bytes of valid UTF-8, not cut inside a character. */
static struct fl_slice whole_chars(struct fl_slice text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && (text.ptr[max] & 0xc0) == 0x80)
		max--;
	return fl_slice_of(text.ptr, max);
}

static enum fl_err read_client_info(struct fl_slice text, struct fl_derp_client_info *out)
{
	struct fl_json *doc;
	enum fl_err err = fl_json_parse(text, INFO_DEPTH, &doc);
	if (err != FL_OK)
		return err;

	struct fl_jv root = fl_json_root(doc);
	struct fl_slice app = fl_json_str(fl_json_get(root, "AppName"));
	out->version = (int64_t)fl_json_u64(fl_json_get(root, "version"), INT64_MAX);
	out->can_ack_pings = fl_json_bool(fl_json_get(root, "CanAckPings"));
	out->is_prober = fl_json_bool(fl_json_get(root, "IsProber"));
	read_mesh_key(fl_json_get(root, "meshKey"), out);
	if (fl_str_is_clean(app))
		fl_str_copy(out->app, sizeof out->app, whole_chars(app, sizeof out->app - 1));
	err = fl_json_err(doc);
	fl_json_free(doc);
	return err;
}

enum fl_err fl_derp_client_info_open(const struct fl_private_key *server, struct fl_slice body,
				     struct fl_node_key *out_key, struct fl_derp_client_info *out)
{
	struct fl_derp_client_info info = { 0 };
	struct fl_node_key key;
	uint8_t *text;
	size_t len;

	if (body.len < FL_DERP_LOGIN_MIN)
		return FL_ERR_PROTO;
	if (body.len > FL_DERP_LOGIN_MAX)
		return FL_ERR_TOO_BIG;
	memcpy(key.b, body.ptr, sizeof key.b);
	if (fl_node_key_is_zero(&key))
		return FL_ERR_CRYPTO;

	enum fl_err err = fl_box_key_make(server, key.b, &info.shared);
	if (err == FL_OK)
		err = open_box(&info.shared, fl_slice_skip(body, FL_KEY_LEN), &text, &len);
	if (err != FL_OK) {
		fl_wipe(&info, sizeof info);
		return err;
	}

	err = read_client_info(fl_slice_of(text, len), &info);
	if (err == FL_OK) {
		*out_key = key;
		*out = info;
	}
	fl_wipe(text, len); /* may hold the mesh key */
	fl_wipe(&info, sizeof info);
	free(text);
	return err;
}

enum fl_err fl_derp_client_info_seal(const struct fl_private_key *client,
				     const uint8_t server[static FL_KEY_LEN],
				     const uint8_t nonce[static FL_BOX_NONCE_LEN],
				     const struct fl_derp_client_info *info, struct fl_buf *b)
{
	char mem[1024], mesh[2 * FL_KEY_LEN + 1];
	struct fl_buf text = fl_buf_over(mem, sizeof mem);
	struct fl_jw w = fl_jw_make(&text);
	uint8_t public[FL_KEY_LEN];
	struct fl_box_key shared = { 0 };

	fl_jw_obj(&w);
	if (info->has_mesh_key) { /* left out otherwise: servers refuse an empty one */
		fl_hex_encode(info->mesh_key, sizeof info->mesh_key, mesh);
		fl_jw_key(&w, "meshKey");
		fl_jw_str(&w, mesh);
	}
	if (info->version != 0) {
		fl_jw_key(&w, "version");
		fl_jw_i64(&w, info->version);
	}
	fl_jw_key(&w, "CanAckPings");
	fl_jw_bool(&w, info->can_ack_pings);
	if (info->is_prober) {
		fl_jw_key(&w, "IsProber");
		fl_jw_bool(&w, true);
	}
	if (info->app[0] != '\0') {
		fl_jw_key(&w, "AppName");
		fl_jw_str(&w, info->app);
	}
	fl_jw_obj_end(&w);

	fl_private_key_public(client, public);
	enum fl_err err = fl_buf_err(&text);
	if (err == FL_OK)
		err = fl_box_key_make(client, server, &shared);
	if (err == FL_OK)
		err = seal_frame(&shared, nonce, FL_DERP_CLIENT_INFO,
				 fl_slice_of(public, sizeof public), fl_buf_slice(&text), b);
	fl_wipe(&shared, sizeof shared);
	fl_wipe(mem, sizeof mem);
	fl_wipe(mesh, sizeof mesh);
	return err;
}

static enum fl_err read_server_info(struct fl_slice text, struct fl_derp_server_info *out)
{
	struct fl_json *doc;
	enum fl_err err = fl_json_parse(text, INFO_DEPTH, &doc);
	if (err != FL_OK)
		return err;

	struct fl_jv root = fl_json_root(doc);
	struct fl_jv rate = fl_json_get(root, "TokenBucketBytesPerSecond");
	struct fl_jv burst = fl_json_get(root, "TokenBucketBytesBurst");
	out->version = (int64_t)fl_json_u64(fl_json_get(root, "version"), INT64_MAX);
	out->bytes_per_second = fl_json_u64(rate, INT64_MAX);
	out->bytes_burst = fl_json_u64(burst, INT64_MAX);
	err = fl_json_err(doc);
	fl_json_free(doc);
	return err;
}

enum fl_err fl_derp_server_info_open(const struct fl_private_key *client,
				     const uint8_t server[static FL_KEY_LEN], struct fl_slice body,
				     struct fl_derp_server_info *out)
{
	struct fl_derp_server_info info = { 0 };
	uint8_t *text;
	size_t len;

	if (body.len > FL_DERP_CLIENT_MAX)
		return FL_ERR_TOO_BIG;
	struct fl_box_key shared;
	enum fl_err err = fl_box_key_make(client, server, &shared);
	if (err != FL_OK)
		return err;
	err = open_box(&shared, body, &text, &len);
	fl_wipe(&shared, sizeof shared);
	if (err != FL_OK)
		return err;

	err = read_server_info(fl_slice_of(text, len), &info);
	free(text);
	if (err == FL_OK)
		*out = info;
	return err;
}

enum fl_err fl_derp_server_info_seal(const struct fl_box_key *shared,
				     const uint8_t nonce[static FL_BOX_NONCE_LEN],
				     const struct fl_derp_server_info *info, struct fl_buf *b)
{
	char mem[256];
	struct fl_buf text = fl_buf_over(mem, sizeof mem);
	struct fl_jw w = fl_jw_make(&text);

	fl_jw_obj(&w);
	fl_jw_key(&w, "version");
	fl_jw_i64(&w, info->version);
	if (info->bytes_per_second > 0 && info->bytes_burst > 0) {
		fl_jw_key(&w, "TokenBucketBytesPerSecond");
		fl_jw_u64(&w, info->bytes_per_second);
		fl_jw_key(&w, "TokenBucketBytesBurst");
		fl_jw_u64(&w, info->bytes_burst);
	}
	fl_jw_obj_end(&w);
	enum fl_err err = fl_buf_err(&text);
	if (err != FL_OK)
		return err;
	return seal_frame(shared, nonce, FL_DERP_SERVER_INFO, fl_slice_of(NULL, 0),
			  fl_buf_slice(&text), b);
}

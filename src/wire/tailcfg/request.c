/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/tailcfg/request.c - reads register and map requests, writes register answers. */
#include "wire/tailcfg/request.h"

#include <stdlib.h>

#include "base/jw.h"
#include "base/sip.h"
#include "wire/tailcfg/endpoints.h"
#include "wire/tailcfg/hostinfo_json.h"
#include "wire/tailcfg/request_scan.h"

/* Keys are text; an absent one stays zero, a malformed one fails the document. */
#define READ_KEY(root, name, kind, out)                                                            \
	do {                                                                                       \
		struct fl_jv key_value = fl_json_get(root, name);                                  \
		struct fl_slice key_text = fl_json_str(key_value);                                 \
		if (fl_json_has(key_value) && fl_##kind##_key_parse(key_text, out) != FL_OK)       \
			fl_json_fail(key_value, FL_ERR_SYNTAX);                                    \
	} while (0)

/* Go's integers may be negative; ours may not, and no real one is. */
static uint32_t read_version(struct fl_jv root)
{
	return (uint32_t)fl_json_u64(fl_json_get(root, "Version"), UINT32_MAX);
}

static bool read_flag(struct fl_jv root, const char *name)
{
	return fl_json_bool(fl_json_get(root, name));
}

/* A copy of a string of at most `max` bytes; NULL if it is absent or empty. */
static enum fl_err read_text(struct fl_jv v, size_t max, char **out)
{
	struct fl_slice text = fl_json_str(v);

	if (text.len == 0)
		return FL_OK;
	if (text.len > max)
		return FL_ERR_TOO_BIG;
	*out = fl_str_dup(text);
	return *out != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err read_auth(struct fl_jv auth, char **out)
{
	struct fl_jv key = fl_json_get(auth, "AuthKey");
	enum fl_err err = read_text(key, FL_TAILCFG_AUTHKEY_MAX, out);

	fl_json_wipe(key);
	return err;
}

static enum fl_err read_register(struct fl_jv root, struct fl_register_request *r)
{
	enum fl_err err = read_auth(fl_json_get(root, "Auth"), &r->auth_key);

	r->version = read_version(root);
	READ_KEY(root, "NodeKey", node, &r->node_key);
	r->expiry = fl_json_time(fl_json_get(root, "Expiry"));
	r->ephemeral = read_flag(root, "Ephemeral");
	if (err == FL_OK)
		err = read_text(fl_json_get(root, "Followup"), FL_TAILCFG_URL_MAX, &r->followup);
	if (err == FL_OK)
		err = fl_hostinfo_from(fl_json_get(root, "Hostinfo"), &r->hostinfo);
	return err;
}

enum fl_err fl_register_request_parse(struct fl_slice json, struct fl_register_request *out)
{
	struct fl_register_request r = { 0 };
	struct fl_json *doc = NULL;
	enum fl_err err = fl_json_parse(json, FL_TAILCFG_DEPTH_MAX, &doc);

	if (err != FL_OK)
		return err;
	err = read_register(fl_json_root(doc), &r);
	if (err == FL_OK)
		err = fl_json_err(doc);
	fl_json_free(doc);
	if (err != FL_OK) {
		fl_register_request_done(&r);
		return err;
	}
	*out = r;
	return FL_OK;
}

void fl_register_request_done(struct fl_register_request *r)
{
	if (r->auth_key != NULL)
		explicit_bzero(r->auth_key, strlen(r->auth_key));
	free(r->auth_key);
	free(r->followup);
	fl_hostinfo_unref(r->hostinfo);
	*r = (struct fl_register_request){ 0 };
}

void fl_register_response_write(const struct fl_register_response *r, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_jw_obj(&w);
	fl_jw_key(&w, "User");
	fl_jw_obj(&w);
	fl_jw_key(&w, "ID");
	fl_jw_u64(&w, r->user_id);
	fl_jw_key(&w, "DisplayName");
	fl_jw_str(&w, r->display_name);
	fl_jw_obj_end(&w);
	fl_jw_key(&w, "Login");
	fl_jw_obj(&w);
	fl_jw_key(&w, "ID");
	fl_jw_u64(&w, r->user_id);
	fl_jw_key(&w, "Provider");
	fl_jw_str(&w, "");
	fl_jw_key(&w, "LoginName");
	fl_jw_str(&w, r->login_name);
	fl_jw_key(&w, "DisplayName");
	fl_jw_str(&w, r->display_name);
	fl_jw_obj_end(&w);
	fl_jw_key(&w, "NodeKeyExpired");
	fl_jw_bool(&w, r->node_key_expired);
	fl_jw_key(&w, "MachineAuthorized");
	fl_jw_bool(&w, r->machine_authorized);
	fl_jw_key(&w, "AuthURL");
	fl_jw_str(&w, r->auth_url);
	fl_jw_key(&w, "NodeKeySignature");
	fl_jw_null(&w);
	fl_jw_key(&w, "Error");
	fl_jw_str(&w, r->error);
	fl_jw_obj_end(&w);
}

static enum fl_err read_endpoints(struct fl_jv list, struct fl_jv types, struct fl_map_request *r)
{
	size_t n = fl_json_len(list);

	r->has_endpoints = fl_json_has(list);
	enum fl_err err = fl_endpoints_reserve(r, &n);
	for (size_t i = 0; err == FL_OK && i < n; i++) {
		struct fl_jv text = fl_json_at(list, i);
		struct fl_jv type = i < fl_json_len(types) ? fl_json_at(types, i)
							   : (struct fl_jv){ .doc = types.doc };
		uint8_t code = (uint8_t)fl_json_u64(type, UINT8_MAX);
		if (fl_endpoints_add(r, fl_json_str(text), code) != FL_OK)
			fl_json_fail(text, FL_ERR_SYNTAX);
	}
	return err;
}

static void read_map_flags(struct fl_jv root, struct fl_map_request *r)
{
	r->compress_zstd = fl_slice_is(fl_json_str(fl_json_get(root, "Compress")), "zstd");
	r->stream = read_flag(root, "Stream");
	r->omit_peers = read_flag(root, "OmitPeers");
	r->read_only = read_flag(root, "ReadOnly");
}

static enum fl_err read_map(struct fl_jv root, struct fl_map_request *r)
{
	struct fl_jv hostinfo = fl_json_get(root, "Hostinfo");

	r->version = read_version(root);
	read_map_flags(root, r);
	READ_KEY(root, "NodeKey", node, &r->node_key);
	READ_KEY(root, "DiscoKey", disco, &r->disco_key);
	enum fl_err err = read_endpoints(fl_json_get(root, "Endpoints"),
					 fl_json_get(root, "EndpointTypes"), r);
	r->has_hostinfo = fl_json_has(hostinfo);
	if (err == FL_OK && r->has_hostinfo)
		err = fl_hostinfo_from(hostinfo, &r->hostinfo);
	return err;
}

static enum fl_err parse_map(struct fl_slice json, struct fl_map_request *out)
{
	struct fl_map_request r = { 0 };
	struct fl_json *doc = NULL;
	enum fl_err err = fl_json_parse(json, FL_TAILCFG_DEPTH_MAX, &doc);

	if (err != FL_OK)
		return err;
	err = read_map(fl_json_root(doc), &r);
	if (err == FL_OK)
		err = fl_json_err(doc);
	fl_json_free(doc);
	if (err != FL_OK) {
		fl_map_request_done(&r);
		return err;
	}
	*out = r;
	return FL_OK;
}

enum fl_err fl_request_tree(struct fl_slice json, struct fl_slice said, struct fl_map_request *out)
{
	struct fl_buf rest = fl_buf_make(json.len + strlen("null"));
	size_t before = (size_t)(said.ptr - json.ptr);

	fl_buf_put(&rest, json.ptr, before);
	fl_buf_str(&rest, "null");
	fl_buf_put(&rest, said.ptr + said.len, json.len - before - said.len);
	enum fl_err err = fl_buf_err(&rest);
	if (err == FL_OK)
		err = parse_map(fl_buf_slice(&rest), out);
	fl_buf_done(&rest);
	return err;
}

/* Clients repeat themselves with each update, and most of a request is Hostinfo. */
static enum fl_err parse_rest(struct fl_slice json, struct fl_slice said,
			      struct fl_map_request *out)
{
	return fl_request_scan(json, said, out) ? FL_OK : fl_request_tree(json, said, out);
}

/*
 * Anybody may look for two texts with one hash. Who sends both merely keeps what the first said of
 * its own node.
 */
static uint64_t hash_of(struct fl_slice said)
{
	static const uint64_t seed[2] = { 0 };

	return said.len > strlen("null") ? fl_sip_hash(seed, said.ptr, said.len) : 0;
}

enum fl_err fl_map_request_parse(struct fl_slice json, struct fl_hostinfo *known,
				 struct fl_map_request *out)
{
	struct fl_slice said = fl_hostinfo_find(json);
	uint64_t source = hash_of(said);
	bool same = known != NULL && source != 0 && known->source == source;

	enum fl_err err = same ? parse_rest(json, said, out) : parse_map(json, out);
	if (err != FL_OK)
		return err;
	if (same) {
		out->has_hostinfo = true;
		out->hostinfo = fl_hostinfo_ref(known);
	} else if (out->has_hostinfo) {
		out->hostinfo->source = source;
	}
	return FL_OK;
}

void fl_map_request_done(struct fl_map_request *r)
{
	free(r->endpoints);
	fl_hostinfo_unref(r->hostinfo);
	*r = (struct fl_map_request){ 0 };
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/node.c - a machine that joins, polls and folds what it is told. */
#include "client.h"

#include <stdio.h>

enum { FRAME_MAX = 16 << 20 };

void node_new_key(struct node *n)
{
	assert_err(fl_private_key_new(&n->secret), FL_OK);
	fl_private_key_public(&n->secret, n->key.b);
}

void node_open(struct node *n, struct sys *s, const char *hostname)
{
	*n = (struct node){ .zstd = true };
	snprintf(n->hostname, sizeof n->hostname, "%s", hostname);
	node_new_key(n);
	fl_random(n->disco.b, sizeof n->disco.b);
	assert_err(fl_mapframe_new(&n->framer), FL_OK);
	fold_init(&n->view);
	client_open(&n->c, s, NULL);
}

void node_reopen(struct node *n)
{
	struct fl_private_key machine = n->c.machine;
	struct sys *s = n->c.sys;

	client_close(&n->c);
	n->poll = NULL;
	memset(n->pongs, 0, sizeof n->pongs); /* gone with the connection */
	client_open(&n->c, s, &machine);
}

void node_close(struct node *n)
{
	client_close(&n->c);
	fold_done(&n->view);
	fl_mapframe_free(n->framer);
}

/* ---- register ---- */

json_t *node_register_body(const struct node *n, const char *auth_key)
{
	char key[FL_KEY_TEXT_MAX], zero[FL_KEY_TEXT_MAX];

	fl_node_key_format(&n->key, key);
	fl_node_key_format(&(struct fl_node_key){ { 0 } }, zero);
	json_t *body =
		json_pack("{s:i,s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s,s:s}}", "Version", 145, "NodeKey",
			  key, "OldNodeKey", zero, "Expiry", "0001-01-01T00:00:00Z", "Followup", "",
			  "Hostinfo", "IPNVersion", "1.90.0", "BackendLogID", "aa", "OS", "linux",
			  "Hostname", n->hostname);
	assert_non_null(body);
	if (auth_key != NULL)
		json_object_set_new(body, "Auth", json_pack("{s:s}", "AuthKey", auth_key));
	return body;
}

json_t *node_register(struct node *n, const char *auth_key)
{
	return call_json(client_post(&n->c, "/machine/register", node_register_body(n, auth_key)),
			 200);
}

void node_join(struct node *n, const char *auth_key)
{
	json_t *answer = node_register(n, auth_key);

	if (strcmp(text_at(answer, "Error"), "") != 0)
		fail_msg("%s: %s", n->hostname, text_at(answer, "Error"));
	assert_string_equal(text_at(answer, "AuthURL"), "");
	assert_true(json_is_true(at(answer, "MachineAuthorized")));
	assert_true(json_is_false(at(answer, "NodeKeyExpired")));
	json_decref(answer);
}

/* ---- map ---- */

json_t *node_map_body(const struct node *n)
{
	char key[FL_KEY_TEXT_MAX], disco[FL_KEY_TEXT_MAX];

	fl_node_key_format(&n->key, key);
	fl_disco_key_format(&n->disco, disco);
	json_t *body = json_pack("{s:i,s:b,s:s,s:s,s:{s:s,s:s,s:s}}", "Version", 145, "KeepAlive",
				 1, "NodeKey", key, "DiscoKey", disco, "Hostinfo", "IPNVersion",
				 "1.90.0", "OS", "linux", "Hostname", n->hostname);
	assert_non_null(body);
	if (n->zstd)
		json_object_set_new(body, "Compress", json_string("zstd"));
	return body;
}

/* The next message of a body at *at, in `out`. False: not whole yet. */
static bool next_message(struct node *n, const struct fl_buf *body, size_t *at, struct fl_buf *out)
{
	struct fl_slice frame;
	size_t used;

	enum fl_err err =
		fl_mapframe_next(fl_slice_skip(fl_buf_slice(body), *at), FRAME_MAX, &frame, &used);
	if (err == FL_MORE)
		return false;
	assert_err(err, FL_OK);
	*at += used;
	fl_buf_reset(out);
	if (n->zstd)
		assert_err(fl_mapframe_open(n->framer, frame, FRAME_MAX, out), FL_OK);
	else
		fl_buf_put(out, frame.ptr, frame.len);
	return true;
}

bool node_fold(struct node *n)
{
	struct fl_buf message = fl_buf_make(FRAME_MAX);

	while (next_message(n, &n->poll->body, &n->at, &message)) {
		fold_apply(&n->view, fl_buf_slice(&message));
		n->frames++;
	}
	fl_buf_done(&message);
	return call_over(n->poll);
}

static bool has_first(void *ctx)
{
	struct node *n = ctx;
	return node_fold(n) || n->frames > 0;
}

void node_start_poll(struct node *n)
{
	json_t *body = node_map_body(n);

	json_object_set_new(body, "Stream", json_true());
	fold_done(&n->view);
	fold_init(&n->view);
	n->at = n->frames = n->ponged = 0;
	n->poll = client_post(&n->c, "/machine/map", body);
}

void node_poll(struct node *n)
{
	node_start_poll(n);
	assert_true(sys_until(n->c.sys, has_first, n));
	if (n->frames == 0)
		fail_msg("no map: %u", n->poll->status);
}

void node_enter(struct node *n, struct sys *s, const char *hostname, json_int_t user,
		const char *fields)
{
	char *key = api_key(s, user, fields);

	node_open(n, s, hostname);
	node_join(n, key);
	node_poll(n);
	free(key);
}

void node_end_poll(struct node *n)
{
	call_drop(n->poll);
	n->poll = NULL;
}

const char *node_ping_path(const struct node *n, size_t i)
{
	const char *url =
		json_string_value(json_object_get(json_array_get(n->view.pings, i), "URL"));

	assert_non_null(url);
	assert_memory_equal(url, "https://", 8);
	return strchr(url + 8, '/');
}

/* False: as many are under way as may be. */
static bool send_pong(struct node *n)
{
	size_t i = 0;

	while (i < NODE_PONGS_MAX && n->pongs[i] != NULL)
		i++;
	if (i == NODE_PONGS_MAX)
		return false;
	n->pongs[i] = client_call(&n->c, "HEAD", node_ping_path(n, n->ponged++),
				  fl_slice_of(NULL, 0), NULL);
	return true;
}

void node_pong(struct node *n)
{
	for (size_t i = 0; i < NODE_PONGS_MAX; i++) {
		if (n->pongs[i] == NULL || !call_over(n->pongs[i]))
			continue;
		call_drop(n->pongs[i]);
		n->pongs[i] = NULL;
	}
	while (n->ponged < json_array_size(n->view.pings) && send_pong(n))
		continue;
}

void node_lite(struct node *n, const char *fields)
{
	json_t *body = node_map_body(n);

	json_object_set_new(body, "OmitPeers", json_true());
	if (fields != NULL) {
		json_t *more = json_loads(fields, 0, NULL), *v;
		const char *name;
		assert_non_null(more);
		json_object_foreach(more, name, v)
		{
			if (strcmp(name, "Hostinfo") == 0)
				json_object_update(json_object_get(body, name), v);
			else
				json_object_set(body, name, v);
		}
		json_decref(more);
	}
	struct call *k = client_post(&n->c, "/machine/map", body);
	call_wait(k);
	assert_int_equal(k->status, 200);
	assert_true(k->ended);
	call_drop(k);
}

struct call *node_say(struct node *n, unsigned version)
{
	json_t *body = node_map_body(n), *services = json_array();
	char text[256];

	for (int i = 1; i <= 60; i++) {
		snprintf(text, sizeof text, "%0240d", i);
		json_array_append_new(services, json_pack("{s:s,s:i,s:s}", "Proto", "tcp", "Port",
							  i, "Description", text));
	}
	snprintf(text, sizeof text, "%u", version);
	json_object_set_new(at(body, "Hostinfo"), "OSVersion", json_string(text));
	json_object_set_new(at(body, "Hostinfo"), "Services", services);
	json_object_set_new(body, "OmitPeers", json_true());
	return client_post(&n->c, "/machine/map", body);
}

void node_fresh(struct node *n, struct fold *out)
{
	json_t *body = node_map_body(n);
	struct fl_buf message = fl_buf_make(FRAME_MAX);
	size_t from = 0;

	json_object_set_new(body, "ReadOnly", json_true());
	struct call *k = client_post(&n->c, "/machine/map", body);
	call_wait(k);
	assert_int_equal(k->status, 200);
	assert_true(next_message(n, &k->body, &from, &message));
	fold_init(out);
	fold_apply(out, fl_buf_slice(&message));
	fl_buf_done(&message);
	call_drop(k);
}

void node_assert_complete(struct node *n)
{
	struct fold fresh;

	node_fresh(n, &fresh);
	/* Of its own endpoints nobody tells a node (CHG-9). */
	json_object_set(n->view.node, "Endpoints", json_object_get(fresh.node, "Endpoints"));
	fold_assert_same(&n->view, &fresh);
	fold_done(&fresh);
}

json_t *node_peer(struct node *n, const char *hostname)
{
	const char *id;
	json_t *peer;

	json_object_foreach(n->view.peers, id, peer)
	{
		json_t *name = json_object_get(json_object_get(peer, "Hostinfo"), "Hostname");
		if (name != NULL && strcmp(json_string_value(name), hostname) == 0)
			return peer;
	}
	return NULL;
}

json_int_t node_id(struct node *n)
{
	json_t *list = api_json(n->c.sys, "GET", "/api/v1/node", NULL, 200), *node;
	char key[FL_KEY_TEXT_MAX];
	json_int_t id = 0;
	size_t i;

	fl_node_key_format(&n->key, key);
	json_array_foreach(at(list, "nodes"), i, node)
	{
		if (strcmp(text_at(node, "nodeKey"), key) == 0)
			id = atoll(text_at(node, "id"));
	}
	json_decref(list);
	assert_true(id > 0);
	return id;
}

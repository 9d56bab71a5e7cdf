/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/admit.c - who may use the relay: the embedding program's word, then the verify
 * URL's, which is remembered for a while.
 *
 * A refusal or nonsense from the URL is a refusal. Only when nobody answers does `fail_open`
 * decide. After a restart thousands of clients come at once; those beyond the requests that may
 * run wait in line, and the machine's own deadline ends those that wait too long.
 */
#include "services/relay/relay_impl.h"

#include "base/jw.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/prim.h"
#include "wire/json.h"

#include <stdlib.h>

enum { ANSWER_MAX = 4096, ANSWER_DEPTH = 8 };

static const int64_t ask_timeout = 5 * FL_SEC;
static const int64_t keep_yes = 60 * FL_SEC;
static const int64_t keep_no = 5 * FL_SEC;

struct verify_entry {
	struct fl_list link; /* oldest first */
	struct fl_node_key key;
	fl_time until;
	bool allow;
};

/* ---- the cache ---- */

static void drop_entry(struct verify *v, struct verify_entry *e)
{
	fl_map_take(&v->known, e->key.b);
	fl_list_del(&e->link);
	free(e);
}

void fl_relay_verify_forget(struct fl_relay *r, const struct fl_node_key *key)
{
	struct verify_entry *e = fl_map_find(&r->verify.known, key->b);
	if (e != NULL)
		drop_entry(&r->verify, e);
}

static const struct verify_entry *remembered(struct fl_relay *r, const struct fl_node_key *key)
{
	struct verify_entry *e = fl_map_find(&r->verify.known, key->b);

	if (e != NULL && e->until <= fl_loop_now(r->loop)) {
		drop_entry(&r->verify, e);
		return NULL;
	}
	return e;
}

static void remember(struct fl_relay *r, const struct fl_node_key *key, bool allow)
{
	struct verify *v = &r->verify;

	fl_relay_verify_forget(r, key);
	if (v->known.len >= FL_RELAY_CACHE_MAX)
		drop_entry(v, fl_list_entry(v->order.next, struct verify_entry, link));
	struct verify_entry *e = malloc(sizeof *e);
	if (e == NULL)
		return;
	*e = (struct verify_entry){ .key = *key,
				    .allow = allow,
				    .until = fl_loop_now(r->loop) + (allow ? keep_yes : keep_no) };
	if (fl_map_put(&v->known, key->b, e) != FL_OK) {
		free(e);
		return;
	}
	fl_list_push(&v->order, &e->link);
}

/* ---- the verify URL ---- */

static void decide(struct relay_conn *k, bool allow)
{
	const struct fl_node_key *key = fl_derp_client_key(k->client);
	char short_key[FL_KEY_SHORT_MAX], from[FL_ADDRPORT_TEXT_MAX];

	if (!allow) {
		fl_node_key_short(key, short_key);
		fl_addrport_format(&k->from, from);
		fl_log_info("relay client not admitted", FL_LS("key", short_key),
			    FL_LS("from", from));
	}
	fl_derp_client_admit(k->client, fl_loop_now(k->r->loop), allow);
}

/* FL_OK with the answer; anything that is not one is an error. */
static enum fl_err read_answer(struct fl_slice body, bool *out_allow)
{
	struct fl_json *doc;
	enum fl_err err = fl_json_parse(body, ANSWER_DEPTH, &doc);
	if (err != FL_OK)
		return err;
	bool allow = fl_json_bool(fl_json_get(fl_json_root(doc), "Allow"));
	err = fl_json_err(doc);
	fl_json_free(doc);
	if (err == FL_OK)
		*out_allow = allow;
	return err;
}

static bool is_unreachable(enum fl_err err)
{
	return err == FL_ERR_NOT_FOUND || err == FL_ERR_CLOSED || err == FL_ERR_TIMEOUT ||
	       err == FL_ERR_IO;
}

static bool judge(struct relay_conn *k, const struct fl_fetch_result *res)
{
	struct fl_relay *r = k->r;
	bool allow = false;

	if (is_unreachable(res->err)) {
		r->verify_unreachable++;
		fl_log_warn("relay verify URL unreachable", FL_LS("why", res->fault),
			    FL_LB("admitted", r->verify.fail_open));
		return r->verify.fail_open;
	}
	if (res->err != FL_OK || res->status != 200 || read_answer(res->body, &allow) != FL_OK) {
		r->verify_bad++;
		fl_log_warn("relay verify URL gave no answer", FL_LS("why", res->fault),
			    FL_LU("status", res->status));
		return false;
	}
	remember(r, fl_derp_client_key(k->client), allow);
	return allow;
}

/* A request has ended: the line moves on until one has to be asked about again. */
static void ask_next(struct fl_relay *r)
{
	struct fl_list *l;

	while ((l = fl_list_pop(&r->verify.waiting)) != NULL) {
		struct relay_conn *k = fl_list_entry(l, struct relay_conn, waiting);
		fl_relay_admit(k);
		if (k->fetch != NULL || fl_list_linked(&k->waiting))
			return;
	}
}

static void on_answer(void *ctx, const struct fl_fetch_result *res)
{
	struct relay_conn *k = ctx;
	struct fl_relay *r = k->r;

	k->fetch = NULL;
	decide(k, judge(k, res));
	ask_next(r);
}

static void write_question(const struct relay_conn *k, struct fl_buf *b)
{
	char key[FL_KEY_TEXT_MAX], ip[FL_IP_TEXT_MAX];
	struct fl_jw w = fl_jw_make(b);

	fl_node_key_format(fl_derp_client_key(k->client), key);
	fl_ip_format(&k->from.ip, ip);
	fl_jw_obj(&w);
	fl_jw_key(&w, "NodePublic");
	fl_jw_str(&w, key);
	fl_jw_key(&w, "Source");
	fl_jw_str(&w, ip);
	fl_jw_obj_end(&w);
}

static void ask(struct relay_conn *k)
{
	struct verify *v = &k->r->verify;
	char mem[256];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);

	write_question(k, &b);
	struct fl_http_call call = { .url = v->url,
				     .ca_file = v->ca_file,
				     .method = "POST",
				     .body = fl_buf_slice(&b),
				     .timeout = ask_timeout,
				     .answer_max = ANSWER_MAX };
	enum fl_err err = fl_fetch_start(v->fetcher, &call, on_answer, k, &k->fetch);
	if (err == FL_ERR_FULL) {
		fl_list_push(&v->waiting, &k->waiting);
	} else if (err != FL_OK) {
		k->r->verify_bad++;
		decide(k, false);
	} else {
		k->r->verify_asked++;
	}
}

void fl_relay_admit(struct relay_conn *k)
{
	struct fl_relay *r = k->r;
	const struct fl_node_key *key = fl_derp_client_key(k->client);

	if (r->cfg.admit != NULL && !r->cfg.admit(r->cfg.admit_ctx, key, &k->from)) {
		decide(k, false);
		return;
	}
	if (r->verify.url == NULL) {
		decide(k, true);
		return;
	}
	const struct verify_entry *e = remembered(r, key);
	if (e == NULL) {
		ask(k);
		return;
	}
	r->verify_cached++;
	decide(k, e->allow);
}

void fl_relay_admit_cancel(struct relay_conn *k)
{
	fl_list_del(&k->waiting);
	if (k->fetch == NULL)
		return;
	k->fetch = fl_fetch_cancel(k->fetch);
	ask_next(k->r);
}

enum fl_err fl_relay_verify_init(struct fl_relay *r, const struct fl_relay_config *cfg)
{
	struct verify *v = &r->verify;
	uint8_t seed[16];

	fl_random(seed, sizeof seed);
	fl_map_init(&v->known, FL_KEY_LEN, seed);
	fl_list_init(&v->order);
	fl_list_init(&v->waiting);
	v->fail_open = cfg->verify_fail_open;
	if (cfg->verify_url == NULL)
		return FL_OK;
	v->url = fl_str_dup(fl_slice_str(cfg->verify_url));
	if (cfg->verify_ca_file != NULL)
		v->ca_file = fl_str_dup(fl_slice_str(cfg->verify_ca_file));
	if (v->url == NULL || (cfg->verify_ca_file != NULL && v->ca_file == NULL))
		return FL_ERR_NOMEM;
	return fl_fetcher_new(r->loop, &v->fetcher);
}

void fl_relay_verify_done(struct fl_relay *r)
{
	struct verify *v = &r->verify;

	if (v->order.next != NULL) {
		fl_list_each(l, &v->order)
			drop_entry(v, fl_list_entry(l, struct verify_entry, link));
		fl_map_done(&v->known);
	}
	v->fetcher = fl_fetcher_free(v->fetcher);
	free(v->url);
	free(v->ca_file);
}

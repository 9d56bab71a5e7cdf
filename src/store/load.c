/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/load.c - reads all rows into an empty state.
 *
 * Every value is parsed as strictly as if a peer had sent it. What cannot be read names its
 * table, row and column; what breaks an invariant is refused by the state with its reason.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/inner.h"
#include "store/sqlite.h"

struct reader {
	struct fl_store *store;
	struct fl_state *state;
	const char *table;
	sqlite3_stmt *row;
	sqlite3_stmt *list; /* elements of a JSON list, two columns */
	int at;
	const char *bad; /* column that could not be read, NULL if all well */
	bool nomem;
	bool orphan; /* a record was of a user that does not exist */
	struct fl_fault *fault;
};

static void fail(struct reader *r, int column, enum fl_err err)
{
	if (err == FL_OK)
		return;
	if (err == FL_ERR_NOMEM)
		r->nomem = true;
	else if (r->bad == NULL)
		r->bad = sqlite3_column_name(r->row, column);
}

static struct fl_slice column_text(sqlite3_stmt *st, int column)
{
	const unsigned char *text = sqlite3_column_text(st, column);
	return fl_slice_of(text, text != NULL ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

static bool get_null(struct reader *r)
{
	if (sqlite3_column_type(r->row, r->at) != SQLITE_NULL)
		return false;
	r->at++;
	return true;
}

static int64_t get_int(struct reader *r)
{
	return sqlite3_column_int64(r->row, r->at++); /* NULL reads 0, as it should */
}

static uint64_t get_id(struct reader *r)
{
	int64_t v = get_int(r);

	if (v < 0)
		fail(r, r->at - 1, FL_ERR_INVALID);
	return v < 0 ? 0 : (uint64_t)v;
}

static struct fl_slice get_text(struct reader *r)
{
	return column_text(r->row, r->at++);
}

static char *get_string(struct reader *r)
{
	char *s = fl_str_dup(get_text(r));

	if (s == NULL)
		r->nomem = true;
	return s;
}

static void get_label(struct reader *r, char *out, size_t cap)
{
	if (!fl_str_copy(out, cap, get_text(r)))
		fail(r, r->at - 1, FL_ERR_TOO_BIG);
}

static void get_hash(struct reader *r, uint8_t out[static 32])
{
	fail(r, r->at, fl_hex_decode(column_text(r->row, r->at), out, 32));
	r->at++;
}

static void get_ip(struct reader *r, struct fl_ip *out)
{
	if (get_null(r))
		return;
	fail(r, r->at, fl_ip_parse(column_text(r->row, r->at), out));
	r->at++;
}

/* Calls `take` with each element of the JSON list in the next column. */
static void get_list(struct reader *r, enum fl_err (*take)(sqlite3_stmt *, void *), void *into)
{
	int column = r->at++, rc;
	struct fl_slice json = column_text(r->row, column);
	enum fl_err err = FL_OK;

	if (fl_slice_is(json, "[]"))
		return;
	if (json.len == 0 || json.ptr[0] != '[') {
		fail(r, column, FL_ERR_SYNTAX);
		return;
	}
	sqlite3_bind_text(r->list, 1, (const char *)json.ptr, (int)json.len, SQLITE_STATIC);
	while ((rc = sqlite3_step(r->list)) == SQLITE_ROW && err == FL_OK)
		err = take(r->list, into);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		err = rc == SQLITE_NOMEM ? FL_ERR_NOMEM : FL_ERR_SYNTAX;
	sqlite3_reset(r->list);
	sqlite3_clear_bindings(r->list);
	fail(r, column, err);
}

static enum fl_err take_string(sqlite3_stmt *st, void *into)
{
	return fl_strlist_add(into, column_text(st, 0));
}

static enum fl_err take_route(sqlite3_stmt *st, void *into)
{
	struct fl_node *n = into;
	struct fl_prefix p;

	enum fl_err err = fl_prefix_parse(column_text(st, 0), &p);
	if (err != FL_OK)
		return err;
	if (n->approved_count == FL_NODE_ROUTES_MAX)
		return FL_ERR_TOO_BIG;
	struct fl_prefix *more = realloc(n->approved, (n->approved_count + 1) * sizeof *more);
	if (more == NULL)
		return FL_ERR_NOMEM;
	n->approved = more;
	more[n->approved_count++] = p;
	return FL_OK;
}

static enum fl_err take_endpoint(sqlite3_stmt *st, void *into)
{
	struct fl_node *n = into;
	int type = sqlite3_column_int(st, 2);
	struct fl_endpoint e = { .type = (uint8_t)type };

	enum fl_err err = fl_addrport_parse(column_text(st, 1), &e.at);
	if (err != FL_OK)
		return err;
	if (type < 0 || type > UINT8_MAX)
		return FL_ERR_INVALID;
	if (n->endpoints_count == FL_TAILCFG_ENDPOINTS_MAX)
		return FL_ERR_TOO_BIG;
	struct fl_endpoint *more = realloc(n->endpoints, (n->endpoints_count + 1) * sizeof *more);
	if (more == NULL)
		return FL_ERR_NOMEM;
	n->endpoints = more;
	more[n->endpoints_count++] = e;
	return FL_OK;
}

/* Ends a row: an unreadable one is reported with its table, id and column. */
static enum fl_err finish(struct reader *r)
{
	char what[160];

	if (r->nomem)
		return FL_ERR_NOMEM;
	if (r->bad == NULL)
		return FL_OK;
	snprintf(what, sizeof what, "table %s, row %lld: column %s is malformed", r->table,
		 (long long)sqlite3_column_int64(r->row, 0), r->bad);
	return fl_store_corrupt(r->store->path, what, r->fault);
}

/* The state refused the row: says which. */
static enum fl_err refused(struct reader *r, enum fl_err err, const struct fl_fault *why)
{
	char what[360];

	if (err != FL_ERR_CORRUPT)
		return err;
	snprintf(what, sizeof what, "table %s, row %lld: %.240s", r->table,
		 (long long)sqlite3_column_int64(r->row, 0), why->text);
	return fl_store_corrupt(r->store->path, what, r->fault);
}

static enum fl_err read_user(struct reader *r)
{
	struct fl_fault why;
	struct fl_user *u = calloc(1, sizeof *u);
	if (u == NULL)
		return FL_ERR_NOMEM;
	u->refs = 1;
	u->id = get_id(r);
	u->name = get_string(r);
	u->display_name = get_string(r);
	u->email = get_string(r);
	u->picture_url = get_string(r);
	u->provider = get_string(r);
	u->provider_id = get_string(r);
	u->created = get_int(r);
	fail(r, r->at, fl_role_parse(column_text(r->row, r->at), &u->role));

	enum fl_err err = finish(r);
	if (err != FL_OK) {
		fl_user_unref(u);
		return err;
	}
	err = fl_state_load_user(r->state, u, &why);
	return refused(r, err, &why);
}

static enum fl_err read_preauth(struct reader *r)
{
	struct fl_fault why;
	struct fl_preauth *k = calloc(1, sizeof *k);
	if (k == NULL)
		return FL_ERR_NOMEM;
	k->refs = 1;
	k->id = get_id(r);
	k->user = get_id(r);
	get_list(r, take_string, &k->tags);
	k->reusable = get_int(r) != 0;
	k->ephemeral = get_int(r) != 0;
	k->used = get_int(r) != 0;
	k->created = get_int(r);
	k->expiration = get_int(r);
	k->revoked = get_int(r);
	get_label(r, k->prefix, sizeof k->prefix);
	get_hash(r, k->hash);

	enum fl_err err = finish(r);
	if (err != FL_OK) {
		fl_preauth_unref(k);
		return err;
	}
	r->orphan = r->orphan || fl_state_key_is_orphan(r->state, k);
	err = fl_state_load_preauth(r->state, k, &why);
	return refused(r, err, &why);
}

static enum fl_err read_apikey(struct reader *r)
{
	struct fl_fault why;
	struct fl_apikey *k = calloc(1, sizeof *k);
	if (k == NULL)
		return FL_ERR_NOMEM;
	k->refs = 1;
	k->id = get_id(r);
	k->created = get_int(r);
	k->expiration = get_int(r);
	k->last_seen = get_int(r);
	get_label(r, k->prefix, sizeof k->prefix);
	get_hash(r, k->hash);

	enum fl_err err = finish(r);
	if (err != FL_OK) {
		fl_apikey_unref(k);
		return err;
	}
	err = fl_state_load_apikey(r->state, k, &why);
	return refused(r, err, &why);
}

static enum fl_register_method get_method(struct reader *r)
{
	struct fl_slice text = get_text(r);

	if (fl_slice_is(text, "auth_key"))
		return FL_REGISTER_AUTH_KEY;
	if (fl_slice_is(text, "cli"))
		return FL_REGISTER_CLI;
	if (fl_slice_is(text, "oidc"))
		return FL_REGISTER_OIDC;
	return FL_REGISTER_UNSPECIFIED;
}

static void get_keys(struct reader *r, struct fl_node *n)
{
	fail(r, r->at, fl_machine_key_parse(column_text(r->row, r->at), &n->machine));
	r->at++;
	fail(r, r->at, fl_node_key_parse(column_text(r->row, r->at), &n->key));
	r->at++;
	if (get_null(r))
		return;
	fail(r, r->at, fl_disco_key_parse(column_text(r->row, r->at), &n->disco));
	r->at++;
}

static uint32_t get_cap(struct reader *r)
{
	int64_t v = get_int(r);

	if (v < 0 || v > UINT32_MAX)
		fail(r, r->at - 1, FL_ERR_INVALID);
	return (uint32_t)v;
}

static void get_hostinfo(struct reader *r, struct fl_node *n)
{
	fail(r, r->at, fl_hostinfo_parse(column_text(r->row, r->at), &n->hostinfo));
	r->at++;
}

static void get_node(struct reader *r, struct fl_node *n)
{
	n->id = get_id(r);
	get_keys(r, n);
	n->cap = get_cap(r);
	n->user = get_id(r);
	get_list(r, take_string, &n->tags);
	get_ip(r, &n->ip4);
	get_ip(r, &n->ip6);
	get_label(r, n->given_name, sizeof n->given_name);
	n->name_is_auto = get_int(r) != 0;
	n->ephemeral = get_int(r) != 0;
	n->method = get_method(r);
	n->auth_key = get_id(r);
	n->created = get_int(r);
	n->expiry = get_int(r);
	n->last_seen = get_int(r);
	get_hostinfo(r, n);
	get_list(r, take_endpoint, n);
	get_list(r, take_route, n);
}

static enum fl_err read_node(struct reader *r)
{
	struct fl_fault why;
	struct fl_node *n = calloc(1, sizeof *n);
	if (n == NULL)
		return FL_ERR_NOMEM;
	n->refs = 1;
	get_node(r, n);
	enum fl_err err = finish(r);
	if (err != FL_OK) {
		fl_node_unref(n);
		return err;
	}
	r->orphan = r->orphan || fl_state_is_orphan(r->state, n);
	err = fl_state_load_node(r->state, n, &why);
	return refused(r, err, &why);
}

static enum fl_err read_revision(struct reader *r)
{
	struct fl_fault why;
	struct fl_revision *v = calloc(1, sizeof *v);
	if (v == NULL)
		return FL_ERR_NOMEM;
	v->refs = 1;
	v->rev = get_id(r);
	v->created = get_int(r);
	v->author = get_string(r);
	v->comment = get_string(r);
	v->text_len = column_text(r->row, r->at).len;
	v->text = get_string(r);

	enum fl_err err = finish(r);
	if (err != FL_OK) {
		fl_revision_unref(v);
		return err;
	}
	err = fl_state_load_revision(r->state, v, &why);
	return refused(r, err, &why);
}

struct source {
	const char *table, *sql;
	enum fl_err (*read)(struct reader *);
};

/* Parents before children. */
static const struct source sources[] = {
	{ "users",
	  "SELECT id, name, display_name, email, picture_url, provider, provider_id, created, "
	  "role FROM users ORDER BY id",
	  read_user },
	{ "preauth_keys",
	  "SELECT id, user_id, tags, reusable, ephemeral, used, created, expiration, revoked, "
	  "prefix, hash FROM preauth_keys ORDER BY id",
	  read_preauth },
	{ "api_keys",
	  "SELECT id, created, expiration, last_seen, prefix, hash FROM api_keys ORDER BY id",
	  read_apikey },
	{ "nodes",
	  "SELECT id, machine_key, node_key, disco_key, cap, user_id, tags, ipv4, ipv6, "
	  "given_name, "
	  "name_is_auto, ephemeral, method, auth_key_id, created, expiry, last_seen, hostinfo, "
	  "endpoints, approved_routes FROM nodes ORDER BY id",
	  read_node },
	{ "policies", "SELECT rev, created, author, comment, text FROM policies ORDER BY rev",
	  read_revision },
};

static enum fl_err read_table(struct reader *r, const struct source *src)
{
	enum fl_err err = FL_OK;
	int rc = sqlite3_prepare_v2(r->store->db, src->sql, -1, &r->row, NULL);

	r->table = src->table;
	while (rc == SQLITE_OK && err == FL_OK) {
		rc = sqlite3_step(r->row);
		if (rc != SQLITE_ROW)
			break;
		r->at = 0;
		err = src->read(r);
		rc = SQLITE_OK;
	}
	if (err == FL_OK && rc != SQLITE_DONE)
		err = fl_store_fault(r->store->db, r->store->path, "reading", r->fault);
	sqlite3_finalize(r->row);
	r->row = NULL;
	return err;
}

static enum fl_err read_counters(struct reader *r)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(r->store->db, "SELECT name, value FROM meta", -1, &st, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t last = sqlite3_column_int64(st, 1);
		for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
			if (last > 0 &&
			    fl_slice_is(column_text(st, 0), fl_store_counter_name[kind]))
				fl_state_load_counter(r->state, (enum fl_record_kind)kind,
						      (uint64_t)last);
		rc = SQLITE_OK;
	}
	enum fl_err err = rc == SQLITE_DONE ? FL_OK
					    : fl_store_fault(r->store->db, r->store->path,
							     "reading", r->fault);
	sqlite3_finalize(st);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		r->store->last_id[kind] = fl_state_counter(r->state, (enum fl_record_kind)kind);
	return err;
}

enum fl_err fl_store_load(struct fl_store *st, struct fl_state *s, struct fl_fault *fault)
{
	struct reader r = { .store = st, .state = s, .fault = fault };
	enum fl_err err = FL_OK;

	/* The list's own form is checked by json_each; an element is a text or a pair. */
	if (sqlite3_prepare_v2(
		    st->db,
		    "SELECT value, iif(type = 'array', json_extract(value, '$[0]'), NULL), "
		    "iif(type = 'array', json_extract(value, '$[1]'), NULL) "
		    "FROM json_each(?1)",
		    -1, &r.list, NULL) != SQLITE_OK)
		return fl_store_fault(st->db, st->path, "reading", fault);
	for (size_t i = 0; i < sizeof sources / sizeof *sources && err == FL_OK; i++)
		err = read_table(&r, &sources[i]);
	if (err == FL_OK)
		err = read_counters(&r);
	/* Else SQLite refuses each tick that writes such a row, with all others of the tick. */
	if (err == FL_OK && r.orphan &&
	    sqlite3_exec(st->db, "PRAGMA foreign_keys = OFF", NULL, NULL, NULL) != SQLITE_OK)
		err = fl_store_fault(st->db, st->path, "opening", fault);
	sqlite3_finalize(r.list);
	return err;
}

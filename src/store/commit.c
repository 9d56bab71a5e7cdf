/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/commit.c - writes the dirty rows of a tick in one durable transaction.
 *
 * Rows are written from the live records. Deletions go first, those of all moved nodes included,
 * because a unique value may have moved from one row to another within the tick. A node that kept
 * its place and how it was enrolled, as by far the most do, is updated in its row. Foreign keys are
 * checked at the commit, so the order of tables does not matter to them; parents still go first.
 *
 * A commit may fail after it took effect: its last sync failed. With the write-ahead log that is
 * put right at once (see settle). With a rollback journal the file may then hold rows that the
 * state took back; the next commit writes everything anew.
 */
#include <string.h>

#include "base/jw.h"
#include "store/inner.h"
#include "store/sqlite.h"

enum { LIST_MAX = 1 << 20 };

/* Binds in order and remembers the first failure. */
struct binder {
	sqlite3_stmt *st;
	int at, rc;
};

static void note(struct binder *b, int rc)
{
	if (b->rc == SQLITE_OK)
		b->rc = rc;
}

static void put_int(struct binder *b, int64_t v)
{
	note(b, sqlite3_bind_int64(b->st, b->at++, v));
}

static void put_int_or_null(struct binder *b, int64_t v)
{
	note(b, v != 0 ? sqlite3_bind_int64(b->st, b->at, v) : sqlite3_bind_null(b->st, b->at));
	b->at++;
}

/* The text must live until the statement was stepped. */
static void put_text(struct binder *b, const char *text)
{
	note(b, sqlite3_bind_text(b->st, b->at++, text, -1, SQLITE_STATIC));
}

static void put_copy(struct binder *b, const char *text)
{
	note(b, sqlite3_bind_text(b->st, b->at++, text, -1, SQLITE_TRANSIENT));
}

static void put_ip(struct binder *b, const struct fl_ip *ip)
{
	char text[FL_IP_TEXT_MAX];

	if (!fl_ip_is_set(ip)) {
		note(b, sqlite3_bind_null(b->st, b->at++));
		return;
	}
	fl_ip_format(ip, text);
	put_copy(b, text);
}

static void put_hash(struct binder *b, const uint8_t hash[static 32])
{
	char text[65];

	fl_hex_encode(hash, 32, text);
	put_copy(b, text);
}

/* A JSON list that `write` fills. */
static void put_list(struct binder *b, void (*write)(struct fl_jw *, const void *), const void *of)
{
	struct fl_buf text = fl_buf_make(LIST_MAX);
	struct fl_jw w = fl_jw_make(&text);

	fl_jw_arr(&w);
	write(&w, of);
	fl_jw_arr_end(&w);
	if (fl_buf_err(&text) != FL_OK)
		note(b, SQLITE_NOMEM);
	else
		note(b, sqlite3_bind_text(b->st, b->at, (const char *)text.ptr, (int)text.len,
					  SQLITE_TRANSIENT));
	b->at++;
	fl_buf_done(&text);
}

static void write_strings(struct fl_jw *w, const void *of)
{
	const struct fl_strlist *l = of;

	for (size_t i = 0; i < l->len; i++)
		fl_jw_str(w, l->at[i]);
}

static void write_routes(struct fl_jw *w, const void *of)
{
	const struct fl_node *n = of;
	char text[FL_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n->approved_count; i++) {
		fl_prefix_format(&n->approved[i], text);
		fl_jw_str(w, text);
	}
}

static void write_endpoints(struct fl_jw *w, const void *of)
{
	const struct fl_node *n = of;
	char text[FL_ADDRPORT_TEXT_MAX];

	for (size_t i = 0; i < n->endpoints_count; i++) {
		fl_addrport_format(&n->endpoints[i].at, text);
		fl_jw_arr(w);
		fl_jw_str(w, text);
		fl_jw_u64(w, n->endpoints[i].type);
		fl_jw_arr_end(w);
	}
}

static void bind_user(struct binder *b, const struct fl_user *u)
{
	put_int(b, (int64_t)u->id);
	put_text(b, u->name);
	put_text(b, u->display_name);
	put_text(b, u->email);
	put_text(b, u->picture_url);
	put_text(b, u->provider);
	put_text(b, u->provider_id);
	put_int(b, u->created);
	put_text(b, fl_role_text(u->role));
}

static void bind_preauth(struct binder *b, const struct fl_preauth *k)
{
	put_int(b, (int64_t)k->id);
	put_int_or_null(b, (int64_t)k->user);
	put_list(b, write_strings, &k->tags);
	put_int(b, k->reusable);
	put_int(b, k->ephemeral);
	put_int(b, k->used);
	put_int(b, k->created);
	put_int_or_null(b, k->expiration);
	put_int_or_null(b, k->revoked);
	put_text(b, k->prefix);
	put_hash(b, k->hash);
}

static void bind_apikey(struct binder *b, const struct fl_apikey *k)
{
	put_int(b, (int64_t)k->id);
	put_int(b, k->created);
	put_int_or_null(b, k->expiration);
	put_int_or_null(b, k->last_seen);
	put_text(b, k->prefix);
	put_hash(b, k->hash);
}

static const char *method_text(enum fl_register_method method)
{
	switch (method) {
	case FL_REGISTER_UNSPECIFIED:
		return "unspecified";
	case FL_REGISTER_AUTH_KEY:
		return "auth_key";
	case FL_REGISTER_CLI:
		return "cli";
	case FL_REGISTER_OIDC:
		return "oidc";
	}
	return "unspecified";
}

static void put_disco(struct binder *b, const struct fl_disco_key *key)
{
	char text[FL_KEY_TEXT_MAX];

	if (fl_disco_key_is_zero(key)) {
		note(b, sqlite3_bind_null(b->st, b->at++));
		return;
	}
	fl_disco_key_format(key, text);
	put_copy(b, text);
}

/* What is in a unique index, or dear to check. */
static void bind_place(struct binder *b, const struct fl_node *n)
{
	char text[FL_KEY_TEXT_MAX];

	fl_machine_key_format(&n->machine, text);
	put_copy(b, text);
	fl_node_key_format(&n->key, text);
	put_copy(b, text);
	put_int_or_null(b, (int64_t)n->user);
	put_ip(b, &n->ip4);
	put_ip(b, &n->ip6);
	put_text(b, n->given_name);
	put_text(b, method_text(n->method));
	put_int_or_null(b, (int64_t)n->auth_key);
}

/* The rest. */
static void bind_facts(struct binder *b, const struct fl_node *n)
{
	put_disco(b, &n->disco);
	put_int(b, n->cap);
	put_list(b, write_strings, &n->tags);
	put_int(b, n->name_is_auto);
	put_int(b, n->ephemeral);
	put_int(b, n->created);
	put_int_or_null(b, n->expiry);
	put_int_or_null(b, n->last_seen);
	note(b, sqlite3_bind_text(b->st, b->at++, n->hostinfo->json, (int)n->hostinfo->json_len,
				  SQLITE_STATIC));
	put_list(b, write_endpoints, n);
	put_list(b, write_routes, n);
}

static void bind_revision(struct binder *b, const struct fl_revision *r)
{
	put_int(b, (int64_t)r->rev);
	put_int(b, r->created);
	put_text(b, r->author);
	put_text(b, r->comment);
	note(b, sqlite3_bind_text(b->st, b->at++, r->text, (int)r->text_len, SQLITE_STATIC));
}

/* Steps a statement that gives no rows, and makes it ready for the next use. */
static int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_bound(struct binder *b)
{
	int rc = b->rc == SQLITE_OK ? run(b->st) : b->rc;

	sqlite3_clear_bindings(b->st); /* they point into records */
	return rc;
}

static int delete_row(struct fl_store *st, const struct fl_dirty *d)
{
	struct binder b = { .st = st->stmt[FL_STMT_DEL_USER + (int)d->kind], .at = 1 };

	put_int(&b, (int64_t)d->id);
	return run_bound(&b);
}

/* The live record of a dirty row, NULL if it is gone. */
static const void *live(const struct fl_state *s, const struct fl_dirty *d)
{
	switch (d->kind) {
	case FL_RECORD_USER:
		return fl_state_user(s, d->id);
	case FL_RECORD_PREAUTH:
		return fl_state_preauth(s, d->id);
	case FL_RECORD_APIKEY:
		return fl_state_apikey(s, d->id);
	case FL_RECORD_NODE:
		return fl_state_node(s, d->id);
	case FL_RECORD_REVISION:
		return fl_state_revision(s, d->id);
	case FL_RECORD_KINDS:
		break;
	}
	return NULL;
}

static int put_row(struct fl_store *st, enum fl_record_kind kind, const void *rec)
{
	struct binder b = { .st = st->stmt[FL_STMT_PUT_USER + (int)kind], .at = 1 };

	switch (kind) {
	case FL_RECORD_USER:
		bind_user(&b, rec);
		break;
	case FL_RECORD_PREAUTH:
		bind_preauth(&b, rec);
		break;
	case FL_RECORD_APIKEY:
		bind_apikey(&b, rec);
		break;
	case FL_RECORD_NODE:
		put_int(&b, (int64_t)((const struct fl_node *)rec)->id);
		bind_facts(&b, rec);
		bind_place(&b, rec);
		break;
	case FL_RECORD_REVISION:
		bind_revision(&b, rec);
		break;
	case FL_RECORD_KINDS:
		return SQLITE_MISUSE;
	}
	return run_bound(&b);
}

/* A node that is not in the file, against all expectation, is written as a whole. */
static int keep_node(struct fl_store *st, const struct fl_node *n)
{
	struct binder b = { .st = st->stmt[FL_STMT_KEEP_NODE], .at = 1 };

	put_int(&b, (int64_t)n->id);
	bind_facts(&b, n);
	int rc = run_bound(&b);
	if (rc == SQLITE_OK && sqlite3_changes(st->db) == 0)
		rc = put_row(st, FL_RECORD_NODE, n);
	return rc;
}

static int put_dirty(struct fl_store *st, const struct fl_dirty *d, const void *rec)
{
	if (d->kind == FL_RECORD_NODE && !d->moved)
		return keep_node(st, rec);
	return put_row(st, d->kind, rec);
}

static int put_counters(struct fl_store *st, const struct fl_state *s)
{
	int rc = SQLITE_OK;

	for (int kind = 0; kind < FL_RECORD_KINDS && rc == SQLITE_OK; kind++) {
		uint64_t last = fl_state_counter(s, (enum fl_record_kind)kind);
		if (last == st->last_id[kind])
			continue;
		struct binder b = { .st = st->stmt[FL_STMT_PUT_META], .at = 1 };
		put_text(&b, fl_store_counter_name[kind]);
		put_int(&b, (int64_t)last);
		rc = run_bound(&b);
	}
	return rc;
}

/* The rows that changed. */
static int write_dirty(struct fl_store *st, const struct fl_state *s)
{
	const struct fl_dirty *d;
	size_t count = fl_state_dirty(s, &d);
	int rc = SQLITE_OK;

	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		if ((d[i].kind == FL_RECORD_NODE && d[i].moved) || live(s, &d[i]) == NULL)
			rc = delete_row(st, &d[i]);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
			const void *rec = (int)d[i].kind == kind ? live(s, &d[i]) : NULL;
			if (rec != NULL)
				rc = put_dirty(st, &d[i], rec);
		}
	return rc;
}

/* Every row, in place of whatever the file holds. */
static int write_everything(struct fl_store *st, const struct fl_state *s)
{
	struct fl_user *const *users;
	struct fl_preauth *const *preauths;
	struct fl_apikey *const *apikeys;
	struct fl_node *const *nodes;
	struct fl_revision *const *revisions;
	int rc = SQLITE_OK;

	for (int i = FL_STMT_DROP_REVISIONS; i >= FL_STMT_DROP_USERS && rc == SQLITE_OK; i--)
		rc = run(st->stmt[i]);
	size_t count = fl_state_users(s, &users);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = put_row(st, FL_RECORD_USER, users[i]);
	count = fl_state_preauths(s, &preauths);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = put_row(st, FL_RECORD_PREAUTH, preauths[i]);
	count = fl_state_apikeys(s, &apikeys);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = put_row(st, FL_RECORD_APIKEY, apikeys[i]);
	count = fl_state_nodes(s, &nodes);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = put_row(st, FL_RECORD_NODE, nodes[i]);
	count = fl_state_revisions(s, &revisions);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = put_row(st, FL_RECORD_REVISION, revisions[i]);
	return rc;
}

static int write_all(struct fl_store *st, const struct fl_state *s)
{
	int rc = run(st->stmt[FL_STMT_BEGIN]);

	if (rc == SQLITE_OK)
		rc = st->doubt && !st->wal ? write_everything(st, s) : write_dirty(st, s);
	if (rc == SQLITE_OK)
		rc = put_counters(st, s);
	if (rc != SQLITE_OK)
		return rc;
	rc = run(st->stmt[FL_STMT_COMMIT]);
	st->doubt = rc != SQLITE_OK;
	return rc;
}

/* SQLite empties the log without a sync: a power cut could bring its pages back. */
static bool sync_log(sqlite3 *db)
{
	sqlite3_file *log = fl_store_log(db);

	return log != NULL && log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK;
}

/*
 * After a failed commit nothing of the transaction may come back, not even after a crash. When
 * only its last sync failed, the log holds its pages with a valid commit mark, unseen by this
 * process: emptying the log removes them, and so does the next commit, which writes over them.
 */
static void settle(struct fl_store *st)
{
	if (st->wal &&
	    sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
		    SQLITE_OK &&
	    sync_log(st->db))
		st->doubt = false;
}

static enum fl_err give_up(struct fl_store *st, struct fl_fault *fault)
{
	enum fl_err err = fl_store_fault(st->db, st->path, "writing", fault);

	if (!sqlite3_get_autocommit(st->db))
		(void)run(st->stmt[FL_STMT_ROLLBACK]);
	if (st->doubt)
		settle(st);
	/* What is stored now need not be what we think. */
	memset(st->last_id, 0xff, sizeof st->last_id);
	return err;
}

enum fl_err fl_store_commit(struct fl_store *st, const struct fl_state *s, struct fl_fault *fault)
{
	const struct fl_dirty *dirty;
	size_t count = fl_state_dirty(s, &dirty);

	if (st->doubt)
		settle(st);
	if (count == 0 && (st->wal || !st->doubt))
		return FL_OK;
	if (write_all(st, s) != SQLITE_OK)
		return give_up(st, fault);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		st->last_id[kind] = fl_state_counter(s, (enum fl_record_kind)kind);
	return FL_OK;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/fanparts.c - SQLite and nghttp2 as the least program of fanleast.c uses them. */
#include "fanparts.h"

#include <limits.h>
#include <nghttp2/nghttp2.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "field.h"
#include "util.h"

enum {
	WARM_COMMITS = 300, /* the log is as long after them; later ones write over it */
	ROW = 600,          /* bytes, as a node's row has */
};

static struct {
	sqlite3 *db;
	sqlite3_stmt *begin, *update, *commit;
} store;

static void run_sql(const char *sql)
{
	if (sqlite3_exec(store.db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_die("%s: %s", sql, sqlite3_errmsg(store.db));
}

static sqlite3_stmt *prepared(const char *sql)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v3(store.db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) !=
	    SQLITE_OK)
		bench_die("%s: %s", sql, sqlite3_errmsg(store.db));
	return st;
}

static void step(sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE || sqlite3_reset(st) != SQLITE_OK)
		bench_die("%s: %s", sqlite3_sql(st), sqlite3_errmsg(store.db));
}

static void remove_old(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[PATH_MAX];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int len = snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		if (len < 0 || (size_t)len >= sizeof(file))
			bench_die("%s: the path is too long", path);
		unlink(file);
	}
}

void fan_store_open(const char *path, uint32_t rows)
{
	char sql[160];
	remove_old(path);
	if (sqlite3_open(path, &store.db) != SQLITE_OK)
		bench_die("%s: %s", path, sqlite3_errmsg(store.db));
	run_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"CREATE TABLE nodes (id INTEGER PRIMARY KEY, facts BLOB NOT NULL)");
	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
		 "INSERT INTO nodes SELECT i, zeroblob(%d) FROM n",
		 rows - 1, ROW);
	run_sql(sql);
	store.begin = prepared("BEGIN IMMEDIATE");
	store.update = prepared("UPDATE nodes SET facts = ?2 WHERE id = ?1");
	store.commit = prepared("COMMIT");
	for (uint32_t i = 0; i < WARM_COMMITS; i++)
		fan_store_change(i % rows, sql, sizeof(sql));
	run_sql("PRAGMA wal_checkpoint(RESTART)");
}

void fan_store_change(uint32_t row, const void *bytes, size_t len)
{
	uint8_t facts[ROW] = { 0 };
	memcpy(facts, bytes, len < ROW ? len : ROW);
	step(store.begin);
	sqlite3_bind_int64(store.update, 1, row);
	sqlite3_bind_blob(store.update, 2, facts, ROW, SQLITE_STATIC);
	step(store.update);
	step(store.commit);
}

struct fan_stream {
	nghttp2_session *h2;
	const uint8_t *bytes;
	size_t len;
	bool deferred; /* until it is resumed nothing asks for bytes */
};

enum { STREAM = 1 };

/* Called while a frame is made: the bytes that wait, or none until there are more. */
static ssize_t read_waiting(nghttp2_session *h2, int32_t id, uint8_t *out, size_t cap,
			    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct fan_stream *s = source->ptr;
	size_t len = s->len;
	(void)h2, (void)id, (void)flags, (void)user;
	s->deferred = len == 0;
	if (s->deferred)
		return NGHTTP2_ERR_DEFERRED;
	if (len > cap)
		bench_die("a frame of %zu bytes does not fit", len);
	memcpy(out, s->bytes, len);
	s->len = 0;
	return (ssize_t)len;
}

static void must(ssize_t code)
{
	if (code < 0)
		bench_die("nghttp2: %s", nghttp2_strerror((int)code));
}

/* All that one end has to say reaches the other. */
static void pass(nghttp2_session *from, nghttp2_session *to)
{
	const uint8_t *out;
	ssize_t len;
	while ((len = nghttp2_session_mem_send(from, &out)) != 0) {
		must(len);
		must(nghttp2_session_mem_recv(to, out, (size_t)len));
	}
}

static void greet(nghttp2_session *server, nghttp2_session *client)
{
	const nghttp2_nv ask[] = { bench_field(":method", "POST"), bench_field(":scheme", "http"),
				   bench_field(":authority", "bench"), bench_field(":path", "/") };
	must(nghttp2_submit_settings(server, 0, NULL, 0));
	must(nghttp2_submit_settings(client, 0, NULL, 0));
	must(nghttp2_submit_request(client, NULL, ask, 4, NULL, NULL));
	pass(client, server);
	pass(server, client);
	pass(client, server);
}

struct fan_stream *fan_stream_open(void)
{
	const nghttp2_nv answer[] = { bench_field(":status", "200") };
	nghttp2_session_callbacks *none = NULL;
	nghttp2_session *client = NULL;
	struct fan_stream *s = calloc(1, sizeof(*s));
	if (!s || nghttp2_session_callbacks_new(&none) != 0 ||
	    nghttp2_session_server_new(&s->h2, none, s) != 0 ||
	    nghttp2_session_client_new(&client, none, NULL) != 0)
		bench_die("out of memory");
	greet(s->h2, client);
	nghttp2_data_provider body = { .source = { .ptr = s }, .read_callback = read_waiting };
	must(nghttp2_submit_response(s->h2, STREAM, answer, 1, &body));
	pass(s->h2, client);
	nghttp2_session_del(client);
	nghttp2_session_callbacks_del(none);
	return s;
}

const uint8_t *fan_stream_frame(struct fan_stream *s, const uint8_t *bytes, size_t len)
{
	const uint8_t *out = NULL;
	s->bytes = bytes;
	s->len = len;
	if (s->deferred)
		must(nghttp2_session_resume_data(s->h2, STREAM));
	ssize_t made = nghttp2_session_mem_send(s->h2, &out);
	must(made);
	if ((size_t)made != len + FAN_FRAME_HEADER)
		bench_die("a frame of %zd bytes, not %zu", made, len + FAN_FRAME_HEADER);
	return out;
}

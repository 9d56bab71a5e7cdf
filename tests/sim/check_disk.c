/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/check_disk.c - memory and disk say the same: INV-05. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { DUMP_MAX = 64 << 20 };

static void put_hex(struct fl_buf *b, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fl_buf_printf(b, "%02x", ((const uint8_t *)p)[i]);
	fl_buf_byte(b, ' ');
}

static void put_list(struct fl_buf *b, const struct fl_strlist *l)
{
	for (size_t i = 0; i < l->len; i++)
		fl_buf_printf(b, "%s,", l->at[i]);
	fl_buf_byte(b, ' ');
}

static void put_node(struct fl_buf *b, const struct fl_node *n)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_buf_printf(b,
		      "node %" PRIu64 " user %" PRIu64
		      " cap %u auto %d eph %d method %d key %" PRIu64 " created %" PRId64
		      " expiry %" PRId64 " told %d seen %" PRId64 " name %s ",
		      n->id, n->user, n->cap, n->name_is_auto, n->ephemeral, (int)n->method,
		      n->auth_key, n->created, n->expiry, 0, n->last_seen, n->given_name);
	put_hex(b, &n->machine, FL_KEY_LEN);
	put_hex(b, &n->key, FL_KEY_LEN);
	put_hex(b, &n->disco, FL_KEY_LEN);
	put_hex(b, n->ip4.b, 4);
	put_hex(b, n->ip6.b, 16);
	put_list(b, &n->tags);
	for (size_t i = 0; i < n->endpoints_count; i++) {
		put_hex(b, n->endpoints[i].at.ip.b, 16);
		fl_buf_printf(b, "%u %u ", n->endpoints[i].at.port, n->endpoints[i].type);
	}
	for (size_t i = 0; i < n->approved_count; i++) {
		fl_prefix_format(&n->approved[i], text);
		fl_buf_printf(b, "%s ", text);
	}
	fl_buf_printf(b, "%s\n", n->hostinfo->json);
}

static void put_keys(struct fl_buf *b, const struct fl_state *s)
{
	struct fl_preauth *const *keys;
	size_t count = fl_state_preauths(s, &keys);

	for (size_t i = 0; i < count; i++) {
		const struct fl_preauth *k = keys[i];
		fl_buf_printf(b,
			      "key %" PRIu64 " user %" PRIu64 " %d %d %d %" PRId64 " %" PRId64
			      " %" PRId64 " %s ",
			      k->id, k->user, k->reusable, k->ephemeral, k->used, k->created,
			      k->expiration, k->revoked, k->prefix);
		put_hex(b, k->hash, sizeof k->hash);
		put_list(b, &k->tags);
		fl_buf_byte(b, '\n');
	}
}

char *records_dump(const struct fl_state *s)
{
	struct fl_buf b = fl_buf_make(DUMP_MAX);
	struct fl_node *const *nodes;
	struct fl_user *const *users;
	struct fl_revision *const *revisions;
	size_t count = fl_state_users(s, &users);

	for (size_t i = 0; i < count; i++)
		fl_buf_printf(&b, "user %" PRIu64 " %s %" PRId64 "\n", users[i]->id, users[i]->name,
			      users[i]->created);
	put_keys(&b, s);
	count = fl_state_nodes(s, &nodes);
	for (size_t i = 0; i < count; i++)
		put_node(&b, nodes[i]);
	count = fl_state_revisions(s, &revisions);
	for (size_t i = 0; i < count; i++)
		fl_buf_printf(&b, "revision %" PRIu64 " %zu\n", revisions[i]->rev,
			      revisions[i]->text_len);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		fl_buf_printf(&b, "counter %d %" PRIu64 "\n", kind,
			      fl_state_counter(s, (enum fl_record_kind)kind));
	fl_buf_byte(&b, '\0');
	if (fl_buf_err(&b) != FL_OK)
		abort();
	return (char *)b.ptr;
}

/* The first line that differs, of each. */
static void first_difference(const char *a, const char *b, char out[static 900])
{
	while (*a != '\0' && *b != '\0') {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
		if (n != m || memcmp(a, b, n) != 0)
			break;
		a += n + (a[n] != '\0');
		b += m + (b[m] != '\0');
	}
	size_t same = 0, shown;
	while (a[same] == b[same] && a[same] != '\n' && a[same] != '\0')
		same++;
	shown = same > 60 ? same - 60 : 0;
	snprintf(out, 900, "%.40s ...%.200s\n on the disk: ...%.200s", a, a + shown, b + shown);
}

static void check_same(const char *memory, const struct fl_state *read, const char *when)
{
	char *disk = records_dump(read), text[900];

	if (strcmp(memory, disk) != 0) {
		first_difference(memory, disk, text);
		violation("INV-05", "%s, in memory: %s", when, text);
	}
	free(disk);
}

void check_disk(void)
{
	struct fl_store *store;
	char *memory = records_dump(sim.server.core.state);

	sim_disk_copy(server_db, "audit.db");
	sim_disk_copy("fairlead.db-wal", "audit.db-wal");
	struct fl_state *read = server_read("audit.db", &store);
	check_same(memory, read, "at rest");
	fl_state_free(read);
	fl_store_close(store);
	free(memory);
}

/* What was told to anybody before the crash is there; of the tick it happened in all or nothing. */
void check_restart(void)
{
	struct server *s = &sim.server;
	char *disk = records_dump(s->core.state);

	if (s->committed != NULL && strcmp(disk, s->committed) != 0 &&
	    (s->attempted == NULL || strcmp(disk, s->attempted) != 0))
		check_same(s->committed, s->core.state, "after a crash");
	free(disk);
	check_gone(s->core.state, s->ended); /* with the tick it ended in */
	facts_new_life();
}

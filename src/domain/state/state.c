/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/state.c - makes and ends the state, and answers questions about it. */
#include "domain/state/state.h"

#include <stdlib.h>

#include "domain/state/inner.h"

enum {
	FULL_NAME_MAX = 255, /* label, dot, base domain, final dot */
	LABEL_MIN = 16,      /* room for a name and a number */
};

static enum fl_err set_names(struct fl_state *s, const char *base_domain)
{
	size_t len = base_domain != NULL ? strlen(base_domain) : 0;

	if (len > FULL_NAME_MAX - 2 - LABEL_MIN)
		return FL_ERR_TOO_BIG;
	s->label_max = FULL_NAME_MAX - 2 - len;
	if (s->label_max > FL_NAME_MAX)
		s->label_max = FL_NAME_MAX;
	s->base_domain = fl_str_dup(fl_slice_of(base_domain, len));
	return s->base_domain != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err set_addresses(struct fl_state *s, const struct fl_state_config *cfg)
{
	const struct fl_prefix *prefix[2] = { &cfg->prefix4, &cfg->prefix6 };
	struct fl_rng rng, split;
	uint64_t seed;

	memcpy(&seed, cfg->seed + 16, sizeof seed);
	fl_rng_init(&rng, seed);
	for (int i = 0; i < 2; i++) {
		if (!fl_ip_is_set(&prefix[i]->ip))
			continue;
		if (prefix[i]->ip.family != (i == 0 ? FL_IP_V4 : FL_IP_V6))
			return FL_ERR_INVALID;
		fl_rng_split(&rng, i == 0 ? "addresses 4" : "addresses 6", &split);
		enum fl_err err = fl_ipam_new(prefix[i], cfg->allocation == FL_IP_RANDOM, &split,
					      cfg->seed, &s->ipam[i]);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static void set_maps(struct fl_state *s, const uint8_t *seed)
{
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		fl_map_init(&s->table[kind].by_id, sizeof(uint64_t), seed);
	fl_map_init(&s->by_node_key, FL_KEY_LEN, seed);
	fl_map_init(&s->by_machine, FL_KEY_LEN, seed);
	fl_map_init(&s->by_user, sizeof(fl_user_id), seed);
	fl_map_init(&s->by_given_name, FL_NAME_MAX + 1, seed);
	fl_map_init(&s->by_ip, sizeof(struct fl_ip), seed);
	fl_map_init(&s->by_user_name, 0, seed);
	fl_map_init(&s->by_preauth_prefix, FL_TOKEN_PREFIX_LEN, seed);
	fl_map_init(&s->by_apikey_prefix, FL_TOKEN_PREFIX_LEN, seed);
	fl_map_init(&s->dirty_set, 2 * sizeof(uint64_t), seed);
}

enum fl_err fl_state_new(const struct fl_state_config *cfg, struct fl_state **out)
{
	struct fl_state *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;

	s->node_expiry = cfg->node_expiry;
	s->min_cap = cfg->min_cap;
	fl_list_init(&s->empty_groups);
	set_maps(s, cfg->seed);
	enum fl_err err = set_names(s, cfg->base_domain);
	if (err == FL_OK)
		err = set_addresses(s, cfg);
	if (err != FL_OK) {
		fl_state_free(s);
		return err;
	}
	s->start = fl_state_begin(s);
	*out = s;
	return FL_OK;
}

static void free_table(struct fl_table *t, enum fl_record_kind kind)
{
	size_t at = 0;

	for (struct fl_slot *slot; (slot = fl_map_next(&t->by_id, &at)) != NULL; free(slot))
		fl_record_unref(kind, slot->rec);
	fl_map_done(&t->by_id);
	free(t->at);
}

struct fl_state *fl_state_free(struct fl_state *s)
{
	if (s == NULL)
		return NULL;
	fl_state_committed(s); /* nothing but to drop the undo log */
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		free_table(&s->table[kind], (enum fl_record_kind)kind);
	fl_groups_done(&s->by_machine);
	fl_groups_done(&s->by_user);
	fl_map_done(&s->by_node_key);
	fl_map_done(&s->by_given_name);
	fl_map_done(&s->by_ip);
	fl_map_done(&s->by_user_name);
	fl_map_done(&s->by_preauth_prefix);
	fl_map_done(&s->by_apikey_prefix);
	fl_map_done(&s->dirty_set);
	fl_ipam_free(s->ipam[0]);
	fl_ipam_free(s->ipam[1]);
	free(s->undo);
	free(s->dirty);
	free(s->changes);
	free(s->taken);
	free(s->freed);
	free(s->base_domain);
	free(s);
	return NULL;
}

static void *find(const struct fl_state *s, enum fl_record_kind kind, uint64_t id)
{
	const struct fl_slot *slot = fl_table_find(s, kind, id);
	return slot != NULL ? slot->rec : NULL;
}

static void *find_by(const struct fl_map *m, const void *key)
{
	const struct fl_slot *slot = fl_map_find(m, key);
	return slot != NULL ? slot->rec : NULL;
}

static void *find_by_prefix(const struct fl_map *m, const char *prefix)
{
	char key[FL_TOKEN_PREFIX_LEN + 1] = "";

	return fl_str_copy(key, sizeof key, fl_slice_str(prefix)) ? find_by(m, key) : NULL;
}

struct fl_node *fl_state_node(const struct fl_state *s, fl_node_id id)
{
	return find(s, FL_RECORD_NODE, id);
}

struct fl_node *fl_state_node_by_key(const struct fl_state *s, const struct fl_node_key *key)
{
	return find_by(&s->by_node_key, key->b);
}

const char *fl_state_base_domain(const struct fl_state *s)
{
	return s->base_domain;
}

struct fl_node *fl_state_node_by_name(const struct fl_state *s, const char *given_name)
{
	char key[FL_NAME_MAX + 1] = "";

	if (strnlen(given_name, sizeof key) == sizeof key)
		return NULL;
	for (size_t i = 0; given_name[i] != '\0'; i++) {
		char c = given_name[i];
		key[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return find_by(&s->by_given_name, key);
}

struct fl_node *fl_state_node_by_ip(const struct fl_state *s, const struct fl_ip *ip)
{
	return find_by(&s->by_ip, ip);
}

size_t fl_state_nodes(const struct fl_state *s, struct fl_node *const **out)
{
	*out = (struct fl_node *const *)s->table[FL_RECORD_NODE].at;
	return s->table[FL_RECORD_NODE].len;
}

bool fl_state_is_orphan(const struct fl_state *s, const struct fl_node *n)
{
	return n->user != 0 && fl_state_user(s, n->user) == NULL;
}

bool fl_state_key_is_orphan(const struct fl_state *s, const struct fl_preauth *k)
{
	return k->user != 0 && fl_state_user(s, k->user) == NULL;
}

struct fl_user *fl_state_user(const struct fl_state *s, fl_user_id id)
{
	return find(s, FL_RECORD_USER, id);
}

/* The only user for whom `field` reads `text`, or NULL. */
static struct fl_user *only_user(const struct fl_state *s, const char *text, size_t field)
{
	const struct fl_table *t = &s->table[FL_RECORD_USER];
	struct fl_user *found = NULL;

	for (size_t i = 0; i < t->len; i++) {
		char *const *have = (char *const *)(void *)((char *)t->at[i] + field);
		if (strcmp(*have, text) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = t->at[i];
	}
	return found;
}

struct fl_user *fl_state_user_by_name(const struct fl_state *s, const char *name)
{
	if (name[0] == '\0')
		return NULL;
	struct fl_user *u = find_by(&s->by_user_name, name);
	if (u == NULL)
		u = only_user(s, name, offsetof(struct fl_user, name));
	if (u == NULL)
		u = only_user(s, name, offsetof(struct fl_user, email));
	return u;
}

size_t fl_state_users(const struct fl_state *s, struct fl_user *const **out)
{
	*out = (struct fl_user *const *)s->table[FL_RECORD_USER].at;
	return s->table[FL_RECORD_USER].len;
}

size_t fl_state_revisions(const struct fl_state *s, struct fl_revision *const **out)
{
	*out = (struct fl_revision *const *)s->table[FL_RECORD_REVISION].at;
	return s->table[FL_RECORD_REVISION].len;
}

struct fl_revision *fl_state_revision(const struct fl_state *s, uint64_t rev)
{
	return find(s, FL_RECORD_REVISION, rev);
}

size_t fl_state_preauths(const struct fl_state *s, struct fl_preauth *const **out)
{
	*out = (struct fl_preauth *const *)s->table[FL_RECORD_PREAUTH].at;
	return s->table[FL_RECORD_PREAUTH].len;
}

struct fl_preauth *fl_state_preauth(const struct fl_state *s, fl_key_id id)
{
	return find(s, FL_RECORD_PREAUTH, id);
}

struct fl_preauth *fl_state_preauth_by_prefix(const struct fl_state *s, const char *prefix)
{
	return find_by_prefix(&s->by_preauth_prefix, prefix);
}

size_t fl_state_apikeys(const struct fl_state *s, struct fl_apikey *const **out)
{
	*out = (struct fl_apikey *const *)s->table[FL_RECORD_APIKEY].at;
	return s->table[FL_RECORD_APIKEY].len;
}

struct fl_apikey *fl_state_apikey(const struct fl_state *s, fl_key_id id)
{
	return find(s, FL_RECORD_APIKEY, id);
}

struct fl_apikey *fl_state_apikey_by_prefix(const struct fl_state *s, const char *prefix)
{
	return find_by_prefix(&s->by_apikey_prefix, prefix);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/policy_kit.c - worlds and policies from short texts, and what nodes are told. */
#include "policy_kit.h"

#include <jansson.h>

enum { WORDS_MAX = 16, LIST_MAX = 64 };

/* ---- words ---- */

static char *copy(struct kit_world *w, struct fl_slice s)
{
	char *text = fl_arena_text(&w->arena, s);
	assert_non_null(text);
	return text;
}

static size_t split(struct kit_world *w, struct fl_slice s, char mark, char **out, size_t max)
{
	size_t n = 0;

	while (s.len > 0) {
		const uint8_t *end = memchr(s.ptr, mark, s.len);
		size_t len = end != NULL ? (size_t)(end - s.ptr) : s.len;
		if (len > 0) {
			assert_true(n < max);
			out[n++] = copy(w, fl_slice_of(s.ptr, len));
		}
		s = fl_slice_skip(s, len + 1);
	}
	return n;
}

static const char *value_of(char **words, size_t n, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < n; i++) {
		if (strncmp(words[i], key, len) == 0 && words[i][len] == '=')
			return words[i] + len + 1;
	}
	return NULL;
}

static bool has_word(char **words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

/* ---- users ---- */

static enum fl_role role_of(const char *text)
{
	static const char *const names[] = { "member",   "owner",   "admin", "network_admin",
					     "it_admin", "auditor", "viewer" };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (text != NULL && strcmp(names[i], text) == 0)
			return (enum fl_role)i;
	}
	return FL_ROLE_MEMBER;
}

static void add_user(struct kit_world *w, char **words, size_t n)
{
	struct fl_policy_user *u;
	const char *provider = value_of(words, n, "provider");

	if (w->world.users_len == w->users_cap) {
		w->users_cap = w->users_cap * 2 + 8;
		w->users = realloc(w->users, w->users_cap * sizeof *w->users);
		assert_non_null(w->users);
	}
	u = &w->users[w->world.users_len++];
	*u = (struct fl_policy_user){ .id = w->world.users_len,
				      .name = words[1],
				      .email = "",
				      .provider_id = provider != NULL ? provider : "",
				      .role = role_of(value_of(words, n, "role")) };
	if (n > 2 && strchr(words[2], '@') != NULL)
		u->email = words[2];
}

/* ---- nodes ---- */

static struct fl_prefix *prefixes(struct kit_world *w, const char *text, size_t *out_len)
{
	char *words[LIST_MAX];
	size_t n = text != NULL ? split(w, fl_slice_str(text), ',', words, LIST_MAX) : 0;
	struct fl_prefix *at = fl_arena_array(&w->arena, n, sizeof *at);

	assert_non_null(at);
	for (size_t i = 0; i < n; i++)
		assert_err(fl_prefix_parse(fl_slice_str(words[i]), &at[i]), FL_OK);
	*out_len = n;
	return at;
}

static void set_ips(struct kit_world *w, struct fl_policy_node *node, const char *text)
{
	char *words[2];
	struct fl_ip ip;

	if (text == NULL) {
		node->ip4 = fl_ip_v4(100, 64, (uint8_t)(node->id >> 8), (uint8_t)node->id);
		node->ip6 = (struct fl_ip){ .family = FL_IP_V6,
					    .b = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } };
		node->ip6.b[14] = (uint8_t)(node->id >> 8);
		node->ip6.b[15] = (uint8_t)node->id;
		return;
	}
	size_t n = split(w, fl_slice_str(text), ',', words, 2);
	for (size_t i = 0; i < n; i++) {
		assert_err(fl_ip_parse(fl_slice_str(words[i]), &ip), FL_OK);
		*(ip.family == FL_IP_V4 ? &node->ip4 : &node->ip6) = ip;
	}
}

static void set_primary(struct kit_world *w, struct fl_policy_node *node, const char *text)
{
	if (text != NULL) {
		node->primary = prefixes(w, text, &node->primary_len);
		return;
	}
	struct fl_prefix *at = fl_arena_array(&w->arena, node->served_len, sizeof *at);
	assert_non_null(at);
	for (size_t i = 0; i < node->served_len; i++) {
		if (!fl_prefix_is_exit(&node->served[i]))
			at[node->primary_len++] = node->served[i];
	}
	node->primary = at;
}

static uint64_t user_id(const struct kit_world *w, const char *name)
{
	for (size_t i = 0; i < w->world.users_len && name != NULL; i++) {
		if (strcmp(w->users[i].name, name) == 0)
			return w->users[i].id;
	}
	return 0;
}

static void add_node(struct kit_world *w, char **words, size_t n)
{
	const char *id = value_of(words, n, "id"), *tags = value_of(words, n, "tags");
	char *list[LIST_MAX];

	if (w->world.nodes_len == w->nodes_cap) {
		w->nodes_cap = w->nodes_cap * 2 + 16;
		w->nodes = realloc(w->nodes, w->nodes_cap * sizeof *w->nodes);
		assert_non_null(w->nodes);
	}
	struct fl_policy_node *node = &w->nodes[w->world.nodes_len++];
	*node = (struct fl_policy_node){
		.id = id != NULL ? strtoull(id, NULL, 10) : w->world.nodes_len,
		.name = words[1],
		.user = user_id(w, value_of(words, n, "user")),
		.online = !has_word(words, n, "offline"),
		.healthy = !has_word(words, n, "sick"),
	};
	set_ips(w, node, value_of(words, n, "ip"));
	node->tags_len = tags != NULL ? split(w, fl_slice_str(tags), ',', list, LIST_MAX) : 0;
	char **own = fl_arena_array(&w->arena, node->tags_len, sizeof(char *));
	assert_non_null(own);
	if (node->tags_len > 0)
		memcpy(own, list, node->tags_len * sizeof(char *));
	node->tags = (const char *const *)own;
	node->served = prefixes(w, value_of(words, n, "routes"), &node->served_len);
	set_primary(w, node, value_of(words, n, "primary"));
}

void kit_world_init(struct kit_world *w, const char *text)
{
	struct fl_slice rest = fl_slice_str(text);

	*w = (struct kit_world){ .arena = fl_arena_make(1 << 28) };
	while (rest.len > 0) {
		char *words[WORDS_MAX];
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
		size_t n = split(w, fl_slice_of(rest.ptr, len), ' ', words, WORDS_MAX);
		if (n >= 2 && strcmp(words[0], "user") == 0)
			add_user(w, words, n);
		else if (n >= 2 && strcmp(words[0], "node") == 0)
			add_node(w, words, n);
		else if (n > 0)
			fail_msg("what is \"%s\"?", words[0]);
		rest = fl_slice_skip(rest, len + 1);
	}
	w->world.users = w->users;
	w->world.nodes = w->nodes;
}

void kit_world_done(struct kit_world *w)
{
	free(w->users);
	free(w->nodes);
	fl_arena_done(&w->arena);
}

uint64_t kit_id(const struct kit_world *w, const char *name)
{
	for (size_t i = 0; i < w->world.nodes_len; i++) {
		if (strcmp(w->nodes[i].name, name) == 0)
			return w->nodes[i].id;
	}
	fail_msg("no node \"%s\"", name);
	return 0;
}

/* ---- policies ---- */

struct fl_policy_doc *kit_doc(const char *text)
{
	static const char *const domains[] = { "example.com" };
	const struct fl_policy_read how = { .domains = domains, .domains_len = COUNT(domains) };
	struct fl_policy_report report = { 0 };
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_policy_doc *doc = NULL;

	if (fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc) != FL_OK) {
		fl_policy_report_text(&report, &b);
		fail_msg("%.*s", (int)b.len, (const char *)b.ptr);
	}
	fl_policy_report_done(&report);
	fl_buf_done(&b);
	return doc;
}

void kit_init(struct kit *k, const char *world, const char *policy)
{
	kit_world_init(&k->world, world);
	k->doc = policy != NULL ? kit_doc(policy) : NULL;
	k->p = NULL;
	assert_err(fl_policy_new(k->doc, &k->world.world, &k->p), FL_OK);
}

void kit_done(struct kit *k)
{
	fl_policy_unref(k->p);
	fl_policy_doc_free(k->doc);
	kit_world_done(&k->world);
}

/* ---- filters ---- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* An array of elements in the order of their texts. */
static json_t *sorted(json_t *array)
{
	size_t n = json_array_size(array);
	char **texts = calloc(n + 1, sizeof(char *));
	json_t *out = json_array();

	assert_non_null(texts);
	for (size_t i = 0; i < n; i++)
		texts[i] = json_dumps(json_array_get(array, i),
				      JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
	qsort(texts, n, sizeof(char *), compare_texts);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(out, json_loads(texts[i], JSON_DECODE_ANY, NULL));
		free(texts[i]);
	}
	free(texts);
	return out;
}

static void sort_rule(json_t *rule)
{
	json_t *grants = json_object_get(rule, "CapGrant"), *grant;
	size_t i;

	json_object_set_new(rule, "SrcIPs", sorted(json_object_get(rule, "SrcIPs")));
	if (json_object_get(rule, "DstPorts") != NULL)
		json_object_set_new(rule, "DstPorts", sorted(json_object_get(rule, "DstPorts")));
	json_array_foreach(grants, i, grant)
		json_object_set_new(grant, "Dsts", sorted(json_object_get(grant, "Dsts")));
}

static json_t *load_filter(const char *text)
{
	json_t *filter = json_loads(text, 0, NULL), *rule;
	size_t i;

	if (filter == NULL)
		fail_msg("not JSON: %s", text);
	json_array_foreach(filter, i, rule) sort_rule(rule);
	return filter;
}

bool kit_same_filter(const char *a, const char *b)
{
	json_t *x = load_filter(a), *y = load_filter(b);
	bool same = json_equal(x, y) != 0;

	json_decref(x);
	json_decref(y);
	return same;
}

char *kit_filter(const struct fl_policy *p, uint64_t node)
{
	struct fl_buf b = fl_buf_make(1 << 28);

	fl_policy_filter(p, node, &b);
	fl_buf_byte(&b, '\0');
	assert_err(fl_buf_err(&b), FL_OK);
	return (char *)b.ptr;
}

void kit_expect_filter(const struct kit *k, const char *node, const char *json)
{
	char *got = kit_filter(k->p, kit_id(&k->world, node));

	if (!kit_same_filter(got, json))
		fail_msg("%s: got %s, want %s", node, got, json);
	free(got);
}

/* ---- peers ---- */

static const char *name_of(const struct kit_world *w, uint64_t id)
{
	for (size_t i = 0; i < w->world.nodes_len; i++) {
		if (w->nodes[i].id == id)
			return w->nodes[i].name;
	}
	return "?";
}

void kit_expect_peers(const struct kit *k, const char *node, const char *names)
{
	struct fl_buf got = fl_buf_make(1 << 20);
	uint64_t ids[1024], id = kit_id(&k->world, node);
	size_t n = fl_policy_peers(k->p, id, ids, COUNT(ids));

	assert_true(n <= COUNT(ids));
	for (size_t i = 0; i < n; i++)
		fl_buf_printf(&got, "%s%s", i > 0 ? " " : "", name_of(&k->world, ids[i]));
	assert_text(fl_buf_slice(&got), names);
	for (size_t i = 0; i < k->world.world.nodes_len; i++) { /* and pair by pair, both ways */
		uint64_t other = k->world.nodes[i].id;
		bool listed = false;
		for (size_t m = 0; m < n; m++)
			listed = listed || ids[m] == other;
		assert_int_equal(fl_policy_sees(k->p, id, other), listed);
		assert_int_equal(fl_policy_sees(k->p, other, id), listed);
	}
	fl_buf_done(&got);
}

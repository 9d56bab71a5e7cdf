/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/captures/canon.c - brings JSON into the form in which cases are compared: sets sorted, null
 * and absent lists empty, order kept where order has a meaning.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

struct item {
	char *text;
	json_t *value;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->text, ((const struct item *)b)->text);
}

json_t *canon_set(const json_t *list)
{
	size_t count = json_array_size(list);
	struct item *items = calloc(count + 1, sizeof *items);
	json_t *out = json_array();

	for (size_t i = 0; i < count; i++) {
		items[i].value = json_array_get(list, i);
		items[i].text = json_dumps(items[i].value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	}
	qsort(items, count, sizeof *items, by_text);
	for (size_t i = 0; i < count; i++) {
		json_array_append(out, items[i].value);
		free(items[i].text);
	}
	free(items);
	return out;
}

json_t *canon_caps(const json_t *map)
{
	json_t *out = json_object(), *v;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)map, name, v)
	{
		if (json_is_array(v))
			json_object_set(out, name, v);
		else
			json_object_set_new(out, name, json_array());
	}
	return out;
}

static json_t *canon_grant(const json_t *grant)
{
	json_t *out = json_object();

	json_object_set_new(out, "Dsts", canon_set(json_object_get(grant, "Dsts")));
	json_object_set_new(out, "CapMap", canon_caps(json_object_get(grant, "CapMap")));
	return out;
}

static json_t *canon_rule(const json_t *rule)
{
	static const char *const sets[] = { "SrcIPs", "DstPorts", "IPProto" };
	json_t *out = json_object(), *grants = json_array(), *g;
	size_t i;

	for (i = 0; i < sizeof sets / sizeof *sets; i++)
		json_object_set_new(out, sets[i], canon_set(json_object_get(rule, sets[i])));
	json_array_foreach(json_object_get(rule, "CapGrant"), i, g)
		json_array_append_new(grants, canon_grant(g));
	json_object_set_new(out, "CapGrant", grants);
	return out;
}

json_t *canon_filter(const json_t *rules)
{
	json_t *out = json_array(), *r;
	size_t i;

	json_array_foreach(rules, i, r) json_array_append_new(out, canon_rule(r));
	return out;
}

json_t *canon_ssh(const json_t *rules)
{
	json_t *out = json_array(), *r;
	size_t i;

	json_array_foreach(rules, i, r)
	{
		json_t *rule = json_copy(r);
		json_object_set_new(rule, "principals",
				    canon_set(json_object_get(r, "principals")));
		json_array_append_new(out, rule);
	}
	return out;
}

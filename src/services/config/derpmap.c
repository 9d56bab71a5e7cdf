/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/derpmap.c - merges relay maps and writes the fields that clients know. */
#include "services/config/derpmap.h"

#include <math.h>
#include <stdlib.h>

#include "base/jw.h"
#include "io/yaml.h"

enum { REGIONS_MAX = 1024, NODES_MAX = 64 };

enum field_type { TEXT, NUMBER, REAL, FLAG };

struct field {
	const char *name;
	enum field_type type;
};

static const struct field region_fields[] = {
	{ "RegionCode", TEXT }, { "RegionName", TEXT }, { "Latitude", REAL },
	{ "Longitude", REAL },  { "Avoid", FLAG },      { "NoMeasureNoHome", FLAG },
};

static const struct field node_fields[] = {
	{ "Name", TEXT },       { "HostName", TEXT },   { "CertName", TEXT },
	{ "IPv4", TEXT },       { "IPv6", TEXT },       { "STUNPort", NUMBER },
	{ "STUNOnly", FLAG },   { "DERPPort", NUMBER }, { "InsecureForTests", FLAG },
	{ "STUNTestIP", TEXT }, { "CanPort80", FLAG },
};

struct region {
	uint32_t id;
	const struct fl_yaml *y;
};

struct merge {
	struct region regions[REGIONS_MAX];
	size_t count;
	const char *source;
	struct fl_fault *fault;
};

static enum fl_err fail(const struct merge *m, const struct fl_yaml *y, const char *what)
{
	return fl_fault_set(m->fault, FL_ERR_INVALID, "relay map %s:%u:%u: %s", m->source, y->line,
			    y->column, what);
}

/* Maps come from Go programs: names match without regard to case. */
static const struct fl_yaml *member(const struct fl_yaml *map, const char *name)
{
	for (size_t i = 0; i < map->len; i++) {
		if (fl_str_ieq(fl_slice_str(map->keys[i]), fl_slice_str(name)))
			return fl_yaml_is_null(map->items[i]) ? NULL : map->items[i];
	}
	return NULL;
}

/* ---- merging ---- */

static void put(struct merge *m, uint32_t id, const struct fl_yaml *y)
{
	size_t i = 0;

	while (i < m->count && m->regions[i].id < id)
		i++;
	bool known = i < m->count && m->regions[i].id == id;
	if (y == NULL) {
		if (known) {
			memmove(&m->regions[i], &m->regions[i + 1],
				(m->count - i - 1) * sizeof *m->regions);
			m->count--;
		}
		return;
	}
	if (!known) {
		memmove(&m->regions[i + 1], &m->regions[i], (m->count - i) * sizeof *m->regions);
		m->count++;
	}
	m->regions[i] = (struct region){ .id = id, .y = y };
}

static enum fl_err merge_source(struct merge *m, const struct fl_yaml *tree)
{
	const struct fl_yaml *regions = tree->kind == FL_YAML_MAP ? member(tree, "Regions") : NULL;
	if (regions == NULL)
		return fail(m, tree, "expected the key 'regions'");
	if (regions->kind != FL_YAML_MAP)
		return fail(m, regions, "expected regions by number");
	for (size_t i = 0; i < regions->len; i++) {
		uint64_t id;
		if (fl_u64_parse(fl_slice_str(regions->keys[i]), &id) != FL_OK || id == 0 ||
		    id > INT32_MAX)
			return fail(m, regions->items[i],
				    "a region's key must be a number above 0");
		if (fl_yaml_is_null(regions->items[i]))
			put(m, (uint32_t)id, NULL);
		else if (regions->items[i]->kind != FL_YAML_MAP)
			return fail(m, regions->items[i], "expected the fields of a region");
		else if (m->count == REGIONS_MAX)
			return fail(m, regions->items[i], "too many regions");
		else
			put(m, (uint32_t)id, regions->items[i]);
	}
	return FL_OK;
}

/* ---- writing ---- */

static enum fl_err write_scalar(const struct merge *m, const struct field *f,
				const struct fl_yaml *y, struct fl_jw *w)
{
	char *end = NULL;

	if (y->kind != FL_YAML_SCALAR)
		return fail(m, y, "expected one value");
	switch (f->type) {
	case TEXT:
		fl_jw_key(w, f->name);
		fl_jw_str(w, y->text);
		return FL_OK;
	case FLAG:
		if (strcmp(y->text, "true") != 0 && strcmp(y->text, "false") != 0)
			return fail(m, y, "expected true or false");
		fl_jw_key(w, f->name);
		fl_jw_bool(w, y->text[0] == 't');
		return FL_OK;
	case NUMBER: {
		long v = strtol(y->text, &end, 10);
		if (end == y->text || *end != '\0' || v < -1 || v > UINT16_MAX)
			return fail(m, y,
				    "expected a port number, 0 for the default or -1 for none");
		fl_jw_key(w, f->name);
		fl_jw_i64(w, v);
		return FL_OK;
	}
	case REAL: {
		double v = strtod(y->text, &end);
		if (end == y->text || *end != '\0' || !isfinite(v))
			return fail(m, y, "expected a number");
		fl_jw_key(w, f->name);
		fl_jw_f64(w, v);
		return FL_OK;
	}
	}
	return FL_OK;
}

static enum fl_err write_fields(const struct merge *m, const struct field *fields, size_t count,
				const struct fl_yaml *y, struct fl_jw *w)
{
	for (size_t i = 0; i < count; i++) {
		const struct fl_yaml *v = member(y, fields[i].name);
		enum fl_err err = v != NULL ? write_scalar(m, &fields[i], v, w) : FL_OK;
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err write_node(const struct merge *m, uint32_t region, const struct fl_yaml *y,
			      struct fl_jw *w)
{
	if (y->kind != FL_YAML_MAP)
		return fail(m, y, "expected the fields of a node");
	if (member(y, "Name") == NULL || member(y, "HostName") == NULL)
		return fail(m, y, "a node needs name and hostname");
	fl_jw_obj(w);
	fl_jw_key(w, "RegionID");
	fl_jw_u64(w, region);
	enum fl_err err =
		write_fields(m, node_fields, sizeof node_fields / sizeof *node_fields, y, w);
	fl_jw_obj_end(w);
	return err;
}

static enum fl_err write_nodes(const struct merge *m, const struct region *r, struct fl_jw *w)
{
	const struct fl_yaml *nodes = member(r->y, "Nodes");
	enum fl_err err = FL_OK;

	if (nodes != NULL && (nodes->kind != FL_YAML_LIST || nodes->len > NODES_MAX))
		return fail(m, nodes, "expected a list of at most 64 nodes");
	fl_jw_key(w, "Nodes");
	fl_jw_arr(w);
	for (size_t i = 0; nodes != NULL && i < nodes->len && err == FL_OK; i++) {
		if (!fl_yaml_is_null(nodes->items[i]))
			err = write_node(m, r->id, nodes->items[i], w);
	}
	fl_jw_arr_end(w);
	return err;
}

static enum fl_err write_region(const struct merge *m, const struct region *r, struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "RegionID");
	fl_jw_u64(w, r->id);
	enum fl_err err = write_fields(m, region_fields,
				       sizeof region_fields / sizeof *region_fields, r->y, w);
	if (err == FL_OK)
		err = write_nodes(m, r, w);
	fl_jw_obj_end(w);
	return err;
}

static void region_key(struct fl_jw *w, uint32_t id)
{
	char text[16];
	size_t n = sizeof text;

	text[--n] = '\0';
	do
		text[--n] = (char)('0' + id % 10);
	while ((id /= 10) > 0);
	fl_jw_key(w, text + n);
}

static void key_text(struct fl_jw *w, const char *key, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

static void write_embedded(const struct fl_derpmap_embedded *e, struct fl_jw *w)
{
	char name[24];
	struct fl_buf b = fl_buf_make(sizeof name);

	fl_buf_printf(&b, "%ua", e->region_id);
	fl_str_copy(name, sizeof name, fl_buf_slice(&b));
	fl_buf_done(&b);
	region_key(w, e->region_id);
	fl_jw_obj(w);
	fl_jw_key(w, "RegionID");
	fl_jw_u64(w, e->region_id);
	key_text(w, "RegionCode", e->region_code);
	key_text(w, "RegionName", e->region_name);
	fl_jw_key(w, "Nodes");
	fl_jw_arr(w);
	fl_jw_obj(w);
	fl_jw_key(w, "RegionID");
	fl_jw_u64(w, e->region_id);
	key_text(w, "Name", name);
	key_text(w, "HostName", e->host);
	key_text(w, "CertName", e->cert_name);
	key_text(w, "IPv4", e->ipv4);
	key_text(w, "IPv6", e->ipv6);
	fl_jw_key(w, "STUNPort");
	fl_jw_i64(w, e->stun_port);
	fl_jw_key(w, "DERPPort");
	fl_jw_u64(w, e->port);
	fl_jw_obj_end(w);
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}

static enum fl_err write_map(struct merge *m, const struct fl_derpmap_embedded *embedded,
			     struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	enum fl_err err = FL_OK;

	fl_jw_obj(&w);
	fl_jw_key(&w, "Regions");
	fl_jw_obj(&w);
	for (size_t i = 0; i < m->count && err == FL_OK; i++) {
		region_key(&w, m->regions[i].id);
		err = write_region(m, &m->regions[i], &w);
	}
	if (embedded != NULL && err == FL_OK)
		write_embedded(embedded, &w);
	fl_jw_obj_end(&w);
	fl_jw_obj_end(&w);
	return err == FL_OK ? fl_buf_err(out) : err;
}

enum fl_err fl_derpmap_build(const struct fl_derpmap_source *sources, size_t count,
			     const struct fl_derpmap_embedded *embedded, struct fl_fault *fault,
			     struct fl_buf *out)
{
	struct merge *m = calloc(1, sizeof *m);
	struct fl_yaml **trees = calloc(count ? count : 1, sizeof(struct fl_yaml *));
	enum fl_err err = m != NULL && trees != NULL ? FL_OK : FL_ERR_NOMEM;

	for (size_t i = 0; i < count && err == FL_OK; i++) {
		struct fl_fault syntax = { "" };
		m->source = sources[i].name;
		m->fault = fault;
		err = fl_yaml_parse(sources[i].text, &syntax, &trees[i]);
		if (err != FL_OK)
			err = fl_fault_set(fault, FL_ERR_INVALID, "relay map %s:%s",
					   sources[i].name, syntax.text);
		else
			err = merge_source(m, trees[i]);
	}
	if (err == FL_OK && embedded != NULL)
		put(m, embedded->region_id, NULL);
	if (err == FL_OK && m->count == 0 && embedded == NULL)
		err = fl_fault_set(
			fault, FL_ERR_INVALID,
			"the relay map has no region: enable derp.server, or name derp.paths or "
			"derp.urls; clients cannot start without a relay");
	if (err == FL_OK) {
		m->fault = fault;
		err = write_map(m, embedded, out);
	}
	for (size_t i = 0; trees != NULL && i < count; i++)
		fl_yaml_free(trees[i]);
	free(trees);
	free(m);
	return err;
}

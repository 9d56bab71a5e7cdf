/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/config.c - turns settings into the texts that every map contains.
 *
 * DNS, DERP map and self capabilities are the same for all nodes and change rarely, so they are
 * JSON from the start.
 */
#include "domain/netmap/internal.h"

#include <ctype.h>
#include <stdlib.h>

#include "wire/json.h"

enum {
	TEXT_MAX = 4 << 20,
	ZONE_MAX = 80, /* 32 nibbles with dots and "ip6.arpa" */
};

/* Names are compared and written without their trailing dot. */
static struct fl_slice without_dot(const char *name)
{
	struct fl_slice s = fl_slice_str(name);

	if (s.len > 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	return s;
}

static enum fl_err keep(struct fl_buf *text, struct fl_bytes **out)
{
	enum fl_err err = fl_buf_err(text);

	if (err == FL_OK && (*out = fl_bytes_new(fl_buf_slice(text))) == NULL)
		err = FL_ERR_NOMEM;
	fl_buf_done(text);
	return err;
}

/* ---- DNS ---- */

static void put_resolver(struct fl_jw *w, const char *addr)
{
	fl_jw_obj(w);
	fl_jw_key(w, "Addr");
	fl_jw_str(w, addr);
	fl_jw_obj_end(w);
}

static void put_resolvers(struct fl_jw *w, const struct fl_strlist *list)
{
	fl_jw_arr(w);
	for (size_t i = 0; list != NULL && i < list->len; i++)
		put_resolver(w, list->at[i]);
	fl_jw_arr_end(w);
}

static bool is_split(const struct fl_netmap_spec *spec, struct fl_slice suffix)
{
	for (size_t i = 0; i < spec->split_count; i++)
		if (fl_str_ieq(without_dot(spec->split[i].suffix), suffix))
			return true;
	return false;
}

/* A suffix that is answered from tailnet data alone: an empty list, never null. */
static void put_own_zone(struct fl_jw *w, const struct fl_netmap_spec *spec, struct fl_slice suffix)
{
	if (suffix.len == 0 || is_split(spec, suffix))
		return;
	fl_jw_key_text(w, suffix);
	fl_jw_arr(w);
	fl_jw_arr_end(w);
}

/* The i-th label of an address: a byte of IPv4, half a byte of IPv6. */
static unsigned label_at(const struct fl_ip *ip, unsigned i)
{
	if (ip->family == FL_IP_V4)
		return ip->b[i];
	return i % 2 == 0 ? ip->b[i / 2] >> 4U : ip->b[i / 2] & 15U;
}

/* The zone of the first `labels` labels, the last of them given. */
static void put_reverse_zone(struct fl_jw *w, const struct fl_netmap_spec *spec,
			     const struct fl_ip *ip, unsigned labels, unsigned last)
{
	bool v4 = ip->family == FL_IP_V4;
	char mem[ZONE_MAX];
	struct fl_buf zone = fl_buf_over(mem, sizeof mem);

	for (unsigned i = labels; i-- > 0;)
		fl_buf_printf(&zone, v4 ? "%u." : "%x.", i == labels - 1 ? last : label_at(ip, i));
	fl_buf_str(&zone, v4 ? "in-addr.arpa" : "ip6.arpa");
	put_own_zone(w, spec, fl_buf_slice(&zone));
}

/* A prefix that ends inside a label needs one zone for each value the label can have. */
static void put_reverse_zones(struct fl_jw *w, const struct fl_netmap_spec *spec,
			      const struct fl_prefix *p)
{
	unsigned step = p->ip.family == FL_IP_V4 ? 8 : 4, labels = (p->bits + step - 1) / step;
	unsigned open = labels * step - p->bits; /* free bits in the last label */

	if (!fl_ip_is_set(&p->ip) || p->bits == 0)
		return;
	unsigned first = label_at(&p->ip, labels - 1) >> open << open;
	for (unsigned v = 0; v < 1u << open; v++)
		put_reverse_zone(w, spec, &p->ip, labels, first + v);
}

static void put_dns_routes(struct fl_jw *w, const struct fl_netmap_spec *spec)
{
	if (!spec->magic_dns && spec->split_count == 0)
		return;
	fl_jw_key(w, "Routes");
	fl_jw_obj(w);
	for (size_t i = 0; i < spec->split_count; i++) {
		fl_jw_key_text(w, without_dot(spec->split[i].suffix));
		put_resolvers(w, spec->split[i].nameservers);
	}
	if (spec->magic_dns) {
		put_own_zone(w, spec, without_dot(spec->base_domain));
		put_reverse_zones(w, spec, &spec->prefix4);
		put_reverse_zones(w, spec, &spec->prefix6);
	}
	fl_jw_obj_end(w);
}

static void put_dns_domains(struct fl_jw *w, const struct fl_netmap_spec *spec)
{
	struct fl_slice base = without_dot(spec->base_domain);

	fl_jw_key(w, "Domains");
	fl_jw_arr(w);
	if (base.len > 0)
		fl_jw_text(w, base);
	for (size_t i = 0; spec->search_domains != NULL && i < spec->search_domains->len; i++)
		fl_jw_text(w, without_dot(spec->search_domains->at[i]));
	fl_jw_arr_end(w);
}

static void put_dns_records(struct fl_jw *w, const struct fl_netmap_spec *spec)
{
	if (spec->records_count == 0)
		return;
	fl_jw_key(w, "ExtraRecords");
	fl_jw_arr(w);
	for (size_t i = 0; i < spec->records_count; i++) {
		const struct fl_netmap_record *r = &spec->records[i];
		fl_jw_obj(w);
		fl_jw_key(w, "Name");
		fl_jw_str(w, r->name);
		if (r->type != NULL && r->type[0] != '\0') {
			fl_jw_key(w, "Type");
			fl_jw_str(w, r->type);
		}
		fl_jw_key(w, "Value");
		fl_jw_str(w, r->value);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static enum fl_err make_dns(const struct fl_netmap_spec *spec, struct fl_bytes **out)
{
	struct fl_buf text = fl_buf_make(TEXT_MAX);
	struct fl_jw w = fl_jw_make(&text);

	fl_jw_obj(&w);
	if (spec->nameservers != NULL && spec->nameservers->len > 0) {
		fl_jw_key(&w, spec->override_local_dns ? "Resolvers" : "FallbackResolvers");
		put_resolvers(&w, spec->nameservers);
	}
	put_dns_routes(&w, spec);
	put_dns_domains(&w, spec);
	fl_jw_key(&w, "Proxied");
	fl_jw_bool(&w, spec->magic_dns);
	put_dns_records(&w, spec);
	fl_jw_obj_end(&w);
	return keep(&text, out);
}

/* ---- self capabilities ---- */

/* Begins a member and keeps where its value stands. */
static struct fl_netmap_cap *add_cap(struct fl_netmap_config *c, struct fl_jw *w, const char *name)
{
	struct fl_netmap_cap *cap = &c->caps[c->caps_count++];

	fl_jw_key(w, name);
	*cap = (struct fl_netmap_cap){ .name = name, .at = w->out->len };
	return cap;
}

static void put_cap(struct fl_netmap_config *c, struct fl_jw *w, const char *name)
{
	struct fl_netmap_cap *cap = add_cap(c, w, name);

	fl_jw_arr(w);
	fl_jw_arr_end(w);
	cap->end = w->out->len;
}

static enum fl_err make_self_caps(struct fl_netmap_config *c, const struct fl_netmap_spec *spec)
{
	struct fl_buf text = fl_buf_make(TEXT_MAX);
	struct fl_jw w = fl_jw_make(&text);

	fl_jw_obj(&w);
	put_cap(c, &w, "https://tailscale.com/cap/is-admin");
	put_cap(c, &w, "https://tailscale.com/cap/ssh");
	if (spec->taildrop)
		put_cap(c, &w, "https://tailscale.com/cap/file-sharing");
	struct fl_netmap_cap *cap = add_cap(c, &w, "default-auto-update");
	fl_jw_arr(&w);
	fl_jw_bool(&w, spec->auto_update);
	fl_jw_arr_end(&w);
	cap->end = text.len;
	if (spec->randomize_client_port)
		put_cap(c, &w, "randomize-client-port");
	if (spec->display_name != NULL && spec->display_name[0] != '\0') {
		cap = add_cap(c, &w, "tailnet-display-name");
		fl_jw_arr(&w);
		fl_jw_str(&w, spec->display_name);
		fl_jw_arr_end(&w);
		cap->end = text.len;
	}
	fl_jw_obj_end(&w);
	return keep(&text, &c->self_caps);
}

static bool is_attr(const struct fl_netmap_attr *attrs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(attrs[i].name, name) == 0)
			return true;
	return false;
}

void fl_netmap_put_self_caps(struct fl_jw *w, const struct fl_netmap_config *cfg,
			     const struct fl_netmap_attr *attrs, size_t count)
{
	if (count == 0) {
		fl_jw_raw(w, fl_bytes_slice(cfg->self_caps));
		return;
	}
	fl_jw_obj(w);
	for (size_t i = 0; i < cfg->caps_count; i++) {
		const struct fl_netmap_cap *cap = &cfg->caps[i];
		if (is_attr(attrs, count, cap->name))
			continue;
		fl_jw_key(w, cap->name);
		fl_jw_raw(w, fl_slice_of(fl_bytes_slice(cfg->self_caps).ptr + cap->at,
					 cap->end - cap->at));
	}
	for (size_t i = 0; i < count; i++) {
		fl_jw_key_text(w, fl_slice_str(attrs[i].name));
		fl_jw_raw(w, fl_slice_str(attrs[i].args));
	}
	fl_jw_obj_end(w);
}

/* ---- DERP map ---- */

/* A copy of valid JSON without white space between tokens. */
static enum fl_err make_compact(struct fl_slice json, struct fl_bytes **out)
{
	struct fl_buf text = fl_buf_make(json.len);
	bool quoted = false;

	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.ptr[i];
		if (!quoted && isspace(c))
			continue;
		fl_buf_byte(&text, c);
		if (quoted && c == '\\')
			fl_buf_byte(&text, json.ptr[++i]); /* valid, so there is one */
		else if (c == '"')
			quoted = !quoted;
	}
	return keep(&text, out);
}

static int compare_regions(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static size_t count_regions(struct fl_jv regions)
{
	struct fl_slice name;
	struct fl_jv v;
	size_t n = 0;

	for (void *at = NULL; fl_json_next(regions, &at, &name, &v);)
		n++;
	return n;
}

static enum fl_err add_region(struct fl_netmap_config *c, struct fl_slice name, struct fl_jv region,
			      struct fl_fault *fault)
{
	uint64_t id = 0, stated = fl_json_u64(fl_json_get(region, "RegionID"), UINT32_MAX);

	if (fl_u64_parse(name, &id) != FL_OK || id == 0 || id != stated)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "DERP map: region \"%.*s\" states RegionID %llu; both must be "
				    "the same number above 0",
				    (int)(name.len < 40 ? name.len : 40), (const char *)name.ptr,
				    (unsigned long long)stated);
	c->regions[c->regions_count++] = (uint32_t)id;
	return FL_OK;
}

static enum fl_err read_regions(struct fl_netmap_config *c, struct fl_jv root,
				struct fl_fault *fault)
{
	struct fl_jv regions = fl_json_get(root, "Regions"), v;
	struct fl_slice name;
	size_t n = count_regions(regions);
	enum fl_err err = FL_OK;

	if (n == 0)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "DERP map: no region; clients need at least one");
	c->regions = calloc(n, sizeof *c->regions);
	if (c->regions == NULL)
		return FL_ERR_NOMEM;
	for (void *at = NULL; err == FL_OK && fl_json_next(regions, &at, &name, &v);)
		err = add_region(c, name, v, fault);
	if (err == FL_OK && fl_json_err(root.doc) != FL_OK)
		err = fl_fault_set(fault, FL_ERR_INVALID, "DERP map: a value has the wrong type");
	qsort(c->regions, c->regions_count, sizeof *c->regions, compare_regions);
	return err;
}

static enum fl_err make_derp(struct fl_netmap_config *c, struct fl_slice json,
			     struct fl_fault *fault)
{
	struct fl_json *doc = NULL;
	enum fl_err err = fl_json_parse(json, FL_JSON_DEPTH_MAX, &doc);

	if (err == FL_ERR_NOMEM)
		return err;
	if (err != FL_OK)
		return fl_fault_set(fault, FL_ERR_INVALID, "DERP map: %s", fl_err_text(err));
	err = read_regions(c, fl_json_root(doc), fault);
	fl_json_free(doc);
	return err == FL_OK ? make_compact(json, &c->derp) : err;
}

/* ---- life ---- */

static enum fl_err fill(struct fl_netmap_config *c, const struct fl_netmap_spec *spec,
			struct fl_fault *fault)
{
	enum fl_err err = make_derp(c, spec->derp_map, fault);

	if (err == FL_OK)
		err = make_dns(spec, &c->dns);
	if (err == FL_OK)
		err = make_self_caps(c, spec);
	if (err == FL_OK && (c->base_domain = fl_str_dup(without_dot(spec->base_domain))) == NULL)
		err = FL_ERR_NOMEM;
	c->logtail = spec->logtail;
	c->personal_dns = err == FL_OK && fl_netmap_is_personal(fl_bytes_slice(c->dns));
	return err;
}

enum fl_err fl_netmap_config_new(const struct fl_netmap_spec *spec, struct fl_fault *fault,
				 struct fl_netmap_config **out)
{
	struct fl_netmap_config *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;

	c->refs = 1;
	enum fl_err err = fill(c, spec, fault);
	if (err != FL_OK) {
		fl_netmap_config_unref(c);
		return err;
	}
	*out = c;
	return FL_OK;
}

struct fl_netmap_config *fl_netmap_config_ref(struct fl_netmap_config *c)
{
	c->refs++;
	return c;
}

struct fl_netmap_config *fl_netmap_config_unref(struct fl_netmap_config *c)
{
	if (c == NULL || --c->refs > 0)
		return NULL;
	free(c->base_domain);
	free(c->regions);
	fl_bytes_unref(c->derp);
	fl_bytes_unref(c->dns);
	fl_bytes_unref(c->self_caps);
	free(c);
	return NULL;
}

bool fl_netmap_config_has_region(const struct fl_netmap_config *c, uint32_t region)
{
	return bsearch(&region, c->regions, c->regions_count, sizeof region, compare_regions) !=
	       NULL;
}

struct fl_slice fl_netmap_config_derp(const struct fl_netmap_config *c)
{
	return fl_bytes_slice(c->derp);
}

bool fl_netmap_config_same_derp(const struct fl_netmap_config *a, const struct fl_netmap_config *b)
{
	return fl_slice_eq(fl_bytes_slice(a->derp), fl_bytes_slice(b->derp));
}

bool fl_netmap_config_same_dns(const struct fl_netmap_config *a, const struct fl_netmap_config *b)
{
	return fl_slice_eq(fl_bytes_slice(a->dns), fl_bytes_slice(b->dns));
}

bool fl_netmap_config_personal_dns(const struct fl_netmap_config *c)
{
	return c->personal_dns;
}

bool fl_netmap_config_same_self(const struct fl_netmap_config *a, const struct fl_netmap_config *b)
{
	return a->logtail == b->logtail &&
	       fl_slice_eq(fl_bytes_slice(a->self_caps), fl_bytes_slice(b->self_caps));
}

bool fl_netmap_config_same_fragments(const struct fl_netmap_config *a,
				     const struct fl_netmap_config *b)
{
	return strcmp(a->base_domain, b->base_domain) == 0 &&
	       a->regions_count == b->regions_count &&
	       memcmp(a->regions, b->regions, a->regions_count * sizeof *a->regions) == 0;
}

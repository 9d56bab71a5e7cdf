/* SPDX-License-Identifier: BSD-3-Clause */
/* services/server/netmap.c - what the settings mean for the maps that clients get. */
#include "services/server/internal.h"

#include <stdlib.h>

struct tables {
	struct fl_netmap_split *split;
	struct fl_netmap_record *records;
	size_t records_count;
};

static bool fill_tables(const struct fl_config *c, const struct fl_records *file, struct tables *t)
{
	const struct fl_config_record *records = file->count > 0 ? file->at : c->dns.records;

	t->records_count = file->count > 0 ? file->count : c->dns.records_count;
	t->split = calloc(c->dns.split_count + 1, sizeof *t->split);
	t->records = calloc(t->records_count + 1, sizeof *t->records);
	if (t->split == NULL || t->records == NULL)
		return false;
	for (size_t i = 0; i < c->dns.split_count; i++)
		t->split[i] = (struct fl_netmap_split){
			.suffix = c->dns.split[i].domain,
			.nameservers = &c->dns.split[i].resolvers,
		};
	for (size_t i = 0; i < t->records_count; i++)
		t->records[i] = (struct fl_netmap_record){
			.name = records[i].name,
			.type = records[i].type,
			.value = records[i].value,
		};
	return true;
}

enum fl_err fl_server_netmap(struct fl_server *s, const struct fl_config *c, struct fl_fault *fault,
			     struct fl_netmap_config **out)
{
	struct fl_buf map = fl_buf_make(4 << 20);
	struct tables t = { 0 };

	enum fl_err err = fl_server_relaymap_build(s, c, fault, &map);
	if (err == FL_OK && !fill_tables(c, &s->records, &t))
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	if (err == FL_OK) {
		const struct fl_netmap_spec spec = {
			.base_domain = c->dns.base_domain,
			.prefix4 = c->prefix4,
			.prefix6 = c->prefix6,
			.magic_dns = c->dns.magic_dns,
			.override_local_dns = c->dns.override_local_dns,
			.taildrop = c->taildrop,
			.logtail = c->logtail,
			.auto_update = c->auto_update,
			.nameservers = &c->dns.nameservers,
			.search_domains = &c->dns.search_domains,
			.split = t.split,
			.split_count = c->dns.split_count,
			.records = t.records,
			.records_count = t.records_count,
			.derp_map = fl_buf_slice(&map),
		};
		err = fl_netmap_config_new(&spec, fault, out);
	}
	free(t.split);
	free(t.records);
	fl_buf_done(&map);
	return err;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/records.c - extra DNS records from a file, read again when it changes.
 *
 * What cannot be read, or says something wrong, changes nothing. What says the same as before is
 * told to nobody.
 *
 * Source: docs/lifecycle.md NM-7.
 */
#include "services/server/internal.h"

#define SETTLE (200 * FL_MS) /* editors write in several steps */

/* Makes clients' settings from what s->records holds now. */
static enum fl_err apply(struct fl_server *s, struct fl_fault *fault)
{
	struct fl_netmap_config *netmap;

	enum fl_err err = fl_server_netmap(s, s->config, fault, &netmap);
	if (err != FL_OK)
		return err;
	fl_control_netmap(s->control, netmap);
	fl_netmap_config_unref(netmap);
	return FL_OK;
}

static void on_changed(void *ctx)
{
	struct fl_server *s = ctx;
	struct fl_records old = s->records, fresh = { 0 };
	struct fl_fault fault = { "" };

	enum fl_err err = fl_records_read(s->config->dns.records_path, &fault, &fresh);
	if (err == FL_OK) {
		s->records = fresh;
		err = apply(s, &fault);
		fresh = err == FL_OK ? old : fresh;
		s->records = err == FL_OK ? s->records : old;
	}
	fl_records_done(&fresh);
	if (err == FL_OK)
		fl_log_info("extra DNS records read", FL_LS("path", s->config->dns.records_path),
			    FL_LU("count", s->records.count));
	else
		fl_log_error("extra DNS records stay as they were", FL_LS("reason", fault.text));
}

enum fl_err fl_server_records_read(const struct fl_config *c, struct fl_fault *fault,
				   struct fl_records *out)
{
	*out = (struct fl_records){ 0 };
	return c->dns.records_path[0] != '\0' ? fl_records_read(c->dns.records_path, fault, out)
					      : FL_OK;
}

void fl_server_records_watch(struct fl_server *s)
{
	struct fl_fault fault = { "" };

	s->records_watch = fl_watch_free(s->records_watch);
	if (s->config->dns.records_path[0] == '\0')
		return;
	if (fl_watch_new(s->loop, s->config->dns.records_path, SETTLE, on_changed, s, &fault,
			 &s->records_watch) != FL_OK)
		fl_log_warn("extra DNS records are read again only with a reload",
			    FL_LS("reason", fault.text));
}

void fl_server_records_stop(struct fl_server *s)
{
	s->records_watch = fl_watch_free(s->records_watch);
	fl_records_done(&s->records);
}

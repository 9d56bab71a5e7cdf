/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/hub.c - life of the hub: the port first, files, the machine, and then who waits at
 * the port and the rest of the network.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/prim.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
	MESSAGE_MAX_DEFAULT = 1 << 20,
	MESSAGE_HARD_MAX = 16 << 20,
	CONNECTIONS_HARD_MAX = 4096,
	INSTANCE_ID_PART = 8,
};

#define PING_EVERY  (50 * FL_SEC)
#define PONG_WITHIN (10 * FL_SEC)

/* ---- settings ---- */

static enum fl_err copy_text(char *out, size_t cap, const char *text, const char *what,
			     struct fl_fault *fault)
{
	struct fl_slice s = fl_slice_str(text);

	if (s.len < cap && fl_str_is_clean(s)) {
		fl_str_copy(out, cap, s);
		return FL_OK;
	}
	return fl_fault_set(fault, FL_ERR_INVALID,
			    "the %s is longer than %zu bytes or not plain text", what, cap - 1);
}

/* Two nodes of one name would hide each other: some of the ID goes in. */
static void make_instance(struct fl_ship_hub *h)
{
	struct fl_buf b = fl_buf_over(h->instance, sizeof h->instance);
	const char *id = h->txt.id;
	size_t len = strlen(id);

	fl_buf_str(&b, h->txt.brand[0] != '\0' ? h->txt.brand : "Fairlead");
	fl_buf_byte(&b, ' ');
	if (h->txt.model[0] != '\0') {
		fl_buf_str(&b, h->txt.model);
		fl_buf_byte(&b, ' ');
	}
	fl_buf_str(&b, len > INSTANCE_ID_PART ? id + len - INSTANCE_ID_PART : id);
	fl_buf_byte(&b, 0);
	if (fl_buf_err(&b) != FL_OK || !fl_str_is_clean(fl_slice_str(h->instance)))
		fl_str_copy(h->instance, sizeof h->instance, fl_slice_str(id));
}

/* What a host name may hold of the ID, which is unique where names of hosts need not be. */
static void make_host(struct fl_ship_hub *h)
{
	struct fl_buf b = fl_buf_over(h->host, sizeof h->host);

	for (const char *c = h->txt.id; *c != '\0'; c++) {
		bool alnum = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z');
		if (alnum || (*c == '-' && b.len > 0))
			fl_buf_byte(&b, (uint8_t)*c);
	}
	while (b.len > 0 && b.ptr[b.len - 1] == '-')
		b.len--;
	if (b.len == 0)
		fl_buf_str(&b, "ship");
	b.ptr[b.len] = '\0'; /* the buffer leaves a byte for it */
}

/* What is announced; after the identity is known. */
static enum fl_err settle_txt(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
			      struct fl_fault *fault)
{
	struct fl_ship_txt *t = &h->txt;

	*t = (struct fl_ship_txt){ .ski = h->identity.facts.computed, .path = "/ship/" };
	fl_str_copy(t->id, sizeof t->id, fl_slice_str(h->identity.ship_id));
	make_host(h);
	enum fl_err err = copy_text(t->brand, sizeof t->brand, cfg->brand, "brand", fault);
	if (err == FL_OK)
		err = copy_text(t->model, sizeof t->model, cfg->model, "model", fault);
	if (err == FL_OK)
		err = copy_text(t->type, sizeof t->type, cfg->type, "type", fault);
	if (err == FL_OK)
		err = copy_text(t->serial, sizeof t->serial, cfg->serial, "serial number", fault);
	if (err == FL_OK && cfg->categories_count > FL_SHIP_CATEGORIES_MAX)
		err = fl_fault_set(fault, FL_ERR_INVALID, "more than %d categories",
				   FL_SHIP_CATEGORIES_MAX);
	if (err != FL_OK)
		return err;
	for (size_t i = 0; i < cfg->categories_count; i++)
		t->categories[t->categories_count++] = cfg->categories[i];
	if (cfg->instance == NULL || cfg->instance[0] == '\0') {
		make_instance(h);
		return FL_OK;
	}
	return copy_text(h->instance, sizeof h->instance, cfg->instance, "name in the network",
			 fault);
}

static enum fl_err copy_interfaces(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg)
{
	if (cfg->interfaces_count == 0)
		return FL_OK;
	h->interfaces = calloc(cfg->interfaces_count, sizeof *h->interfaces);
	if (h->interfaces == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < cfg->interfaces_count; i++) {
		h->interfaces[i] = fl_str_dup(fl_slice_str(cfg->interfaces[i]));
		if (h->interfaces[i] == NULL)
			return FL_ERR_NOMEM;
		h->interfaces_count++;
	}
	return FL_OK;
}

static enum fl_err settle_limits(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
				 struct fl_fault *fault)
{
	h->listen = cfg->listen;
	h->mdns_backend = cfg->mdns;
	h->rule = cfg->rule;
	h->connections_max =
		cfg->connections_max > 0 ? cfg->connections_max : FL_DEVICES_CONNECTIONS_DEFAULT;
	h->message_max = cfg->message_max > 0 ? cfg->message_max : MESSAGE_MAX_DEFAULT;
	h->ping_every = cfg->ping_every > 0 ? cfg->ping_every : PING_EVERY;
	h->pong_within = cfg->pong_within > 0 ? cfg->pong_within : PONG_WITHIN;
	if (h->connections_max > CONNECTIONS_HARD_MAX)
		return fl_fault_set(fault, FL_ERR_INVALID, "more than %d connections",
				    CONNECTIONS_HARD_MAX);
	if (h->message_max > MESSAGE_HARD_MAX)
		return fl_fault_set(fault, FL_ERR_INVALID, "messages of more than %d bytes",
				    MESSAGE_HARD_MAX);
	return FL_OK;
}

/* ---- timers ---- */

static void on_timer(void *ctx)
{
	struct fl_ship_hub *h = ctx;

	fl_devices_tick(h->devices, fl_loop_now(h->loop));
	fl_ship_pump(h);
}

static void on_down(void *ctx)
{
	struct fl_ship_hub *h = ctx;

	h->told_down = true;
	fl_timer_stop(&h->grace);
	if (h->down != NULL)
		h->down(h->down_ctx);
}

static void drop_links(struct fl_ship_hub *h)
{
	fl_list_each(it, &h->link_list) fl_ship_link_close(
		fl_list_entry(it, struct fl_ship_link, in), FL_SHIP_CODE_CLOSE, "hub shutdown");
}

/* The machine hears of it, so that each device that was connected is told of as disconnected. */
static void lose_links(struct fl_ship_hub *h)
{
	for (struct fl_list *it; (it = h->link_list.next) != &h->link_list;) {
		struct fl_ship_link *k = fl_list_entry(it, struct fl_ship_link, in);
		uint64_t number = k->number;
		fl_ship_link_close(k, FL_SHIP_CODE_CLOSE, "hub shutdown");
		fl_devices_lost(h->devices, fl_loop_now(h->loop), number, 1006,
				fl_slice_of(NULL, 0));
	}
}

static void on_grace(void *ctx)
{
	struct fl_ship_hub *h = ctx;

	fl_log_warn("connections did not end in time and are dropped");
	lose_links(h);
	fl_ship_pump(h);
	fl_loop_defer(h->loop, &h->say_down);
}

/* ---- life ---- */

static enum fl_err read_identity(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
				 struct fl_fault *fault)
{
	const struct fl_ship_identity_spec spec = {
		.id = cfg->id,
		.brand = cfg->brand,
		.model = cfg->model,
		.serial = cfg->serial,
		.now = fl_loop_wall(h->loop),
	};

	enum fl_err err = fl_ship_store_open(cfg->state_dir, fault, &h->store);
	if (err == FL_OK)
		err = fl_ship_store_identity(h->store, &spec, fault, &h->identity);
	return err;
}

static enum fl_err make_tls(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
			    struct fl_fault *fault)
{
	const struct fl_tls_peer_config tls = {
		.cert_pem = fl_buf_slice(&h->identity.pem),
		.key_pem = fl_buf_slice(&h->identity.pem),
		.judge = fl_ship_judge_visitor,
		.ctx = h,
		.small_records = !cfg->large_records,
		.tls12_only = cfg->tls12_only,
	};
	return fl_tls_peer_new(&tls, fault, &h->tls);
}

static enum fl_ship_pin_state pin_wanted(const struct fl_ship_hub_config *cfg)
{
	if (cfg->pin == NULL || cfg->pin[0] == '\0')
		return FL_SHIP_PIN_NONE;
	return cfg->pin_optional ? FL_SHIP_PIN_OPTIONAL : FL_SHIP_PIN_REQUIRED;
}

static enum fl_err make_devices(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
				struct fl_fault *fault)
{
	struct fl_devices_config dc = {
		.own = h->identity.facts.computed,
		.ship_id = h->identity.ship_id,
		.rule = cfg->rule,
		.connections_max = h->connections_max,
		.message_max = h->message_max,
		.pin_wanted = pin_wanted(cfg),
		.pin = cfg->pin,
		.timers = cfg->timers,
		.limits = cfg->limits,
		.limits_count = cfg->limits_count,
	};

	enum fl_err err = fl_ship_timers_settle(&dc.timers, fault);
	if (err != FL_OK)
		return err;
	if (getrandom(&dc.rng_seed, sizeof dc.rng_seed, 0) != (ssize_t)sizeof dc.rng_seed ||
	    getrandom(dc.hash_seed, sizeof dc.hash_seed, 0) != (ssize_t)sizeof dc.hash_seed)
		return fl_fault_set(fault, FL_ERR_IO, "the system gives no random numbers");
	fl_map_init(&h->links, sizeof(uint64_t), dc.hash_seed);
	err = fl_devices_new(&dc, fault, &h->devices);
	for (size_t i = 0; err == FL_OK && i < fl_ship_store_count(h->store); i++)
		err = fl_devices_load(h->devices, fl_ship_store_at(h->store, i));
	return err;
}

static enum fl_err make_log(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
			    struct fl_fault *fault)
{
	const struct fl_ship_message_log_config log = {
		.path = cfg->message_log,
		.max = cfg->message_log_max,
		.plain = cfg->message_log_plain,
		.ski = h->identity.facts.computed,
		.ship_id = h->identity.ship_id,
	};

	if (log.path == NULL || log.path[0] == '\0')
		return FL_OK;
	return fl_ship_message_log_new(h->loop, &log, fault, &h->log);
}

static enum fl_err make(struct fl_ship_hub *h, const struct fl_ship_hub_config *cfg,
			struct fl_fault *fault)
{
	enum fl_err err = fl_timer_init(&h->timer, h->loop, on_timer, h);
	if (err == FL_OK)
		err = fl_timer_init(&h->grace, h->loop, on_grace, h);
	if (err == FL_OK)
		err = settle_limits(h, cfg, fault);
	if (err == FL_OK) /* before what takes time: devices wait there, and are not turned away */
		err = fl_ship_accept_open(h, fault);
	if (err == FL_OK && fl_crypto_init() != FL_OK)
		err = fl_fault_set(fault, FL_ERR_IO, FL_CRYPTO_MISSING);
	if (err == FL_OK)
		err = copy_interfaces(h, cfg);
	if (err == FL_OK)
		err = read_identity(h, cfg, fault);
	if (err == FL_OK)
		err = settle_txt(h, cfg, fault);
	if (err == FL_OK)
		err = make_tls(h, cfg, fault);
	if (err == FL_OK)
		err = make_devices(h, cfg, fault);
	if (err == FL_OK)
		err = make_log(h, cfg, fault);
	return err;
}

enum fl_err fl_ship_hub_new(struct fl_loop *l, const struct fl_ship_hub_config *cfg,
			    struct fl_fault *fault, struct fl_ship_hub **out)
{
	struct fl_ship_hub *h = calloc(1, sizeof *h);
	if (h == NULL)
		return FL_ERR_NOMEM;

	h->loop = l;
	h->say_down = (struct fl_deferred){ .fn = on_down, .ctx = h };
	fl_list_init(&h->link_list);
	fl_list_init(&h->dials);
	fl_list_init(&h->ears);
	fl_ship_seen_init(h);
	enum fl_err err = make(h, cfg, fault);
	if (err != FL_OK) {
		fl_ship_hub_free(h);
		return err;
	}
	*out = h;
	return FL_OK;
}

static enum fl_err begin(struct fl_ship_hub *h, struct fl_fault *fault)
{
	enum fl_err err = fl_ship_accept_start(h, fault);
	if (err == FL_OK)
		err = fl_ship_announce_start(h, fault);
	if (err == FL_OK)
		err = fl_devices_start(h->devices, fl_loop_now(h->loop));
	return err;
}

enum fl_err fl_ship_hub_start(struct fl_ship_hub *h, struct fl_fault *fault)
{
	if (h->started || h->stopping)
		return fl_fault_set(fault, FL_ERR_STATE, "the hub was started before");
	enum fl_err err = begin(h, fault);
	if (err != FL_OK) {
		fl_ship_announce_stop(h);
		fl_ship_accept_stop(h);
		return err;
	}
	h->started = true;
	h->since = fl_loop_now(h->loop);
	fl_ship_announce(h, fl_devices_auto_accepting(h->devices));
	fl_ship_pump(h);
	return FL_OK;
}

void fl_ship_hub_stop(struct fl_ship_hub *h, void (*down)(void *ctx), void *ctx)
{
	h->down = down;
	h->down_ctx = ctx;
	if (h->stopping) {
		if (h->told_down)
			fl_loop_defer(h->loop, &h->say_down);
		return;
	}
	h->stopping = true;
	fl_timer_start(&h->grace, FL_SHIP_STOP_GRACE);
	fl_devices_shutdown(h->devices, fl_loop_now(h->loop));
	fl_ship_accept_stop(h);
	fl_ship_announce_stop(h);
	fl_ship_pump(h);
}

struct fl_ship_hub *fl_ship_hub_free(struct fl_ship_hub *h)
{
	if (h == NULL)
		return NULL;
	fl_ship_announce_stop(h);
	fl_ship_accept_stop(h);
	fl_ship_dials_abort(h);
	drop_links(h);
	fl_ship_seen_done(h);
	h->log = fl_ship_message_log_free(h->log);
	fl_deferred_cancel(&h->say_down);
	fl_timer_done(&h->timer);
	fl_timer_done(&h->grace);
	fl_map_done(&h->links);
	fl_devices_free(h->devices);
	fl_tls_peer_unref(h->tls);
	fl_ship_identity_done(&h->identity);
	fl_ship_store_close(h->store);
	for (size_t i = 0; i < h->interfaces_count; i++)
		free(h->interfaces[i]);
	free(h->interfaces);
	free(h);
	return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/admin_devices.c - devices: what is known and seen of them, and what is done to
 * them.
 */
#include "services/ship/admin_impl.h"

#include "base/text.h"

#include <string.h>

/* ---- a device as JSON ---- */

static void put_bool(struct fl_jw *w, const char *key, bool v)
{
	fl_jw_key(w, key);
	fl_jw_bool(w, v);
}

static void put_u64(struct fl_jw *w, const char *key, uint64_t v)
{
	fl_jw_key(w, key);
	fl_jw_u64(w, v);
}

static void put_categories(struct fl_jw *w, const struct fl_ship_txt *t)
{
	fl_jw_key(w, "categories");
	fl_jw_arr(w);
	for (size_t i = 0; i < t->categories_count; i++)
		fl_jw_u64(w, t->categories[i]);
	fl_jw_arr_end(w);
}

/* What the settings allow it to be; nothing: anything. */
static void put_allowed(struct fl_jw *w, uint32_t allow)
{
	fl_jw_key(w, "allow");
	fl_jw_arr(w);
	for (uint32_t n = 1; n <= FL_DEVICES_CATEGORY_MAX; n++)
		if (allow >> n & 1)
			fl_jw_u64(w, n);
	fl_jw_arr_end(w);
}

static void put_addresses(struct fl_jw *w, const struct fl_device_entry *e)
{
	char text[FL_IP_TEXT_MAX];

	fl_jw_key(w, "addresses");
	fl_jw_arr(w);
	for (size_t i = 0; i < e->addrs_count; i++) {
		fl_ip_format(&e->addrs[i].ip, text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static void put_seen(struct fl_jw *w, const struct fl_device_entry *e,
		     const struct fl_device_record *r)
{
	bool fixed = r->fixed_host[0] != '\0';

	fl_ship_admin_put(w, "brand", e->txt.brand);
	fl_ship_admin_put(w, "model", e->txt.model);
	fl_ship_admin_put(w, "type", e->txt.type);
	fl_ship_admin_put(w, "serial", e->txt.serial);
	put_categories(w, &e->txt);
	fl_ship_admin_put(w, "instance", e->instance);
	fl_ship_admin_put(w, "host", fixed ? r->fixed_host : e->host);
	put_u64(w, "port", fixed ? r->fixed_port : e->port);
	fl_ship_admin_put(w, "path", fixed ? r->fixed_path : e->txt.path);
	put_bool(w, "fixed", fixed); /* host, port and path are of the user */
	put_addresses(w, e);
	put_bool(w, "register", e->txt.auto_accept);
}

static void put_end(struct fl_jw *w, const char *key, const struct fl_addrport *at)
{
	char text[FL_ADDRPORT_TEXT_MAX] = "";

	if (at != NULL && fl_ip_is_set(&at->ip))
		fl_addrport_format(at, text);
	fl_ship_admin_put(w, key, text);
}

static void put_progress(struct fl_jw *w, const struct fl_ship_admin *a,
			 const struct fl_device_info *i)
{
	const struct fl_ship_link *k = fl_ship_link_find(a->hub, i->number);
	const fl_time now = fl_loop_now(a->loop);

	fl_ship_admin_put(w, "direction", i->number == 0 ? "" : i->client ? "out" : "in");
	fl_ship_admin_put(w, "step", i->number == 0 ? "" : fl_ship_state_name(i->step));
	put_u64(w, "connection", i->number);
	put_end(w, "local", k != NULL ? &k->here : NULL);
	put_end(w, "remote", k != NULL ? &k->there : NULL);
	put_u64(w, "attempts", i->attempts);
	fl_jw_key(w, "nextTryMs");
	if (i->next_try == FL_NEVER)
		fl_jw_null(w);
	else
		fl_jw_i64(w, i->next_try > now ? (i->next_try - now) / FL_MS : 0);
}

/* Of a device that is only seen, `i` is empty but for its SKI. */
static void put_device(struct fl_jw *w, const struct fl_ship_admin *a,
		       const struct fl_device_info *i, const struct fl_device_entry *e)
{
	static const struct fl_device_entry unseen;
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&i->record.ski, ski);
	fl_jw_obj(w);
	fl_ship_admin_put(w, "ski", ski);
	fl_ship_admin_put(w, "name", i->record.name);
	fl_ship_admin_put(w, "shipId",
			  i->record.ship_id[0] != '\0' || e == NULL ? i->record.ship_id
								    : e->txt.id);
	fl_ship_admin_put(w, "state", fl_devices_state_name(i->state));
	fl_ship_admin_put(w, "cause", i->text);
	put_bool(w, "trusted", i->record.trusted);
	put_bool(w, "visible", e != NULL);
	put_bool(w, "connected", i->connected);
	put_progress(w, a, i);
	put_bool(w, "keyPinned", i->record.has_pin_sha);
	put_seen(w, e != NULL ? e : &unseen, &i->record);
	put_allowed(w, i->allow);
	fl_jw_obj_end(w);
}

/* Is it wanted? `e` is NULL where it is not seen. */
typedef bool chosen(const struct fl_device_info *i, const struct fl_device_entry *e);

static bool is_any(const struct fl_device_info *i, const struct fl_device_entry *e)
{
	(void)i, (void)e;
	return true;
}

static bool is_seen(const struct fl_device_info *i, const struct fl_device_entry *e)
{
	(void)i;
	return e != NULL;
}

/* Those that the user has paired, or has to say a word about. */
static bool is_pairing(const struct fl_device_info *i, const struct fl_device_entry *e)
{
	(void)e;
	return i->record.trusted || i->state == FL_DEVICES_RECEIVED_REQUEST;
}

/* Both lists are in order of SKI: known ones and seen ones become one list. */
static void put_all(const struct fl_ship_admin *a, chosen *is_chosen, struct fl_jw *w)
{
	const struct fl_devices *d = fl_ship_hub_devices(a->hub);
	struct fl_device_info info;
	size_t known = 0, seen = 0;

	for (;;) {
		const struct fl_device_entry *e = fl_devices_visible_at(d, seen);
		bool more = fl_devices_info_at(d, known, &info);
		if (!more && e == NULL)
			break;
		int order = !more ? 1 : e == NULL ? -1 : fl_ski_cmp(&info.record.ski, &e->txt.ski);
		if (order > 0)
			info = (struct fl_device_info){ .record.ski = e->txt.ski,
							.next_try = FL_NEVER };
		if (order < 0)
			e = NULL;
		if (is_chosen(&info, e))
			put_device(w, a, &info, e);
		known += order <= 0;
		seen += order >= 0;
	}
}

static const struct fl_device_entry *seen_of(const struct fl_devices *d, const struct fl_ski *ski)
{
	const struct fl_device_entry *e;

	for (size_t i = 0; (e = fl_devices_visible_at(d, i)) != NULL; i++)
		if (fl_ski_cmp(&e->txt.ski, ski) == 0)
			return e;
	return NULL;
}

/* False: neither known nor seen. */
static bool put_one(const struct fl_ship_admin *a, const struct fl_ski *ski, struct fl_jw *w)
{
	const struct fl_devices *d = fl_ship_hub_devices(a->hub);
	const struct fl_device_entry *e = seen_of(d, ski);
	struct fl_device_info info = { .record.ski = *ski, .next_try = FL_NEVER };

	if (fl_devices_info(d, ski, &info) != FL_OK && e == NULL)
		return false;
	put_device(w, a, &info, e);
	return true;
}

/* ---- questions ---- */

static void answer_list(const struct fl_ship_admin *a, struct fl_http *x, const char *name,
			chosen *is_chosen)
{
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_jw_key(&w, name);
	fl_jw_arr(&w);
	put_all(a, is_chosen, &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_ship_admin_json(x, &out);
}

void fl_ship_admin_list(void *ctx, struct fl_http *x)
{
	answer_list(ctx, x, "devices", is_any);
}

void fl_ship_admin_services(void *ctx, struct fl_http *x)
{
	answer_list(ctx, x, "services", is_seen);
}

void fl_ship_admin_pairings(void *ctx, struct fl_http *x)
{
	answer_list(ctx, x, "pairings", is_pairing);
}

static void answer_device(const struct fl_ship_admin *a, struct fl_http *x,
			  const struct fl_ski *ski)
{
	struct fl_buf out = fl_buf_make(FL_SHIP_ADMIN_BODY_MAX);
	struct fl_jw w = fl_jw_make(&out);

	if (put_one(a, ski, &w))
		fl_ship_admin_json(x, &out);
	else
		fl_ship_admin_fail(x, 404, FL_ERR_NOT_FOUND, "no such device is known or seen",
				   "ski", NULL);
	fl_buf_done(&out);
}

void fl_ship_admin_show(void *ctx, struct fl_http *x)
{
	struct fl_ski ski;

	if (fl_ship_admin_ski(x, &ski))
		answer_device(ctx, x, &ski);
}

/* ---- commands ---- */

/* The device as it is after a command, or why there was none. */
static void conclude(const struct fl_ship_admin *a, struct fl_http *x, const struct fl_ski *ski,
		     enum fl_err err, const struct fl_fault *fault)
{
	struct fl_device_info info;

	if (err != FL_OK)
		fl_ship_admin_refuse(x, err, fault);
	else if (fl_devices_info(fl_ship_hub_devices(a->hub), ski, &info) == FL_OK)
		answer_device(a, x, ski);
	else /* nothing is left to be known of it */
		fl_ship_admin_empty(x);
}

void fl_ship_admin_pair(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	char ship_id[FL_SHIP_ID_MAX + 1], name[64];
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	struct fl_jv root = fl_json_root(doc);
	if (fl_ship_admin_text(x, root, "shipId", ship_id, sizeof ship_id) &&
	    fl_ship_admin_text(x, root, "name", name, sizeof name)) {
		enum fl_err err = fl_ship_hub_pair(a->hub, &ski, ship_id, name, &fault);
		conclude(a, x, &ski, err, &fault);
	}
	fl_json_free(doc);
}

void fl_ship_admin_unpair(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	enum fl_err err = fl_ship_hub_unpair(a->hub, &ski, &fault);
	conclude(a, x, &ski, err, &fault);
}

void fl_ship_admin_refuse_device(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	enum fl_err err = fl_ship_hub_refuse(a->hub, &ski, &fault);
	conclude(a, x, &ski, err, &fault);
}

void fl_ship_admin_connect(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	char host[FL_DEVICES_HOST_MAX + 1], path[FL_SHIP_PATH_MAX + 1];
	struct fl_fault fault = { "" };
	struct fl_ski ski;
	uint64_t port;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	struct fl_jv root = fl_json_root(doc);
	if (fl_ship_admin_text(x, root, "host", host, sizeof host) &&
	    fl_ship_admin_number(x, root, "port", UINT16_MAX, &port) &&
	    fl_ship_admin_text(x, root, "path", path, sizeof path)) {
		enum fl_err err =
			fl_ship_hub_connect(a->hub, &ski, host, (uint16_t)port, path, &fault);
		conclude(a, x, &ski, err, &fault);
	}
	fl_json_free(doc);
}

void fl_ship_admin_disconnect(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	bool hold = fl_json_bool(fl_json_get(fl_json_root(doc), "hold"));
	enum fl_err err = fl_json_err(doc);
	fl_json_free(doc);
	if (err != FL_OK) {
		fl_ship_admin_fail(x, 400, FL_ERR_INVALID, "expected true or false", "hold", NULL);
		return;
	}
	err = fl_ship_hub_disconnect(a->hub, &ski, hold, &fault);
	conclude(a, x, &ski, err, &fault);
}

void fl_ship_admin_pin(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	char pin[FL_SHIP_PIN_MAX + 1];
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	struct fl_jv v = fl_json_get(fl_json_root(doc), "pin");
	if (fl_ship_admin_text(x, fl_json_root(doc), "pin", pin, sizeof pin)) {
		enum fl_err err = fl_ship_hub_pin(a->hub, &ski, pin, &fault);
		conclude(a, x, &ski, err, &fault);
	}
	fl_json_wipe(v);
	fl_wipe(pin, sizeof pin);
	fl_json_free(doc);
}

void fl_ship_admin_pin_key(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	char text[2 * FL_HASH_LEN + 1];
	uint8_t pin[FL_HASH_LEN];
	struct fl_fault fault = { "" };
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	struct fl_json *doc = fl_ship_admin_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_ship_admin_text(x, fl_json_root(doc), "sha256", text, sizeof text);
	fl_json_free(doc);
	if (!ok)
		return;
	if (fl_hex_decode(fl_slice_str(text), pin, sizeof pin) != FL_OK) {
		fl_ship_admin_fail(x, 400, FL_ERR_INVALID,
				   "expected the SHA-256 of a public key, 64 hexadecimal digits",
				   "sha256", "fairlead ship probe shows that of a device.");
		return;
	}
	enum fl_err err = fl_ship_hub_pin_key(a->hub, &ski, pin, &fault);
	conclude(a, x, &ski, err, &fault);
}

void fl_ship_admin_send(void *ctx, struct fl_http *x)
{
	struct fl_ship_admin *a = ctx;
	struct fl_fault fault = { "" };
	char wire[8] = "";
	struct fl_ski ski;

	if (!fl_ship_admin_ski(x, &ski))
		return;
	enum fl_err err = fl_http_query(x, "wire", wire, sizeof wire);
	if (err != FL_ERR_NOT_FOUND && strcmp(wire, "0") != 0 && strcmp(wire, "1") != 0) {
		fl_ship_admin_fail(x, 400, FL_ERR_INVALID, "expected 0 or 1", "wire", NULL);
		return;
	}
	err = fl_ship_hub_send(a->hub, &ski, fl_http_body(x), wire[0] == '1', &fault);
	if (err == FL_OK)
		fl_ship_admin_empty(x);
	else
		fl_ship_admin_refuse(x, err, &fault);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/store_records.c - the records of devices as JSON. */
#include "services/ship/store_impl.h"

#include "base/jw.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/ship/message.h"

#include <stdlib.h>

enum {
	VERSION = 1,
	DEPTH = 8,
	VALUES_PER_RECORD = 20, /* values and names */
	VALUES_MAX = FL_DEVICES_PEERS_MAX * VALUES_PER_RECORD,
};

/* ---- writing ---- */

static void put_text(struct fl_jw *w, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

static void put_record(struct fl_jw *w, const struct fl_device_record *r)
{
	char ski[FL_SKI_TEXT_LEN + 1], pin[2 * FL_HASH_LEN + 1];

	fl_ski_format(&r->ski, ski);
	fl_jw_obj(w);
	put_text(w, "ski", ski);
	fl_jw_key(w, "trusted");
	fl_jw_bool(w, r->trusted);
	put_text(w, "shipId", r->ship_id);
	put_text(w, "name", r->name);
	if (r->has_pin_sha) {
		fl_hex_encode(r->key_pin, sizeof r->key_pin, pin);
		put_text(w, "keySha256", pin);
	}
	put_text(w, "host", r->fixed_host);
	if (r->fixed_port != 0) {
		fl_jw_key(w, "port");
		fl_jw_u64(w, r->fixed_port);
	}
	put_text(w, "path", r->fixed_path);
	fl_jw_obj_end(w);
}

enum fl_err fl_ship_records_encode(const struct fl_ship_records *r, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_jw_obj(&w);
	fl_jw_key(&w, "version");
	fl_jw_u64(&w, VERSION);
	fl_jw_key(&w, "devices");
	fl_jw_arr(&w);
	for (size_t i = 0; i < r->len; i++)
		put_record(&w, &r->at[i]);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_buf_byte(out, '\n');
	return fl_buf_err(out);
}

/* ---- reading ---- */

static void get_text(struct fl_jv obj, const char *key, char *out, size_t cap)
{
	struct fl_jv v = fl_json_get(obj, key);

	if (!fl_str_copy(out, cap, fl_json_str(v)))
		fl_json_fail(v, FL_ERR_SYNTAX);
}

static void get_pin(struct fl_jv obj, struct fl_device_record *r)
{
	struct fl_jv v = fl_json_get(obj, "keySha256");

	if (!fl_json_has(v))
		return;
	r->has_pin_sha = true;
	if (fl_hex_decode(fl_json_str(v), r->key_pin, sizeof r->key_pin) != FL_OK)
		fl_json_fail(v, FL_ERR_SYNTAX);
}

static void get_record(struct fl_jv obj, struct fl_device_record *out)
{
	*out = (struct fl_device_record){
		.trusted = fl_json_bool(fl_json_get(obj, "trusted")),
		.fixed_port = (uint16_t)fl_json_u64(fl_json_get(obj, "port"), UINT16_MAX),
	};
	if (fl_ski_parse(fl_json_str(fl_json_get(obj, "ski")), &out->ski) != FL_OK)
		fl_json_fail(obj, FL_ERR_SYNTAX);
	get_text(obj, "shipId", out->ship_id, sizeof out->ship_id);
	if (out->ship_id[0] != '\0' && !fl_ship_id_ok(fl_slice_str(out->ship_id)))
		fl_json_fail(obj, FL_ERR_SYNTAX);
	get_text(obj, "name", out->name, sizeof out->name);
	get_text(obj, "host", out->fixed_host, sizeof out->fixed_host);
	get_text(obj, "path", out->fixed_path, sizeof out->fixed_path);
	get_pin(obj, out);
}

static int by_ski(const void *a, const void *b)
{
	const struct fl_device_record *x = a, *y = b;
	return fl_ski_cmp(&x->ski, &y->ski);
}

static enum fl_err sort(struct fl_ship_records *r)
{
	if (r->len > 1)
		qsort(r->at, r->len, sizeof *r->at, by_ski);
	for (size_t i = 1; i < r->len; i++)
		if (by_ski(&r->at[i - 1], &r->at[i]) == 0)
			return FL_ERR_SYNTAX;
	return FL_OK;
}

static enum fl_err get_records(struct fl_jv root, struct fl_ship_records *out)
{
	struct fl_jv list = fl_json_get(root, "devices");
	size_t len = fl_json_len(list);

	if (fl_json_u64(fl_json_get(root, "version"), UINT16_MAX) != VERSION)
		return fl_json_err(root.doc) != FL_OK ? FL_ERR_SYNTAX : FL_ERR_VERSION;
	if (len > FL_DEVICES_PEERS_MAX)
		return FL_ERR_FULL;
	out->at = calloc(len > 0 ? len : 1, sizeof *out->at);
	if (out->at == NULL)
		return FL_ERR_NOMEM;
	out->len = len;
	for (size_t i = 0; i < len; i++)
		get_record(fl_json_at(list, i), &out->at[i]);
	enum fl_err err = fl_json_err(root.doc);
	return err == FL_OK ? sort(out) : err;
}

enum fl_err fl_ship_records_decode(struct fl_slice text, struct fl_ship_records *out)
{
	struct fl_ship_records r = { 0 };
	struct fl_json *doc;

	enum fl_err err = fl_json_parse_most(text, DEPTH, VALUES_MAX, &doc);
	if (err != FL_OK)
		return err;
	err = get_records(fl_json_root(doc), &r);
	fl_json_free(doc);
	if (err != FL_OK) {
		fl_ship_records_done(&r);
		return err;
	}
	*out = r;
	return FL_OK;
}

void fl_ship_records_done(struct fl_ship_records *r)
{
	free(r->at);
	*r = (struct fl_ship_records){ 0 };
}

bool fl_ship_records_search(const struct fl_ship_records *r, const struct fl_ski *ski,
			    size_t *out_at)
{
	size_t low = 0, high = r->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (fl_ski_cmp(&r->at[mid].ski, ski) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*out_at = low;
	return low < r->len && fl_ski_cmp(&r->at[low].ski, ski) == 0;
}

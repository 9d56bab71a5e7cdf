/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/txt.c - the TXT record of a SHIP node. */
#include "wire/ship/txt.h"

#include <stdio.h>

#include "base/text.h"
#include "base/utf8.h"

enum { STRING_MAX = 255 };

/* ---- values ---- */

enum fl_err fl_ship_txt_take_id(struct fl_slice value, struct fl_fault *fault,
				struct fl_ship_txt *out)
{
	if (value.len > FL_SHIP_ID_MAX)
		return fl_fault_set(fault, FL_ERR_TOO_BIG,
				    "the SHIP ID has %zu bytes; a node may have %d", value.len,
				    FL_SHIP_ID_MAX);
	if (value.len == 0 || !fl_str_is_clean(value))
		return fl_fault_set(
			fault, FL_ERR_SYNTAX,
			"the SHIP ID is empty or no text; the node has to be set up anew");
	fl_str_copy(out->id, sizeof out->id, value);
	return FL_OK;
}

enum fl_err fl_ship_txt_take_ski(struct fl_slice value, struct fl_fault *fault,
				 struct fl_ship_txt *out)
{
	if (fl_ski_parse(value, &out->ski) != FL_OK)
		return fl_fault_set(fault, FL_ERR_SYNTAX,
				    "the SKI is not one; it has to be %d hex digits",
				    FL_SKI_TEXT_LEN);
	return FL_OK;
}

/* What of it a name has room for, up to the end of a character. */
static struct fl_slice cut(struct fl_slice s)
{
	return fl_slice_of(s.ptr, fl_utf8_front(s.ptr, s.len, FL_SHIP_NAME_MAX));
}

void fl_ship_txt_take_name(struct fl_slice value, char out[static FL_SHIP_NAME_MAX + 1])
{
	value = fl_slice_trim(value);
	if (value.len == 0 || !fl_str_is_clean(value))
		out[0] = '\0';
	else
		fl_str_copy(out, FL_SHIP_NAME_MAX + 1, fl_slice_trim(cut(value)));
}

void fl_ship_txt_take_categories(struct fl_slice value, struct fl_ship_txt *out)
{
	uint64_t number;

	out->categories_count = 0;
	while (value.len > 0 && out->categories_count < FL_SHIP_CATEGORIES_MAX) {
		const uint8_t *comma = memchr(value.ptr, ',', value.len);
		size_t len = comma != NULL ? (size_t)(comma - value.ptr) : value.len;
		struct fl_slice item = fl_slice_trim(fl_slice_of(value.ptr, len));
		if (fl_u64_parse(item, &number) == FL_OK && number <= UINT32_MAX)
			out->categories[out->categories_count++] = (uint32_t)number;
		value = fl_slice_skip(value, len + 1);
	}
}

void fl_ship_txt_put_categories(const struct fl_ship_txt *t, struct fl_buf *out)
{
	for (size_t i = 0; i < t->categories_count; i++)
		fl_buf_printf(out, "%s%u", i > 0 ? "," : "", t->categories[i]);
}

/* Bytes of a request target: no space, no control byte, nothing beyond ASCII. */
static bool is_path(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	}
	return true;
}

static enum fl_err take_path(struct fl_slice value, struct fl_fault *fault, struct fl_ship_txt *out)
{
	while (value.len > 0 && value.ptr[0] == '/')
		value = fl_slice_skip(value, 1);
	if (value.len > FL_SHIP_PATH_MAX - 1)
		return fl_fault_set(fault, FL_ERR_TOO_BIG,
				    "the path has %zu bytes; %d are the most", value.len,
				    FL_SHIP_PATH_MAX - 1);
	if (!is_path(value))
		return fl_fault_set(fault, FL_ERR_SYNTAX, "the path has bytes that no URL has");
	snprintf(out->path, sizeof out->path, "/%.*s", (int)value.len,
		 value.len > 0 ? (const char *)value.ptr : "");
	return FL_OK;
}

/* ---- reading ---- */

/* The value of the first string with this key; false if there is none. */
static bool find(const struct fl_slice *strings, size_t count, const char *key,
		 struct fl_slice *out)
{
	size_t key_len = strlen(key);

	for (size_t i = 0; i < count; i++) {
		struct fl_slice s = strings[i];
		if (s.len > STRING_MAX || s.len <= key_len || s.ptr[key_len] != '=' ||
		    !fl_str_ieq(fl_slice_of(s.ptr, key_len), fl_slice_str(key)))
			continue;
		*out = fl_slice_skip(s, key_len + 1);
		return true;
	}
	return false;
}

enum { TXTVERS, ID, PATH, SKI, REGISTER, MANDATORY };
static const char *const mandatory[] = { "txtvers", "id", "path", "ski", "register" };

static enum fl_err take_mandatory(const struct fl_slice v[static MANDATORY], struct fl_fault *fault,
				  struct fl_ship_txt *out)
{
	enum fl_err err;

	if (!fl_slice_is(v[TXTVERS], "1"))
		return fl_fault_set(fault, FL_ERR_VERSION,
				    "txtvers is not 1, the only version that is known here");
	if ((err = fl_ship_txt_take_id(v[ID], fault, out)) != FL_OK ||
	    (err = take_path(v[PATH], fault, out)) != FL_OK ||
	    (err = fl_ship_txt_take_ski(v[SKI], fault, out)) != FL_OK)
		return err;
	out->auto_accept = fl_slice_is(v[REGISTER], "true");
	if (!out->auto_accept && !fl_slice_is(v[REGISTER], "false"))
		return fl_fault_set(fault, FL_ERR_SYNTAX, "register is neither true nor false");
	return FL_OK;
}

enum fl_err fl_ship_txt_parse(const struct fl_slice *strings, size_t count, struct fl_fault *fault,
			      struct fl_ship_txt *out)
{
	struct fl_ship_txt t = { .categories_count = 0 };
	struct fl_slice values[MANDATORY], v;

	for (int i = 0; i < MANDATORY; i++) {
		if (!find(strings, count, mandatory[i], &values[i]))
			return fl_fault_set(fault, FL_ERR_SYNTAX,
					    "the record has no \"%s\"; a SHIP node announces it",
					    mandatory[i]);
	}
	enum fl_err err = take_mandatory(values, fault, &t);
	if (err != FL_OK)
		return err;
	if (find(strings, count, "brand", &v))
		fl_ship_txt_take_name(v, t.brand);
	if (find(strings, count, "model", &v))
		fl_ship_txt_take_name(v, t.model);
	if (find(strings, count, "type", &v))
		fl_ship_txt_take_name(v, t.type);
	if (find(strings, count, "serial", &v))
		fl_ship_txt_take_name(v, t.serial);
	if (find(strings, count, "cat", &v))
		fl_ship_txt_take_categories(v, &t);
	*out = t;
	return FL_OK;
}

/* ---- writing ---- */

/* The optional strings in the order in which they are dropped last: all of them fit at first. */
enum { BRAND, MODEL, TYPE, SERIAL, CAT, OPTIONAL };

static void put_string(struct fl_buf *out, const char *key, struct fl_slice value)
{
	fl_buf_byte(out, (uint8_t)(strlen(key) + 1 + value.len));
	fl_buf_str(out, key);
	fl_buf_byte(out, '=');
	fl_buf_put(out, value.ptr, value.len);
}

static void put_text(struct fl_buf *out, const char *key, const char *value)
{
	put_string(out, key, fl_slice_str(value));
}

/* An optional one, unless it is empty; what a caller cut inside of a character ends before it. */
static void put_name(struct fl_buf *out, const char *key, const char *value)
{
	struct fl_slice name = cut(fl_slice_str(value));

	if (name.len > 0)
		put_string(out, key, name);
}

static void put_categories(const struct fl_ship_txt *t, struct fl_buf *out)
{
	char mem[FL_SHIP_CATEGORIES_MAX * sizeof "4294967295," + 1];
	struct fl_buf text = fl_buf_over(mem, sizeof mem);

	fl_ship_txt_put_categories(t, &text);
	if (text.len > 0)
		put_string(out, "cat", fl_buf_slice(&text));
}

/* With the first `optional` of the optional strings. */
static void put_all(const struct fl_ship_txt *t, int optional, struct fl_buf *out)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&t->ski, ski);
	put_text(out, mandatory[TXTVERS], "1");
	put_text(out, mandatory[PATH], t->path);
	put_text(out, mandatory[ID], t->id);
	put_text(out, mandatory[SKI], ski);
	if (optional > BRAND)
		put_name(out, "brand", t->brand);
	if (optional > MODEL)
		put_name(out, "model", t->model);
	if (optional > TYPE)
		put_name(out, "type", t->type);
	put_text(out, mandatory[REGISTER], t->auto_accept ? "true" : "false");
	if (optional > SERIAL)
		put_name(out, "serial", t->serial);
	if (optional > CAT)
		put_categories(t, out);
}

enum fl_err fl_ship_txt_write(const struct fl_ship_txt *t, struct fl_buf *out)
{
	struct fl_slice id = fl_slice_str(t->id);
	uint8_t mem[FL_SHIP_TXT_MAX + 1];
	struct fl_buf record = fl_buf_over(mem, sizeof mem);
	int optional = OPTIONAL;

	if (id.len == 0 || !fl_str_is_clean(id) || !is_path(fl_slice_str(t->path)))
		return FL_ERR_INVALID;
	put_all(t, optional, &record);
	while (fl_buf_err(&record) != FL_OK && optional > 0) {
		fl_buf_reset(&record);
		put_all(t, --optional, &record);
	}
	fl_buf_put(out, record.ptr, record.len);
	return fl_buf_err(out);
}

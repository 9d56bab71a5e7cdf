/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/qr.c - the text in the QR code of a SHIP node. */
#include "wire/ship/qr.h"

#include "base/text.h"

/* ---- writing ---- */

static void put_name(struct fl_buf *out, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	fl_buf_printf(out, "%s:", key);
	for (; *value != '\0'; value++) {
		if (*value != ';')
			fl_buf_byte(out, (uint8_t)*value);
	}
	fl_buf_byte(out, ';');
}

enum fl_err fl_ship_qr_write(const struct fl_ship_txt *t, struct fl_buf *out)
{
	struct fl_slice id = fl_slice_str(t->id);
	char ski[FL_SKI_TEXT_LEN + 1];
	size_t start = out->len;

	if (id.len == 0 || !fl_str_is_clean(id) || memchr(id.ptr, ';', id.len) != NULL)
		return FL_ERR_INVALID;
	fl_ski_format(&t->ski, ski);
	fl_buf_printf(out, "SHIP;SKI:%s;ID:%s;", ski, t->id);
	put_name(out, "BRAND", t->brand);
	put_name(out, "TYPE", t->type);
	put_name(out, "MODEL", t->model);
	put_name(out, "SERIAL", t->serial);
	if (t->categories_count > 0) {
		fl_buf_str(out, "CAT:");
		fl_ship_txt_put_categories(t, out);
		fl_buf_byte(out, ';');
	}
	fl_buf_str(out, "ENDSHIP;");
	if (fl_buf_err(out) != FL_OK)
		out->len = start;
	return fl_buf_err(out);
}

/* ---- reading ---- */

static bool starts_with(struct fl_slice s, const char *word)
{
	return fl_slice_eq(fl_slice_of(s.ptr, s.len < strlen(word) ? s.len : strlen(word)),
			   fl_slice_str(word));
}

/* The value of the first field with this key; false if there is none. */
static bool find(struct fl_slice fields, const char *key, struct fl_slice *out)
{
	while (fields.len > 0) {
		const uint8_t *end = memchr(fields.ptr, ';', fields.len);
		size_t len = end != NULL ? (size_t)(end - fields.ptr) : fields.len;
		struct fl_slice field = fl_slice_trim(fl_slice_of(fields.ptr, len));
		if (starts_with(field, key)) {
			*out = fl_slice_trim(fl_slice_skip(field, strlen(key)));
			return true;
		}
		fields = fl_slice_skip(fields, len + 1);
	}
	return false;
}

static enum fl_err take_fields(struct fl_slice fields, struct fl_fault *fault,
			       struct fl_ship_txt *out)
{
	struct fl_ship_txt t = { .path = "/ship/" };
	struct fl_slice v;

	if (!find(fields, "SKI:", &v))
		return fl_fault_set(fault, FL_ERR_SYNTAX, "the text names no SKI; copy it whole");
	enum fl_err err = fl_ship_txt_take_ski(v, fault, &t);
	if (err == FL_OK && find(fields, "ID:", &v))
		err = fl_ship_txt_take_id(v, fault, &t);
	if (err != FL_OK)
		return err;
	if (find(fields, "BRAND:", &v))
		fl_ship_txt_take_name(v, t.brand);
	if (find(fields, "TYPE:", &v))
		fl_ship_txt_take_name(v, t.type);
	if (find(fields, "MODEL:", &v))
		fl_ship_txt_take_name(v, t.model);
	if (find(fields, "SERIAL:", &v))
		fl_ship_txt_take_name(v, t.serial);
	if (find(fields, "CAT:", &v))
		fl_ship_txt_take_categories(v, &t);
	*out = t;
	return FL_OK;
}

enum fl_err fl_ship_qr_parse(struct fl_slice text, struct fl_fault *fault, struct fl_ship_txt *out)
{
	text = fl_slice_trim(text);
	if (text.len > FL_SHIP_QR_MAX)
		return fl_fault_set(fault, FL_ERR_TOO_BIG,
				    "the text has %zu bytes; a SHIP code has at most %d", text.len,
				    FL_SHIP_QR_MAX);
	if (starts_with(text, "SHIPP:"))
		return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
				    "codes of the pairing service (SHIPP:) are not supported; "
				    "use the code that begins with \"SHIP;\", or the SKI");
	if (!starts_with(text, "SHIP;"))
		return fl_fault_set(fault, FL_ERR_SYNTAX,
				    "this is no SHIP code; one begins with \"SHIP;\"");
	return take_fields(fl_slice_skip(text, strlen("SHIP;")), fault, out);
}

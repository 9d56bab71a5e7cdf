/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/redact.c - leaves out of a message what is not to be written down. */
#include "wire/ship/redact.h"

#include "wire/ship/message.h"
#include "wire/ship/token.h"

static const char hidden_value[] = "\"***\"";

static bool is_hidden(struct fl_slice name)
{
	static const char *const names[] = {
		"pin",
		"dns",
		"serialNumber",
		"manufacturerNodeIdentification",
		"identificationValue",
		"userNodeIdentification",
		"userLabel",
		"userDescription",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fl_token_is(name, names[i]))
			return true;
	return false;
}

/* Copies the text but for the values that are hidden. False: it cannot be read. */
static bool copy(struct fl_slice text, struct fl_buf *out)
{
	struct fl_tokens t;
	enum fl_token token;
	size_t copied = 0;

	fl_tokens_init(&t, text, FL_TOKENS_DEPTH_MAX);
	while ((token = fl_tokens_next(&t)) != FL_TOKEN_END) {
		if (token == FL_TOKEN_BAD)
			return false;
		if (token != FL_TOKEN_NAME || !is_hidden(t.text))
			continue;
		fl_buf_put(out, text.ptr + copied, t.at - copied);
		fl_tokens_skip(&t);
		fl_buf_str(out, hidden_value);
		copied = t.at;
	}
	fl_buf_put(out, text.ptr + copied, text.len - copied);
	return true;
}

void fl_ship_redact(struct fl_slice message, struct fl_buf *out)
{
	size_t start = out->len;

	if (message.len == 0)
		return;
	fl_buf_byte(out, message.ptr[0]);
	if (message.len == 2 && message.ptr[0] == FL_SHIP_INIT && message.ptr[1] == 0) {
		fl_buf_byte(out, 0);
		return;
	}
	if (copy(fl_slice_skip(message, 1), out) || fl_buf_err(out) != FL_OK)
		return;
	out->len = start + 1;
	fl_buf_printf(out, "{\"unreadable\":%zu}", message.len - 1);
}

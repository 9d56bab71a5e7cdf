/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/keyfile.c - the file that holds the relay's private key. */
#include "services/relay/standalone.h"

#include "base/text.h"
#include "crypto/prim.h"
#include "io/file.h"
#include "wire/json.h"

#include <sys/stat.h>

enum { FILE_MAX = 4096, FILE_DEPTH = 4 };

static enum fl_err parse_json(struct fl_slice text, struct fl_private_key *out)
{
	struct fl_json *doc;
	enum fl_err err = fl_json_parse(text, FILE_DEPTH, &doc);
	if (err != FL_OK)
		return err;
	struct fl_jv v = fl_json_get(fl_json_root(doc), "PrivateKey");
	err = fl_private_key_parse(fl_json_str(v), out);
	fl_json_wipe(v);
	fl_json_free(doc);
	return err;
}

static enum fl_err parse(struct fl_slice text, struct fl_private_key *out)
{
	text = fl_slice_trim(text);
	if (text.len > 0 && text.ptr[0] == '{')
		return parse_json(text, out);
	return fl_private_key_parse(text, out);
}

static enum fl_err create(const char *path, struct fl_fault *fault, struct fl_private_key *out)
{
	char mem[FL_KEY_TEXT_MAX + 32], text[FL_KEY_TEXT_MAX];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);
	struct fl_private_key key;

	enum fl_err err = fl_private_key_new(&key);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "no entropy for a new relay key");
	fl_private_key_format(&key, text);
	fl_buf_printf(&b, "{\"PrivateKey\":\"%s\"}\n", text);
	err = fl_file_write(path, 0600, fl_buf_slice(&b), fault);
	if (err == FL_OK)
		*out = key;
	fl_wipe(&key, sizeof key);
	fl_wipe(text, sizeof text);
	fl_wipe(mem, sizeof mem);
	return err;
}

static enum fl_err check_mode(const char *path, struct fl_fault *fault)
{
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & 077) == 0)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_DENIED,
			    "%s: others may read this private key; run: chmod 600 %s", path, path);
}

enum fl_err fl_relay_key_load(const char *path, struct fl_fault *fault, struct fl_private_key *out)
{
	struct fl_buf b = fl_buf_make(FILE_MAX);

	enum fl_err err = fl_file_read(path, FILE_MAX, fault, &b);
	if (err == FL_ERR_NOT_FOUND) {
		fl_buf_wipe(&b);
		return create(path, fault, out);
	}
	if (err == FL_OK)
		err = check_mode(path, fault);
	if (err == FL_OK && parse(fl_buf_slice(&b), out) != FL_OK)
		err = fl_fault_set(fault, FL_ERR_INVALID,
				   "%s: no relay key; expected {\"PrivateKey\":\"privkey:<hex>\"}",
				   path);
	fl_buf_wipe(&b);
	return err;
}

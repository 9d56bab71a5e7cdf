/* SPDX-License-Identifier: BSD-3-Clause */
/* services/server/key.c - the file with the server's Noise key: one line, "privkey:" and hex. */
#include "services/server/internal.h"

#include "io/file.h"

enum { KEY_FILE_MAX = 4096 };

static enum fl_err create(const char *path, struct fl_fault *fault, struct fl_private_key *out)
{
	char text[FL_KEY_TEXT_MAX];
	struct fl_private_key key;

	if (fl_private_key_new(&key) != FL_OK)
		return fl_fault_set(fault, FL_ERR_IO, "the system has no random numbers for a key");
	fl_private_key_format(&key, text);
	enum fl_err err = fl_file_write(path, 0600, fl_slice_str(text), fault);
	if (err == FL_OK)
		*out = key;
	fl_wipe(text, sizeof text);
	fl_wipe(&key, sizeof key);
	return err;
}

enum fl_err fl_server_noise_key(const char *path, struct fl_fault *fault,
				struct fl_private_key *out)
{
	struct fl_buf text = fl_buf_make(KEY_FILE_MAX);

	enum fl_err err = fl_file_read(path, KEY_FILE_MAX, fault, &text);
	if (err == FL_ERR_NOT_FOUND) {
		fl_buf_wipe(&text);
		return create(path, fault, out);
	}
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	if (err == FL_OK) {
		err = fl_private_key_parse(fl_buf_slice(&text), out);
		if (err != FL_OK)
			fl_fault_set(
				fault, err,
				"%s does not hold a key (\"privkey:\" and 64 hex digits): restore "
				"it "
				"from a backup; with a new key every client has to be restarted",
				path);
	}
	fl_buf_wipe(&text);
	return err;
}

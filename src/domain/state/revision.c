/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/revision.c - the policy as a row of revisions, the newest in force. */
#include <stdlib.h>

#include "crypto/prim.h"
#include "domain/state/inner.h"

static bool note_ok(const char *text)
{
	return text == NULL || (strnlen(text, FL_REVISION_NOTE_MAX + 1) <= FL_REVISION_NOTE_MAX &&
				fl_str_is_clean(fl_slice_str(text)));
}

static struct fl_revision *new_revision(fl_wall now, struct fl_slice text, const char *author,
					const char *comment)
{
	struct fl_revision *r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	*r = (struct fl_revision){ .refs = 1, .created = now, .text_len = text.len };
	r->author = fl_str_dup(fl_slice_str(author != NULL ? author : ""));
	r->comment = fl_str_dup(fl_slice_str(comment != NULL ? comment : ""));
	r->text = fl_str_dup(text);
	if (r->author == NULL || r->comment == NULL || r->text == NULL)
		return fl_revision_unref(r);
	fl_sha256(text, r->hash);
	return r;
}

enum fl_err fl_state_policy_set(struct fl_state *s, fl_wall now, struct fl_slice text,
				const char *author, const char *comment, struct fl_fault *fault,
				uint64_t *out_rev)
{
	struct fl_savepoint sp = fl_state_begin(s);
	struct fl_table *t = &s->table[FL_RECORD_REVISION];

	if (!note_ok(author) || !note_ok(comment))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "author or comment is longer than %d bytes or has control "
				    "characters",
				    FL_REVISION_NOTE_MAX);
	struct fl_revision *r = new_revision(now, text, author, comment);
	if (r == NULL)
		return FL_ERR_NOMEM;
	uint64_t rev = r->rev = ++t->last_id;
	enum fl_err err = fl_state_put(s, FL_RECORD_REVISION, rev, r);
	while (err == FL_OK && t->len > FL_REVISIONS_MAX)
		err = fl_state_put(s, FL_RECORD_REVISION,
				   ((const struct fl_revision *)t->at[0])->rev, NULL);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_POLICY, rev, 0, 0);
	if (err == FL_OK)
		*out_rev = rev;
	return fl_state_end(s, &sp, err);
}

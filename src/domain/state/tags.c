/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/tags.c - the form of tags, who may ask for them, and which an admin may use. */
#include "base/buf.h"
#include "domain/state/inner.h"

enum { TAG_MAX = 255 };

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

bool fl_tag_valid(const char *tag)
{
	if (strncmp(tag, "tag:", 4) != 0 || !is_letter(tag[4]) || strlen(tag) > TAG_MAX)
		return false;
	for (const char *c = tag + 5; *c != '\0'; c++)
		if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && *c != '-')
			return false;
	return true;
}

enum fl_err fl_tags_copy(const struct fl_strlist *tags, struct fl_strlist *out,
			 struct fl_fault *fault)
{
	struct fl_strlist copy = { 0 };

	if (tags->len > FL_NODE_TAGS_MAX)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "at most %d tags are possible",
				    FL_NODE_TAGS_MAX);
	for (size_t i = 0; i < tags->len; i++)
		if (!fl_tag_valid(tags->at[i]))
			return fl_fault_set(
				fault, FL_ERR_INVALID,
				"invalid tag \"%.64s\": write tag: and then a lower-case "
				"letter, followed by letters, digits or hyphens",
				tags->at[i]);
	enum fl_err err = fl_strlist_copy(tags, &copy);
	if (err != FL_OK)
		return err;
	fl_strlist_sort_unique(&copy);
	*out = copy;
	return FL_OK;
}

void fl_state_judge(struct fl_state *s, const struct fl_judge *judge)
{
	s->judge = *judge;
}

static enum fl_tag_verdict verdict(const struct fl_state *s, const char *tag)
{
	return s->judge.verdict != NULL ? s->judge.verdict(s->judge.ctx, tag) : FL_TAG_FREE;
}

enum fl_err fl_tags_declared(const struct fl_state *s, const struct fl_strlist *tags,
			     struct fl_fault *fault)
{
	for (size_t i = 0; i < tags->len; i++)
		if (verdict(s, tags->at[i]) == FL_TAG_UNDECLARED)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "tag \"%.64s\" is not in the policy: add it to "
					    "tagOwners first",
					    tags->at[i]);
	return FL_OK;
}

static bool permitted(const struct fl_state *s, enum fl_tags_when when, fl_user_id user,
		      const struct fl_node *n, const char *tag)
{
	switch (when) {
	case FL_TAGS_NEVER:
		return false;
	case FL_TAGS_ANYBODY:
		return fl_tag_valid(tag) && verdict(s, tag) == FL_TAG_DECLARED;
	case FL_TAGS_OF_A_USER:
		return fl_tag_valid(tag) && verdict(s, tag) == FL_TAG_DECLARED &&
		       s->judge.may_ask(s->judge.ctx, user, n, tag);
	}
	return false;
}

enum fl_err fl_tags_permit(const struct fl_state *s, enum fl_tags_when when, fl_user_id user,
			   const struct fl_node *n, const struct fl_strlist *wanted,
			   struct fl_fault *fault)
{
	char text[256] = "";
	struct fl_buf b = fl_buf_over(text, sizeof text - 1);

	for (size_t i = 0; i < wanted->len && fl_buf_err(&b) == FL_OK; i++)
		if (!permitted(s, when, user, n, wanted->at[i]))
			fl_buf_printf(&b, b.len == 0 ? "%s" : " %s", wanted->at[i]);
	text[b.len] = '\0';
	if (b.len == 0 && fl_buf_err(&b) == FL_OK)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_DENIED,
			    "requested tags [%s] are invalid or not permitted", text);
}

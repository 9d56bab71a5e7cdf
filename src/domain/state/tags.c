/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/tags.c - the form of tags, and who may ask for them. */
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

enum fl_err fl_tags_permit(const struct fl_strlist *wanted, struct fl_fault *fault)
{
	char text[256];
	struct fl_buf b = fl_buf_over(text, sizeof text);

	if (wanted->len == 0)
		return FL_OK;
	for (size_t i = 0; i < wanted->len && fl_buf_err(&b) == FL_OK; i++)
		fl_buf_printf(&b, i == 0 ? "%s" : " %s", wanted->at[i]);
	text[b.len] = '\0';
	return fl_fault_set(fault, FL_ERR_DENIED,
			    "requested tags [%s] are invalid or not permitted", text);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_list.c - the intrusive list. */
#include "table.h"

#include "base/list.h"

struct item {
	char name;
	struct fl_list link;
};

/* The names on the list, first to last, and that the way back agrees. */
static void assert_names(const struct fl_list *head, const char *want)
{
	char forth[8] = "", back[8] = "";
	size_t n = strlen(want), at = 0;

	fl_list_each(it, head)
	{
		assert_true(at < sizeof forth - 1);
		forth[at++] = fl_list_entry(it, struct item, link)->name;
	}
	assert_string_equal(forth, want);
	for (struct fl_list *it = head->prev; it != head; it = it->prev) {
		assert_true(n > 0);
		back[--n] = fl_list_entry(it, struct item, link)->name;
	}
	assert_string_equal(back, want);
}

static void push_and_pop_keep_order(void **state)
{
	struct fl_list head;
	struct item a = { 'a', { 0 } }, b = { 'b', { 0 } };
	(void)state;

	fl_list_init(&head);
	assert_true(fl_list_empty(&head));
	assert_null(fl_list_pop(&head));
	fl_list_push(&head, &a.link);
	fl_list_push(&head, &b.link);
	assert_false(fl_list_empty(&head));
	assert_names(&head, "ab");
	assert_ptr_equal(fl_list_pop(&head), &a.link);
	assert_false(fl_list_linked(&a.link));
	assert_names(&head, "b");
	assert_ptr_equal(fl_list_pop(&head), &b.link);
	assert_true(fl_list_empty(&head));
}

static void del_is_harmless_when_unlinked(void **state)
{
	struct fl_list head;
	struct item zero = { 'z', { 0 } }, a = { 'a', { 0 } };
	(void)state;

	fl_list_init(&head);
	fl_list_del(&zero.link);
	assert_false(fl_list_linked(&zero.link));
	fl_list_init(&a.link);
	assert_false(fl_list_linked(&a.link));
	fl_list_del(&a.link);
	fl_list_push(&head, &a.link);
	assert_true(fl_list_linked(&a.link));
	fl_list_del(&a.link);
	fl_list_del(&a.link);
	assert_false(fl_list_linked(&a.link));
	assert_true(fl_list_empty(&head));
}

static struct row {
	const char *name;
	const char *remove, *left;
} rows[] = {
	{ "walk and remove none", "", "abcd" },   { "walk and remove the first", "a", "bcd" },
	{ "walk and remove inside", "bc", "ad" }, { "walk and remove the last", "d", "abc" },
	{ "walk and remove all", "abcd", "" },
};

static void walk_row(void **state)
{
	const struct row *row = *state;
	struct item items[4] = { { 'a', { 0 } }, { 'b', { 0 } }, { 'c', { 0 } }, { 'd', { 0 } } };
	struct fl_list head;
	size_t seen = 0;

	fl_list_init(&head);
	for (size_t i = 0; i < COUNT(items); i++)
		fl_list_push(&head, &items[i].link);
	fl_list_each(it, &head)
	{
		seen++;
		if (strchr(row->remove, fl_list_entry(it, struct item, link)->name))
			fl_list_del(it);
	}
	assert_int_equal(seen, 4);
	assert_names(&head, row->left);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "push and pop keep order", push_and_pop_keep_order, NULL);
	suite_add(&s, "del is harmless when unlinked", del_is_harmless_when_unlinked, NULL);
	ROWS(&s, rows, walk_row);
	return suite_run(&s, "base/list");
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/sshfrom.c - the sources of an SSH rule as principals (policy.md 6.2 step 3). */
#include "domain/policy/ssh.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 30 };

struct fl_ssh_from *fl_ssh_from_ref(struct fl_ssh_from *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

struct fl_ssh_from *fl_ssh_from_unref(struct fl_ssh_from *f)
{
	if (f == NULL || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < f->who_len; i++)
		fl_facts_unref(f->who[i]);
	free(f->who);
	free(f->parts);
	fl_bytes_unref(f->text);
	free(f);
	return NULL;
}

/* ---- who ---- */

static int compare_who(const void *a, const void *b)
{
	const struct fl_policy_facts *x = *(struct fl_policy_facts *const *)a;
	const struct fl_policy_facts *y = *(struct fl_policy_facts *const *)b;

	if (fl_facts_tagged(x) != fl_facts_tagged(y))
		return fl_facts_tagged(x) ? 1 : -1;
	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static enum fl_err list_who(const struct fl_policy *p, const struct fl_aliases *src,
			    struct fl_ssh_from *f)
{
	uint64_t *bits = fl_bits_new(p->words);
	enum fl_err err = bits != NULL ? FL_OK : FL_ERR_NOMEM;
	size_t n = 0;

	for (size_t i = 0; i < src->len && err == FL_OK; i++)
		err = fl_bits_or(&bits, fl_policy_alias(p, &src->at[i])->inside, p->words);
	f->who = calloc(p->nodes_len + 1, sizeof(struct fl_policy_facts *));
	if (err != FL_OK || f->who == NULL) {
		free(bits);
		return FL_ERR_NOMEM;
	}
	for (size_t i = 0; i < p->nodes_len; i++) {
		if (fl_bit(bits, p->by_id[i].slot))
			f->who[n++] = fl_facts_ref(p->nodes[p->by_id[i].slot]);
	}
	free(bits);
	f->who_len = n;
	if (n > 1)
		qsort(f->who, n, sizeof(struct fl_policy_facts *), compare_who);
	return FL_OK;
}

/* Whatever else changed in a node, its principals did not. */
static bool same_principals(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return a == b ||
	       (a->user == b->user && a->tags_len == b->tags_len && fl_facts_same_ips(a, b));
}

static bool same_who(const struct fl_ssh_from *a, const struct fl_ssh_from *b)
{
	if (a->who_len != b->who_len)
		return false;
	for (size_t i = 0; i < a->who_len; i++) {
		if (!same_principals(a->who[i], b->who[i]))
			return false;
	}
	return true;
}

/* ---- their text ---- */

static void put_principal(const struct fl_ip *ip, bool *first, struct fl_buf *out)
{
	char text[FL_IP_TEXT_MAX];

	if (!fl_ip_is_set(ip))
		return;
	fl_ip_format(ip, text);
	fl_buf_str(out, *first ? "{\"nodeIP\":\"" : ",{\"nodeIP\":\"");
	fl_buf_str(out, text);
	fl_buf_str(out, "\"}");
	*first = false;
}

void fl_ssh_put_principals(const struct fl_policy_facts *f, bool *first, struct fl_buf *out)
{
	put_principal(&f->ip4, first, out);
	put_principal(&f->ip6, first, out);
}

static void put_part(const struct fl_ssh_from *f, struct fl_ssh_part *part, struct fl_buf *out)
{
	bool first = true;

	if (out->len > 0)
		fl_buf_byte(out, ',');
	part->text = out->len;
	for (size_t i = part->from; i < part->to; i++) {
		/* Once a tag, as recorded. */
		for (size_t k = 0; k == 0 || k < f->who[i]->tags_len; k++)
			fl_ssh_put_principals(f->who[i], &first, out);
	}
	part->text_end = out->len;
}

static bool is_one_part(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return fl_facts_tagged(a) == fl_facts_tagged(b) && a->user == b->user;
}

static void put_parts(struct fl_ssh_from *f, struct fl_buf *out)
{
	for (size_t from = 0, to; from < f->who_len; from = to) {
		const struct fl_policy_facts *head = f->who[from];
		struct fl_ssh_part *part = &f->parts[f->parts_len++];
		for (to = from; to < f->who_len && is_one_part(head, f->who[to]); to++)
			;
		*part = (struct fl_ssh_part){ .user = head->user, .from = from, .to = to };
		put_part(f, part, out);
		f->users_len += !fl_facts_tagged(head);
	}
}

static size_t count_parts(const struct fl_ssh_from *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->who_len; i++)
		n += i == 0 || !is_one_part(f->who[i - 1], f->who[i]);
	return n;
}

static enum fl_err render(struct fl_ssh_from *f)
{
	struct fl_buf b = fl_buf_make(TEXT_MAX);

	f->parts = calloc(count_parts(f) + 1, sizeof *f->parts);
	if (f->parts == NULL)
		return FL_ERR_NOMEM;
	put_parts(f, &b);
	enum fl_err err = fl_buf_err(&b);
	if (err == FL_OK && (f->text = fl_bytes_new(fl_buf_slice(&b))) == NULL)
		err = FL_ERR_NOMEM;
	fl_buf_done(&b);
	return err;
}

enum fl_err fl_ssh_from_new(const struct fl_policy *p, const struct fl_aliases *src,
			    struct fl_ssh_from *was, struct fl_ssh_from **out)
{
	struct fl_ssh_from *f = calloc(1, sizeof *f);

	if (f == NULL)
		return FL_ERR_NOMEM;
	atomic_init(&f->refs, 1);
	enum fl_err err = list_who(p, src, f);
	if (err == FL_OK && was != NULL && same_who(f, was)) {
		fl_ssh_from_unref(f);
		f = fl_ssh_from_ref(was);
	} else if (err == FL_OK) {
		err = render(f);
	}
	if (err != FL_OK) {
		fl_ssh_from_unref(f);
		return err;
	}
	*out = f;
	return FL_OK;
}

const struct fl_ssh_part *fl_ssh_part_of(const struct fl_ssh_from *f, uint64_t user)
{
	size_t low = 0, high = f->users_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (f->parts[mid].user < user)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->users_len && f->parts[low].user == user ? &f->parts[low] : NULL;
}

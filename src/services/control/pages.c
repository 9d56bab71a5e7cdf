/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/pages.c - what a person's browser sees at the addresses that clients print.
 *
 * Nothing a client sent is shown before the id proved to be one of ours, and then only escaped.
 */
#include "services/control/internal.h"

enum { PAGE_MAX = 16 << 10 };

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem;"
	"color:#1b2733;background:#f7f9fb}h1{font-size:1.4rem}"
	"pre{background:#1b2733;color:#f7f9fb;padding:1rem;border-radius:6px;overflow:auto}"
	"dt{color:#5a6b7b}dd{margin:0 0 .5rem}"
	"@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe4ec}pre{background:#"
	"000}}";

static void put_escaped(struct fl_buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		switch (*s) {
		case '<':
			fl_buf_str(b, "&lt;");
			break;
		case '>':
			fl_buf_str(b, "&gt;");
			break;
		case '&':
			fl_buf_str(b, "&amp;");
			break;
		case '"':
			fl_buf_str(b, "&quot;");
			break;
		case '\'':
			fl_buf_str(b, "&#39;");
			break;
		default:
			fl_buf_byte(b, (uint8_t)*s);
		}
	}
}

static void page_begin(struct fl_buf *b, const char *title)
{
	fl_buf_printf(b,
		      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
		      "<meta name=\"viewport\" content=\"width=device-width\">"
		      "<title>%s - Fairlead</title><style>%s</style></head><body><h1>%s</h1>",
		      title, style, title);
}

static void page_send(struct fl_http *x, unsigned status, struct fl_buf *b)
{
	fl_buf_str(b, "</body></html>\n");
	if (fl_buf_err(b) == FL_OK)
		fl_http_respond(x, status, "text/html; charset=utf-8", fl_buf_slice(b));
	else
		fl_control_text(x, 500, "page could not be built\n");
	fl_buf_done(b);
}

static void page_problem(struct fl_http *x, unsigned status, const char *title, const char *text)
{
	struct fl_buf b = fl_buf_make(PAGE_MAX);
	page_begin(&b, title);
	fl_buf_printf(&b, "<p>%s</p>", text);
	page_send(x, status, &b);
}

static void page_pending(struct fl_http *x, const struct fl_pending *p)
{
	struct fl_buf b = fl_buf_make(PAGE_MAX);
	char machine[FL_KEY_SHORT_MAX];

	fl_machine_key_short(&p->machine, machine);
	page_begin(&b, "A machine asks to join");
	fl_buf_str(&b, "<dl><dt>Hostname</dt><dd>");
	put_escaped(&b, p->hostinfo->hostname);
	fl_buf_str(&b, "</dd><dt>System</dt><dd>");
	put_escaped(&b, p->hostinfo->os);
	fl_buf_str(&b, "</dd><dt>Machine key</dt><dd>");
	put_escaped(&b, machine);
	fl_buf_printf(&b,
		      "</dd></dl><p>If this is the machine you expect, let it in on the server, "
		      "with the user it shall belong to:</p>"
		      "<pre>fairlead auth register --auth-id %s --user USERNAME</pre>"
		      "<p>The machine goes on by itself as soon as you have done so.</p>",
		      p->id);
	page_send(x, 200, &b);
}

static const char *owner_of(const struct fl_control *c, const struct fl_node *n,
			    char text[static 24])
{
	const struct fl_user *u =
		fl_node_is_tagged(n) ? NULL : fl_state_user(c->core->state, n->user);
	return u != NULL ? fl_user_shown_name(u, text) : FL_TAGGED_USER_DISPLAY;
}

static void page_waiting(struct fl_control *c, struct fl_http *x, const struct fl_ssh_check *k)
{
	struct fl_buf b = fl_buf_make(PAGE_MAX);
	const struct fl_node *src = fl_state_node(c->core->state, k->pair.src);
	const struct fl_node *dst = fl_state_node(c->core->state, k->pair.dst);
	char owner[24];

	page_begin(&b, "An SSH connection needs an approval");
	fl_buf_str(&b, "<dl><dt>From</dt><dd>");
	put_escaped(&b, src != NULL ? src->given_name : "");
	fl_buf_str(&b, "</dd><dt>Of</dt><dd>");
	put_escaped(&b, src != NULL ? owner_of(c, src, owner) : "");
	fl_buf_str(&b, "</dd><dt>To</dt><dd>");
	put_escaped(&b, dst != NULL ? dst->given_name : "");
	fl_buf_printf(&b,
		      "</dd></dl><p>If you expect this connection, an administrator lets it in on "
		      "the server:</p><pre>fairlead auth approve %s</pre>"
		      "<p>It goes on by itself then. Otherwise:</p>"
		      "<pre>fairlead auth reject %s</pre>",
		      k->id, k->id);
	page_send(x, 200, &b);
}

void fl_control_page_check(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_slice id = fl_http_segment(x, 0);

	if (!fl_authreq_valid(id)) {
		page_problem(x, 400, "Not the address of a check",
			     "This address is incomplete. Copy the whole address that the SSH "
			     "client printed.");
		return;
	}
	const struct fl_ssh_check *k = fl_ssh_checks_find(&c->ssh, id);
	if (k == NULL || k->word != FL_SSH_OPEN) {
		page_problem(x, 410, "This check is over",
			     "It was answered already, or it waited too long. A new connection "
			     "gets a new address.");
		return;
	}
	page_waiting(c, x, k);
}

void fl_control_page_register(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_slice id = fl_http_segment(x, 0);

	if (!fl_authreq_valid(id)) {
		page_problem(x, 400, "Not a login address",
			     "This address is incomplete. Copy the whole address that the machine "
			     "printed.");
		return;
	}
	const struct fl_pending *p = fl_pending_find(&c->pending, id);
	if (p == NULL) {
		page_problem(x, 410, "This login is over",
			     "It was answered already, or it waited too long. The machine prints a "
			     "new address when it tries again.");
		return;
	}
	page_pending(x, p);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_impl.h - the inside of mDNS: what the two ways to Avahi have in common, and what each
 * of them does on its own.
 *
 * Avahi calls back from inside its calls too. So a callback only writes down what was heard and
 * has step() run soon, in mdns.c, which asks for the states and acts on them.
 */
#ifndef FL_IO_MDNS_IMPL_H
#define FL_IO_MDNS_IMPL_H

#include "base/rng.h"
#include "base/text.h"
#include "io/mdns_table.h"

enum {
	FL_MDNS_LABEL_MAX = 63,      /* RFC 1035 2.3.4 */
	FL_MDNS_ASKING_MAX = 32,     /* entries at a time that nobody has answered for yet */
	FL_MDNS_INTERFACES_MAX = 64, /* named ones */
};

enum fl_mdns_health { FL_MDNS_STARTING, FL_MDNS_RUNNING, FL_MDNS_FAILED };
enum fl_mdns_publication { FL_MDNS_PENDING, FL_MDNS_ESTABLISHED, FL_MDNS_CLASH, FL_MDNS_REFUSED };

/* One way to Avahi. `m->link` is its own, from a successful open until close. */
struct fl_mdns_ops {
	enum fl_mdns_backend kind;
	enum fl_err (*open)(struct fl_mdns *m, struct fl_fault *fault);
	/* Tells of all there is, from now on. Whether it was possible. */
	bool (*browse)(struct fl_mdns *m);
	void (*close)(struct fl_mdns *m); /* says goodbye */
	enum fl_mdns_health (*health)(struct fl_mdns *m);
	const char *(*why)(struct fl_mdns *m); /* the latest error */

	void (*next_label)(struct fl_mdns *m); /* changes m->label */
	/* Announces m->label with m->txt. What came of it is asked later. */
	enum fl_mdns_publication (*publish)(struct fl_mdns *m);
	enum fl_mdns_publication (*published)(struct fl_mdns *m);
	bool (*update)(struct fl_mdns *m); /* m->txt, in place */
	void (*withdraw)(struct fl_mdns *m);

	/* Both say whether it was possible. */
	bool (*resolve)(struct fl_mdns *m, struct fl_mdns_entry *e);
	bool (*ask_addresses)(struct fl_mdns *m, struct fl_mdns_entry *e); /* of e->host */
	void (*stop_addresses)(struct fl_mdns_entry *e);
	void (*stop)(struct fl_mdns_entry *e); /* both */
};

extern const struct fl_mdns_ops fl_mdns_core, fl_mdns_client;

/* Which interfaces are used: those named, or all but those named. */
struct fl_mdns_interfaces {
	struct fl_strlist names;
	bool allow; /* `names` are the ones */
};

struct fl_mdns {
	struct fl_loop *loop;
	struct fl_mdns_config cfg; /* its texts are copies */
	struct fl_mdns_interfaces interfaces;
	const struct fl_mdns_ops *ops; /* NULL: none */
	void *link;                    /* NULL: not connected */
	bool failed;                   /* browsing ended */

	char label[FL_MDNS_LABEL_MAX + 1];  /* in use, or to be tried next */
	unsigned clashes;                   /* that it had */
	bool wanted, is_published, refused; /* refused: until the timer rings */
	struct fl_slice *txt;               /* wanted */
	char *txt_text;                     /* what `txt` points into */
	size_t txt_count;

	struct fl_mdns_table table;
	struct fl_list fresh, again; /* entries that wait for a resolver: new, and tried before */
	size_t asking;

	struct fl_deferred soon;
	struct fl_timer retry;
	unsigned attempts;
	struct fl_rng rng;

	bool running, state_changed; /* to be told */
	struct fl_fault text;        /* the label, or why it does not run */
	bool telling, closed;        /* closed while telling: freed after it */
};

/* ---- told by the ways to Avahi ---- */

void fl_mdns_poke(struct fl_mdns *m); /* some state may have changed */
/* `entry`'s name was heard of, or is gone. */
void fl_mdns_heard(struct fl_mdns *m, const char *instance, uint32_t interface, bool ipv6,
		   bool gone);
/* `host` NULL: nobody answers. Beyond FL_MDNS_TXT_STRINGS_MAX strings only the count is right. */
void fl_mdns_resolved(struct fl_mdns_entry *e, const char *host, uint16_t port,
		      const struct fl_slice *txt, size_t txt_count);
void fl_mdns_address(struct fl_mdns_entry *e, const struct fl_ip *addr, bool gone);

/* ---- interfaces ---- */

/* Errors: see fl_mdns_new. */
FL_MUST enum fl_err fl_mdns_interfaces_read(struct fl_mdns_interfaces *in, const char *const *names,
					    size_t count, struct fl_fault *fault);
bool fl_mdns_interfaces_have(const struct fl_mdns_interfaces *in, const char *name);

#endif

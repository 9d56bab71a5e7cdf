/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_without.c - both ways to Avahi in a program that was built without it. */
#include "io/mdns_impl.h"

static enum fl_err open_none(struct fl_mdns *m, struct fl_fault *fault)
{
	(void)m;
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "this program was built without Avahi, which mDNS needs: install "
			    "libavahi-client-dev and libavahi-core-dev and build it again, or set "
			    "the backend to none");
}

static void close_none(struct fl_mdns *m)
{
	(void)m;
}

/* Nothing else is called before a way was opened. */
const struct fl_mdns_ops fl_mdns_client = {
	.kind = FL_MDNS_AVAHI,
	.open = open_none,
	.close = close_none,
};
const struct fl_mdns_ops fl_mdns_core = {
	.kind = FL_MDNS_EMBEDDED,
	.open = open_none,
	.close = close_none,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_interfaces.c - which network interfaces are for mDNS. */
#include "io/mdns_impl.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Goes over each interface once: getifaddrs names one for each of its addresses too. */
static enum fl_err each(const struct ifaddrs *all,
			enum fl_err (*fn)(void *ctx, const char *name, unsigned flags), void *ctx)
{
	enum fl_err err = FL_OK;
	struct fl_strlist met = { 0 };

	for (const struct ifaddrs *i = all; i != NULL && err == FL_OK; i = i->ifa_next) {
		if (fl_strlist_has(&met, i->ifa_name))
			continue;
		err = fl_strlist_add(&met, fl_slice_str(i->ifa_name));
		if (err == FL_OK)
			err = fn(ctx, i->ifa_name, i->ifa_flags);
	}
	fl_strlist_done(&met);
	return err;
}

struct survey {
	struct fl_mdns_interfaces *in;
	char names[256]; /* all there are, for people */
	size_t usable;
};

static enum fl_err look(void *ctx, const char *name, unsigned flags)
{
	struct survey *s = ctx;
	size_t len = strlen(s->names);

	snprintf(s->names + len, sizeof s->names - len, "%s%s", len > 0 ? ", " : "", name);
	if (!s->in->allow && (flags & IFF_LOOPBACK))
		return fl_strlist_add(&s->in->names, fl_slice_str(name));
	if (fl_mdns_interfaces_have(s->in, name) &&
	    ((flags & IFF_MULTICAST) || (s->in->allow && (flags & IFF_LOOPBACK))))
		s->usable++;
	return FL_OK;
}

static enum fl_err survey(struct survey *s, const struct ifaddrs *all, struct fl_fault *fault)
{
	if (each(all, look, s) != FL_OK)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	for (size_t i = 0; s->in->allow && i < s->in->names.len; i++)
		if (if_nametoindex(s->in->names.at[i]) == 0)
			return fl_fault_set(fault, FL_ERR_NOT_FOUND,
					    "there is no interface %s for mDNS; there are: %s",
					    s->in->names.at[i], s->names);
	if (s->usable == 0)
		return fl_fault_set(fault, FL_ERR_IO,
				    "no interface can be used for mDNS (there are: %s): it needs "
				    "one that can multicast; a container needs the network of its "
				    "host (--network=host, hostNetwork: true)",
				    s->names);
	return FL_OK;
}

enum fl_err fl_mdns_interfaces_read(struct fl_mdns_interfaces *in, const char *const *names,
				    size_t count, struct fl_fault *fault)
{
	struct survey s = { .in = in };
	struct ifaddrs *all;

	*in = (struct fl_mdns_interfaces){ .allow = count > 0 };
	for (size_t i = 0; i < count; i++)
		if (fl_strlist_add(&in->names, fl_slice_str(names[i])) != FL_OK)
			return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	if (getifaddrs(&all) != 0)
		return fl_fault_set(fault, FL_ERR_IO, "the network interfaces cannot be read: %s",
				    strerror(errno));
	enum fl_err err = survey(&s, all, fault);
	freeifaddrs(all);
	return err;
}

bool fl_mdns_interfaces_have(const struct fl_mdns_interfaces *in, const char *name)
{
	return fl_strlist_has(&in->names, name) == in->allow;
}

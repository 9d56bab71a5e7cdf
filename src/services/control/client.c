/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/client.c - believes trusted proxies, and nobody else, about addresses. */
#include "services/control/client.h"

#include <stdlib.h>

enum fl_err fl_trusted_set(struct fl_trusted *t, const struct fl_prefix *at, size_t count)
{
	struct fl_prefix *copy = NULL;

	if (count > 0) {
		copy = calloc(count, sizeof *copy);
		if (copy == NULL)
			return FL_ERR_NOMEM;
		memcpy(copy, at, count * sizeof *copy);
	}
	free(t->at);
	*t = (struct fl_trusted){ .at = copy, .count = count };
	return FL_OK;
}

void fl_trusted_done(struct fl_trusted *t)
{
	free(t->at);
	*t = (struct fl_trusted){ 0 };
}

static bool is_trusted(const struct fl_trusted *t, const struct fl_ip *ip)
{
	for (size_t i = 0; i < t->count; i++) {
		if (fl_prefix_has(&t->at[i], ip))
			return true;
	}
	return false;
}

/* Takes the last element off a comma list. */
static struct fl_slice take_last(struct fl_slice *list)
{
	size_t at = list->len;

	while (at > 0 && list->ptr[at - 1] != ',')
		at--;
	struct fl_slice last = fl_slice_skip(*list, at);
	list->len = at > 0 ? at - 1 : 0;
	return fl_slice_trim(last);
}

struct fl_ip fl_trusted_client(const struct fl_trusted *t, const struct fl_ip *peer,
			       const struct fl_client_claims *claims)
{
	struct fl_ip ip = *peer, named;
	struct fl_slice list = claims->forwarded_for;

	if (!is_trusted(t, peer))
		return ip;
	if (fl_ip_parse(fl_slice_trim(claims->true_client_ip), &named) == FL_OK ||
	    fl_ip_parse(fl_slice_trim(claims->real_ip), &named) == FL_OK)
		return named;
	while (list.len > 0) {
		if (fl_ip_parse(take_last(&list), &named) != FL_OK)
			break; /* whatever stands left of nonsense is nonsense */
		ip = named;
		if (!is_trusted(t, &ip))
			break;
	}
	return ip;
}

struct fl_ip fl_trusted_client_of(const struct fl_trusted *t, const struct fl_http *x)
{
	struct fl_addrport peer = fl_stream_peer(fl_http_stream(x));
	const struct fl_client_claims claims = {
		.true_client_ip = fl_http_field(x, "true-client-ip"),
		.real_ip = fl_http_field(x, "x-real-ip"),
		.forwarded_for = fl_http_field(x, "x-forwarded-for"),
	};

	return fl_trusted_client(t, &peer.ip, &claims);
}

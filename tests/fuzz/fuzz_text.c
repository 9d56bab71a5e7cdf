/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_text.c - addresses, prefixes, times, durations, keys, tokens: read, write, read
 * again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/ip.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "crypto/token.h"
#include "services/config/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void addresses(struct fl_slice in)
{
	struct fl_ip ip, ip2;
	struct fl_prefix p, p2;
	struct fl_addrport a, a2;
	char text[FL_ADDRPORT_TEXT_MAX];

	if (fl_ip_parse(in, &ip) == FL_OK) {
		fl_ip_format(&ip, text);
		must(fl_ip_parse(fl_slice_str(text), &ip2) == FL_OK && fl_ip_eq(&ip, &ip2));
	}
	if (fl_prefix_parse(in, &p) == FL_OK) {
		fl_prefix_format(&p, text);
		must(fl_prefix_parse(fl_slice_str(text), &p2) == FL_OK && fl_prefix_eq(&p, &p2));
	}
	if (fl_addrport_parse(in, &a) == FL_OK) {
		fl_addrport_format(&a, text);
		must(fl_addrport_parse(fl_slice_str(text), &a2) == FL_OK &&
		     fl_addrport_eq(&a, &a2));
	}
}

static void times(struct fl_slice in)
{
	char text[FL_RFC3339_MAX];
	fl_wall t, t2;
	int64_t d;

	if (fl_wall_parse(in, &t) == FL_OK) {
		fl_wall_format(t, text);
		must(fl_wall_parse(fl_slice_str(text), &t2) == FL_OK && t == t2);
	}
	if (fl_duration_parse(in, &d) == FL_OK)
		must(d >= 0);
}

static void credentials(struct fl_slice in)
{
	struct fl_node_key key, key2;
	char text[FL_KEY_TEXT_MAX], prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;

	if (fl_node_key_parse(in, &key) == FL_OK) {
		fl_node_key_format(&key, text);
		must(fl_node_key_parse(fl_slice_str(text), &key2) == FL_OK &&
		     fl_node_key_eq(&key, &key2));
	}
	if (fl_token_parse(FL_TOKEN_AUTH, in, prefix, &secret) == FL_OK)
		must(secret.len == FL_TOKEN_SECRET_LEN);
	if (fl_authreq_valid(in))
		must(in.len == FL_AUTHREQ_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = { data, size };
	struct fl_config_url url;
	struct fl_addrport at;
	uint8_t raw[256];
	size_t len;

	addresses(in);
	times(in);
	credentials(in);
	if (fl_base64_decode(in, raw, sizeof raw, &len) == FL_OK)
		must(len <= sizeof raw);
	char *text = fl_str_dup(in);
	if (text != NULL) {
		if (fl_config_url_parse(text, &url))
			must(url.port != 0 && url.host[0] != '\0');
		if (fl_config_listen_parse(text, &at) == FL_OK)
			must(fl_ip_is_set(&at.ip));
	}
	free(text);
	return 0;
}

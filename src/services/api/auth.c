/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/auth.c - who may use the API: the Unix socket, or the holder of a live key.
 *
 * Every refusal is the same 401. Failures are counted by address in a table of fixed size that
 * forgets after a minute; over the limit the answer is 429. A live key is let in however often
 * others failed: many share an address (a proxy's), and nobody guesses 256 random bits.
 */
#include "base/map.h"
#include "base/sip.h"
#include "services/api/internal.h"

struct fl_api_conn fl_api_trusted = { .trusted = true };
struct fl_api_conn fl_api_public = { .trusted = false };

static struct fl_api_fails *slot_of(struct fl_api *a, struct fl_http *x)
{
	struct fl_ip client = fl_control_client(a->control, x);
	uint64_t hash = fl_sip_hash(a->seed, client.b, sizeof client.b);
	struct fl_api_fails *f = &a->fails[hash % FL_API_FAIL_SLOTS];
	fl_time now = fl_loop_now(a->core->loop);
	if (now - f->since > FL_MIN)
		*f = (struct fl_api_fails){ .since = now };
	return f;
}

static bool bearer(struct fl_slice field, struct fl_slice *out)
{
	static const char word[] = "Bearer ";

	if (field.len <= sizeof word - 1 ||
	    !fl_str_ieq(fl_slice_of(field.ptr, sizeof word - 1), fl_slice_str(word)))
		return false;
	*out = fl_slice_skip(field, sizeof word - 1);
	return true;
}

/* Hashes the secret even for an unknown prefix, so that the time tells nothing. */
static const struct fl_apikey *find_key(struct fl_api *a, struct fl_slice token)
{
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;
	static const uint8_t none[FL_HASH_LEN];

	if (fl_token_parse(FL_TOKEN_API, token, prefix, &secret) != FL_OK)
		return NULL;
	const struct fl_apikey *k = fl_state_apikey_by_prefix(a->state, prefix);
	bool right = fl_token_matches(secret, k != NULL ? k->hash : none);
	if (k == NULL || !right || (k->expiration != 0 && k->expiration <= fl_api_now(a)))
		return NULL;
	return k;
}

static void refuse(struct fl_api *a, struct fl_http *x)
{
	struct fl_api_fails *fails = slot_of(a, x);

	a->refusals++;
	if (fails->count >= FL_API_FAILS_PER_MINUTE) {
		fl_http_set(x, "Retry-After", "60");
		fl_api_problem_of(x, 429, "too many failed keys from this address; wait a minute",
				  NULL);
		return;
	}
	fails->count++;
	fl_http_set(x, "WWW-Authenticate", "Bearer");
	fl_api_problem(x, FL_ERR_CRYPTO, "Unauthorized", NULL);
}

bool fl_api_admit(struct fl_api *a, struct fl_http *x)
{
	const struct fl_api_conn *conn = fl_http_conn_ctx(x);
	struct fl_slice token;

	if (conn != NULL && conn->trusted)
		return true;
	const struct fl_apikey *k = NULL;
	if (bearer(fl_http_field(x, "authorization"), &token))
		k = find_key(a, token);
	if (k == NULL) {
		refuse(a, x);
		return false;
	}
	if (fl_api_now(a) - k->last_seen > FL_MIN &&
	    fl_state_apikey_seen(a->state, fl_api_now(a), k->id) != FL_OK)
		return true; /* out of memory: the mark is not worth a refusal */
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_client.c - one HTTP request by libcurl, and the blocking call.
 */
#include "io/http_call.h"

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"

#include <errno.h>
#include <stdlib.h>

enum { URL_MAX = 8 << 10, BEARER_MAX = 4 << 10 };

#define TIMEOUT_DEFAULT (30 * FL_SEC)

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct fl_http_request *r = ctx;

	if (r->take != NULL && fl_http_request_status(r) == 200) {
		r->enough = !r->take(r->take_ctx, fl_slice_of(data, size * count));
		return r->enough ? 0 : size * count;
	}
	fl_buf_put(&r->answer, data, size * count);
	return fl_buf_err(&r->answer) == FL_OK ? size * count : 0;
}

/* ---- set-up ---- */

static enum fl_err make_url(struct fl_http_request *r, const struct fl_http_call *call,
			    struct fl_fault *fault)
{
	const char *base = call->unix_path != NULL ? "http://localhost" : call->url;
	struct fl_buf b = fl_buf_make(URL_MAX);

	if (base == NULL || (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the address must begin with http:// or https://");
	fl_buf_str(&b, base);
	if (call->path != NULL && b.len > 0 && call->path[0] == '/' && b.ptr[b.len - 1] == '/')
		b.len--;
	fl_buf_str(&b, call->path != NULL ? call->path : "");
	fl_buf_byte(&b, '\0');
	enum fl_err err = fl_buf_err(&b);
	if (err != FL_OK) {
		fl_buf_done(&b);
		return err == FL_ERR_TOO_BIG
			       ? fl_fault_set(fault, FL_ERR_INVALID, "the address is too long")
			       : fl_fault_set(fault, err, "out of memory");
	}
	r->url = (char *)b.ptr;
	return FL_OK;
}

static enum fl_err add_field(struct fl_http_request *r, const char *name, const char *value)
{
	struct fl_buf b = fl_buf_make(BEARER_MAX);

	if (strpbrk(value, "\r\n") != NULL)
		return FL_ERR_INVALID;
	fl_buf_str(&b, name);
	fl_buf_str(&b, value);
	fl_buf_byte(&b, '\0');
	struct curl_slist *fields = NULL;
	if (fl_buf_err(&b) == FL_OK)
		fields = curl_slist_append(r->fields, (const char *)b.ptr);
	fl_buf_wipe(&b);
	if (fields == NULL)
		return FL_ERR_NOMEM;
	r->fields = fields;
	return FL_OK;
}

static enum fl_err add_fields(struct fl_http_request *r, const struct fl_http_call *call)
{
	enum fl_err err = add_field(r, "Expect:", ""); /* no round trip before a body */

	if (err == FL_OK && call->bearer != NULL)
		err = add_field(r, "Authorization: Bearer ", call->bearer);
	if (err == FL_OK && call->body.len > 0)
		err = add_field(
			r, "Content-Type: ", call->type != NULL ? call->type : "application/json");
	return err;
}

static enum fl_err copy_body(struct fl_http_request *r, struct fl_slice body)
{
	if (body.len == 0)
		return FL_OK;
	r->body = malloc(body.len);
	if (r->body == NULL)
		return FL_ERR_NOMEM;
	memcpy(r->body, body.ptr, body.len);
	return FL_OK;
}

static bool set_method(struct fl_http_request *r, const struct fl_http_call *call)
{
	CURL *c = r->curl;
	bool ok = true;

	if (call->body.len > 0) {
		ok &= curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK;
		ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body) == CURLE_OK;
		ok &= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)call->body.len) == CURLE_OK;
	}
	if (call->method != NULL && strcmp(call->method, "HEAD") == 0)
		ok &= curl_easy_setopt(c, CURLOPT_NOBODY, 1L) == CURLE_OK;
	else if (call->method != NULL)
		ok &= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
	return ok;
}

static bool set_peer(struct fl_http_request *r, const struct fl_http_call *call)
{
	CURL *c = r->curl;
	bool ok = curl_easy_setopt(c, CURLOPT_URL, r->url) == CURLE_OK;

	if (call->unix_path != NULL) {
		ok &= curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, call->unix_path) == CURLE_OK;
		ok &= curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
	}
	if (call->ca_file != NULL)
		ok &= curl_easy_setopt(c, CURLOPT_CAINFO, call->ca_file) == CURLE_OK;
	if (call->insecure) {
		ok &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK;
		ok &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
	}
	return ok;
}

static bool set_rules(struct fl_http_request *r, const struct fl_http_call *call)
{
	CURL *c = r->curl;
	int64_t ms = (call->timeout > 0 ? call->timeout : TIMEOUT_DEFAULT) / FL_MS;
	bool ok = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;

	ok &= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(c,
			       call->take != NULL ? CURLOPT_CONNECTTIMEOUT_MS : CURLOPT_TIMEOUT_MS,
			       (long)(ms > 0 ? ms : 1)) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_USERAGENT, "fairlead/" FL_VERSION) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->fields) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_WRITEDATA, r) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->detail) == CURLE_OK;
	return ok;
}

enum fl_err fl_http_request_init(struct fl_http_request *r, const struct fl_http_call *call,
				 struct fl_fault *fault)
{
	size_t max = call->answer_max > 0 && call->answer_max < FL_HTTP_CLIENT_ANSWER_MAX
			     ? call->answer_max
			     : FL_HTTP_CLIENT_ANSWER_MAX;

	r->answer = fl_buf_make(max);
	r->insecure = call->insecure;
	r->take = call->take;
	r->take_ctx = call->take_ctx;
	enum fl_err err = make_url(r, call, fault);
	if (err != FL_OK)
		return err;
	err = add_fields(r, call);
	if (err == FL_OK)
		err = copy_body(r, call->body);
	if (err == FL_OK) {
		r->curl = curl_easy_init();
		if (r->curl == NULL || !set_peer(r, call) || !set_method(r, call) ||
		    !set_rules(r, call))
			err = FL_ERR_NOMEM;
	}
	if (err == FL_OK)
		return FL_OK;
	fl_http_request_done(r);
	return fl_fault_set(fault, err, "cannot prepare the request: %s", fl_err_text(err));
}

static void wipe_fields(struct curl_slist *fields)
{
	for (struct curl_slist *f = fields; f != NULL; f = f->next)
		explicit_bzero(f->data, strlen(f->data));
	curl_slist_free_all(fields);
}

void fl_http_request_done(struct fl_http_request *r)
{
	curl_easy_cleanup(r->curl);
	wipe_fields(r->fields);
	free(r->url);
	free(r->body);
	fl_buf_wipe(&r->answer);
	*r = (struct fl_http_request){ 0 };
}

/* ---- results ---- */

/* A socket that is not there, or not ours to use, is told from one that does not answer. */
static enum fl_err err_of_connect(const struct fl_http_request *r)
{
	long os = 0;

	if (curl_easy_getinfo(r->curl, CURLINFO_OS_ERRNO, &os) != CURLE_OK)
		return FL_ERR_CLOSED;
	return os == ENOENT                  ? FL_ERR_NOT_FOUND
	       : os == EACCES || os == EPERM ? FL_ERR_DENIED
					     : FL_ERR_CLOSED;
}

static enum fl_err err_of(const struct fl_http_request *r, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return FL_OK;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return FL_ERR_INVALID;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return FL_ERR_NOT_FOUND;
	case CURLE_COULDNT_CONNECT:
		return err_of_connect(r);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return FL_ERR_CLOSED;
	case CURLE_OPERATION_TIMEDOUT:
		return FL_ERR_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return FL_ERR_CRYPTO;
	case CURLE_WRITE_ERROR:
		return fl_buf_err(&r->answer) != FL_OK ? fl_buf_err(&r->answer) : FL_ERR_IO;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return FL_ERR_PROTO;
	case CURLE_OUT_OF_MEMORY:
		return FL_ERR_NOMEM;
	default:
		return FL_ERR_IO;
	}
}

static const char *advice(enum fl_err err)
{
	switch ((int)err) {
	case FL_ERR_NOT_FOUND:
		return "check the name; is the server running?";
	case FL_ERR_DENIED:
		return "this user may not use the socket";
	case FL_ERR_CLOSED:
		return "is the server running there?";
	case FL_ERR_CRYPTO:
		return "check the certificate, or name its root";
	case FL_ERR_TIMEOUT:
		return "try again, or allow more time";
	case FL_ERR_TOO_BIG:
		return "the answer is larger than the limit";
	default:
		return "see above";
	}
}

enum fl_err fl_http_request_result(const struct fl_http_request *r, CURLcode code,
				   struct fl_fault *fault)
{
	enum fl_err err = err_of(r, code);

	if (err == FL_OK || r->enough)
		return FL_OK;
	return fl_fault_set(fault, err, "%s: %s (%s)", r->url,
			    r->detail[0] != '\0' ? r->detail : curl_easy_strerror(code),
			    advice(err));
}

unsigned fl_http_request_status(const struct fl_http_request *r)
{
	long status = 0;

	if (curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		return 0;
	return (unsigned)status;
}

enum fl_err fl_http_client_call(const struct fl_http_call *call, struct fl_fault *fault,
				unsigned *out_status, struct fl_buf *out_body)
{
	struct fl_http_request r = { 0 };

	enum fl_err err = fl_curl_load(fault);
	if (err == FL_OK)
		err = fl_http_request_init(&r, call, fault);
	if (err != FL_OK)
		return err;
	err = fl_http_request_result(&r, curl_easy_perform(r.curl), fault);
	if (err == FL_OK) {
		*out_status = fl_http_request_status(&r);
		fl_buf_done(out_body);
		*out_body = r.answer;
		r.answer = fl_buf_make(0);
	}
	fl_http_request_done(&r);
	return err;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_call.h - one request as libcurl is told about it, for http_client.c and http_fetch.c
 * only.
 *
 * Memory  the request owns copies of everything; libcurl borrows from it.
 */
#ifndef FL_IO_HTTP_CALL_H
#define FL_IO_HTTP_CALL_H

#include "io/curl.h"
#include "io/http_client.h"

struct fl_http_request {
	CURL *curl;
	struct curl_slist *fields;
	char *url;
	uint8_t *body;
	struct fl_buf answer;
	bool insecure;
	bool (*take)(void *ctx, struct fl_slice piece); /* NULL: into `answer` */
	void *take_ctx;
	bool enough; /* it said so */
	char detail[CURL_ERROR_SIZE];
};

/* Sets a zeroed request up. Errors: FL_ERR_INVALID, FL_ERR_NOMEM, with text in `fault`. */
FL_MUST enum fl_err fl_http_request_init(struct fl_http_request *r, const struct fl_http_call *call,
					 struct fl_fault *fault);

/* Also wipes the bearer token and what was answered. */
void fl_http_request_done(struct fl_http_request *r);

/* What `code` means, with a text that says what to do. */
enum fl_err fl_http_request_result(const struct fl_http_request *r, CURLcode code,
				   struct fl_fault *fault);

unsigned fl_http_request_status(const struct fl_http_request *r);

#endif

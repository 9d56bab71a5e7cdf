/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/err.h - the one list of errors, their texts and their classes.
 *
 * Functions that can fail return enum fl_err and are marked FL_MUST. Zero is success, positive
 * values are unfinished rather than failed, negative values failed. Outputs stay untouched
 * unless FL_OK is returned. Detail for people exists only at the edges, in a struct fl_fault
 * that the caller lends.
 */
#ifndef FL_BASE_ERR_H
#define FL_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FL_MUST              __attribute__((warn_unused_result))
#define FL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What the caller should do about a failure. */
enum fl_err_class {
	FL_CLASS_NONE,        /* not a failure */
	FL_CLASS_CALLER,      /* our own mistake: assert, fix the code */
	FL_CLASS_PEER,        /* the other side's bytes: close its connection, count it */
	FL_CLASS_REQUEST,     /* a well-formed request that is refused: tell who asked */
	FL_CLASS_RESOURCE,    /* shed load, keep serving */
	FL_CLASS_ENVIRONMENT, /* disk, network, peer gone: retry with back-off or report */
};

/* name, value, class, text */
#define FL_ERR_LIST(X)                                                                             \
	X(FL_OK, 0, FL_CLASS_NONE, "ok")                                                           \
	X(FL_MORE, 1, FL_CLASS_NONE, "more input needed")                                          \
	X(FL_AGAIN, 2, FL_CLASS_NONE, "would block")                                               \
	X(FL_ERR_ARG, -1, FL_CLASS_CALLER, "invalid argument")                                     \
	X(FL_ERR_STATE, -2, FL_CLASS_CALLER, "not possible in this state")                         \
	X(FL_ERR_PROTO, -3, FL_CLASS_PEER, "protocol violation")                                   \
	X(FL_ERR_SYNTAX, -4, FL_CLASS_PEER, "malformed input")                                     \
	X(FL_ERR_TOO_BIG, -5, FL_CLASS_PEER, "larger than the limit")                              \
	X(FL_ERR_CRYPTO, -6, FL_CLASS_PEER, "cryptographic check failed")                          \
	X(FL_ERR_VERSION, -7, FL_CLASS_PEER, "unsupported version")                                \
	X(FL_ERR_NOT_FOUND, -8, FL_CLASS_REQUEST, "not found")                                     \
	X(FL_ERR_EXISTS, -9, FL_CLASS_REQUEST, "already exists")                                   \
	X(FL_ERR_DENIED, -10, FL_CLASS_REQUEST, "not permitted")                                   \
	X(FL_ERR_EXPIRED, -11, FL_CLASS_REQUEST, "expired")                                        \
	X(FL_ERR_INVALID, -12, FL_CLASS_REQUEST, "invalid value")                                  \
	X(FL_ERR_AMBIGUOUS, -13, FL_CLASS_REQUEST, "matches more than one")                        \
	X(FL_ERR_NOMEM, -14, FL_CLASS_RESOURCE, "out of memory")                                   \
	X(FL_ERR_FULL, -15, FL_CLASS_RESOURCE, "no room left")                                     \
	X(FL_ERR_IO, -16, FL_CLASS_ENVIRONMENT, "input/output error")                              \
	X(FL_ERR_CLOSED, -17, FL_CLASS_ENVIRONMENT, "closed")                                      \
	X(FL_ERR_TIMEOUT, -18, FL_CLASS_ENVIRONMENT, "timed out")                                  \
	X(FL_ERR_BUSY, -19, FL_CLASS_ENVIRONMENT, "busy")                                          \
	X(FL_ERR_CORRUPT, -20, FL_CLASS_ENVIRONMENT, "stored data is damaged")                     \
	X(FL_ERR_UNSUPPORTED, -21, FL_CLASS_ENVIRONMENT, "not supported here")

enum fl_err {
#define FL_ERR_MEMBER(name, value, class, text) name = (value),
	FL_ERR_LIST(FL_ERR_MEMBER)
#undef FL_ERR_MEMBER
};

/* A short English text, never NULL, also for values outside the list. */
const char *fl_err_text(enum fl_err err);

enum fl_err_class fl_err_class(enum fl_err err);

/* Text for people: what failed, where, and what to do. Lent by the caller, always terminated. */
struct fl_fault {
	char text[512];
};

/*
 * Writes the text (truncating) if `fault` is not NULL and gives `err`, so it ends a guard:
 * return fl_fault_set(fault, FL_ERR_IO, "cannot open %s", path). In this form compilers and
 * analysers see that the error comes out as it went in.
 */
#define fl_fault_set(fault, err, ...) (fl_fault_write(fault, __VA_ARGS__), fl_fault_pass(err))

void fl_fault_write(struct fl_fault *fault, const char *fmt, ...) FL_PRINTF(2, 3);

static inline enum fl_err fl_fault_pass(enum fl_err err)
{
	return err;
}

#endif

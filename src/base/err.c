/* SPDX-License-Identifier: BSD-3-Clause */
/* base/err.c - texts and classes of the error list. */
#include "base/err.h"

#include <stdio.h>

const char *fl_err_text(enum fl_err err)
{
	switch (err) {
#define FL_ERR_TEXT(name, value, class, text)                                                      \
	case name:                                                                                 \
		return text;
		FL_ERR_LIST(FL_ERR_TEXT)
#undef FL_ERR_TEXT
	}
	return "unknown error";
}

enum fl_err_class fl_err_class(enum fl_err err)
{
	switch (err) {
#define FL_ERR_CLASS(name, value, class, text)                                                     \
	case name:                                                                                 \
		return class;
		FL_ERR_LIST(FL_ERR_CLASS)
#undef FL_ERR_CLASS
	}
	return FL_CLASS_CALLER; /* a value we never defined is our own mistake */
}

void fl_fault_write(struct fl_fault *fault, const char *fmt, ...)
{
	if (fault == NULL)
		return;

	va_list args;
	va_start(args, fmt);
	if (vsnprintf(fault->text, sizeof fault->text, fmt, args) < 0)
		fault->text[0] = '\0';
	va_end(args);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/store_impl.h - the inside of the state folder. */
#ifndef FL_SERVICES_SHIP_STORE_IMPL_H
#define FL_SERVICES_SHIP_STORE_IMPL_H

#include "services/ship/store.h"

enum { FL_SHIP_STORE_DIR_MAX = 3584 }; /* leaves room for the names of the files */

struct fl_ship_records {
	struct fl_device_record *at; /* by SKI */
	size_t len;
};

struct fl_ship_store {
	char dir[FL_SHIP_STORE_DIR_MAX];
	int lock;
	struct fl_ship_records records;
};

/* "DIR/name" in `out`. */
enum { FL_SHIP_STORE_PATH_MAX = FL_SHIP_STORE_DIR_MAX + 32 };
void fl_ship_store_path(const struct fl_ship_store *s, const char *name,
			char out[static FL_SHIP_STORE_PATH_MAX]);

/* ---- store_records.c: devices.json ---- */

/* Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG. */
FL_MUST enum fl_err fl_ship_records_encode(const struct fl_ship_records *r, struct fl_buf *out);
/* Errors: FL_ERR_SYNTAX, FL_ERR_VERSION, FL_ERR_FULL, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ship_records_decode(struct fl_slice text, struct fl_ship_records *out);
void fl_ship_records_done(struct fl_ship_records *r);

/* Where the SKI stands, or where it would. True: it is there. */
bool fl_ship_records_search(const struct fl_ship_records *r, const struct fl_ski *ski,
			    size_t *out_at);

#endif

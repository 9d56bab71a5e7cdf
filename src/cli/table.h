/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/table.h - answers as rows and columns; for the files of the output helper only. */
#ifndef FL_CLI_TABLE_H
#define FL_CLI_TABLE_H

#include "cli/output.h"

/* The array of many, or absent when the answer holds one. */
struct fl_jv fl_rows_list(const struct fl_resource *r, struct fl_jv root);
size_t fl_rows_count(const struct fl_resource *r, struct fl_jv root);
struct fl_jv fl_rows_at(const struct fl_resource *r, struct fl_jv root, size_t i);

enum { FL_SELECT_MAX = 32 };

/* What of an answer is shown: as --columns and --sort say, else what the format shows by itself. */
struct fl_select {
	const struct fl_resource *resource;
	struct fl_jv root;
	const struct fl_column *column[FL_SELECT_MAX];
	size_t columns, rows;
	bool chosen;   /* by --columns */
	size_t *order; /* of the rows; NULL: as they came */
};

/* Done in any case. Errors: FL_ERR_NOMEM. Names that fl_output_check refuses are passed over. */
FL_MUST enum fl_err fl_select_init(struct fl_select *s, const struct fl_output *o,
				   const struct fl_resource *r, struct fl_jv root);
void fl_select_done(struct fl_select *s);
struct fl_jv fl_select_row(const struct fl_select *s, size_t i);

/* Only the columns; `all`: with the wide ones where none are chosen. Needs no done. */
void fl_select_columns(struct fl_select *s, const struct fl_output *o, const struct fl_resource *r,
		       bool all);

/* One cell's text, without colour. */
void fl_cell_write(const struct fl_output *o, const struct fl_column *column, struct fl_jv row,
		   struct fl_buf *out);

void fl_table_write(const struct fl_output *o, const struct fl_select *s, struct fl_buf *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/table.h - answers as rows and columns; for the files of the output helper only. */
#ifndef FL_CLI_TABLE_H
#define FL_CLI_TABLE_H

#include "cli/output.h"

/* The array of many, or absent when the answer holds one. */
struct fl_jv fl_rows_list(const struct fl_resource *r, struct fl_jv root);
size_t fl_rows_count(const struct fl_resource *r, struct fl_jv root);
struct fl_jv fl_rows_at(const struct fl_resource *r, struct fl_jv root, size_t i);

/* One cell's text, without colour. */
void fl_cell_write(const struct fl_output *o, const struct fl_column *column, struct fl_jv row,
		   struct fl_buf *out);

void fl_table_write(const struct fl_output *o, const struct fl_resource *r, struct fl_jv root,
		    struct fl_buf *out);

#endif

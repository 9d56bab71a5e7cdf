/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/nodes.h - what the commands on nodes and on their routes share. */
#ifndef FL_CLI_NODES_H
#define FL_CLI_NODES_H

#include "cli/cli.h"

/* The node that -i or the word at *at names; *at moves behind the word. */
int fl_node_named(struct fl_cli *c, size_t *at, struct fl_pick *out);

/*
 * Does `fn` to each node that -i, the word at `at`, @FILE or --filter names, and ends at the first
 * failure. All of them are found before the first is touched.
 */
int fl_node_each(struct fl_cli *c, size_t at, fl_each_fn *fn);

/* Is --filter understood, if given? Before anything is asked. */
int fl_node_check_filter(struct fl_cli *c);

/* Leaves in an answer the nodes that --filter fits, if given. */
int fl_node_filter(struct fl_cli *c, struct fl_answer *a);

void fl_node_path(struct fl_buf *path, uint64_t id, const char *rest);

/* Posts {key: values} below the node's path. */
int fl_node_post_list(struct fl_cli *c, uint64_t id, const char *rest, const char *key,
		      const struct fl_strlist *values, const char *done);

/* Adds the texts that the node's member `key` holds now. */
int fl_node_list_of(struct fl_cli *c, uint64_t id, const char *key, struct fl_strlist *out);

#endif

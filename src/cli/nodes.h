/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/nodes.h - what the commands on nodes and on their routes share. */
#ifndef FL_CLI_NODES_H
#define FL_CLI_NODES_H

#include "cli/cli.h"

/* The node that -i or the word at *at names; *at moves behind the word. */
int fl_node_named(struct fl_cli *c, size_t *at, struct fl_pick *out);

void fl_node_path(struct fl_buf *path, uint64_t id, const char *rest);

/* Posts {key: values} below the node's path. */
int fl_node_post_list(struct fl_cli *c, uint64_t id, const char *rest, const char *key,
		      const struct fl_strlist *values, const char *done);

/* Adds the texts that the node's member `key` holds now. */
int fl_node_list_of(struct fl_cli *c, uint64_t id, const char *key, struct fl_strlist *out);

#endif

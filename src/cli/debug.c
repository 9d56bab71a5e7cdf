/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/debug.c - fairlead debug: what a running server is doing, for who looks for a fault. */
#include <inttypes.h>

#include "cli/cli.h"

static int show(struct fl_cli *c, const char *what, const struct fl_resource *r)
{
	char text[128];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_pick node = { 0 };

	fl_buf_printf(&path, "/api/v1/debug/%s?limit=%" PRIu64, what,
		      fl_args_number(&c->args, "limit"));
	if (c->args.words > 0) {
		int code = fl_cli_pick_node(c, c->args.word[0], &node);
		if (code != FL_EXIT_DONE)
			return code;
		fl_buf_printf(&path, "&node=%" PRIu64, node.id);
	}
	return fl_cli_run(c, "GET", &path, NULL, r, NULL);
}

int fl_cmd_debug_sessions(struct fl_cli *c)
{
	return show(c, "sessions", &fl_resource_session);
}

int fl_cmd_debug_changes(struct fl_cli *c)
{
	return show(c, "changes", &fl_resource_event);
}

int fl_cmd_debug_views(struct fl_cli *c)
{
	return show(c, "views", &fl_resource_view);
}

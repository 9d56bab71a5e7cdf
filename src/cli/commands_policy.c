/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/commands_policy.c - the commands of `fairlead policy`, in the order of docs/cli.md. */
#include "cli/cli.h"
#include "cli/flags.h"

#define ONE(what)                                                                                  \
	{                                                                                          \
		what, FL_NAMES_NONE                                                                \
	}

const struct fl_command fl_commands_policy[] = {
	{ .noun = "policy",
	  .verb = "check",
	  .also = "validate",
	  .args = "FILE|-",
	  .args_max = 1,
	  .names = ONE(FL_NAMES_FILE),
	  .help = "Checks a policy without a server; shows where what is wrong.",
	  .flags = fl_flags_policy_check,
	  .examples = { "policy check policy.hujson", "policy check - -o json < policy.hujson" },
	  .related = "policy fmt",
	  .exits = "34",
	  .run = fl_cmd_policy_check },
	{ .noun = "policy",
	  .verb = "fmt",
	  .also = "format",
	  .args = "FILE|-",
	  .args_max = 1,
	  .names = ONE(FL_NAMES_FILE),
	  .help = "Lays a policy out anew; comments stay where they are.",
	  .flags = fl_flags_policy_fmt,
	  .examples = { "policy fmt --write policy.hujson", "policy fmt --check policy.hujson" },
	  .related = "policy check",
	  .exits = "348",
	  .run = fl_cmd_policy_fmt },
};
const size_t fl_commands_policy_count = sizeof fl_commands_policy / sizeof *fl_commands_policy;

/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/main.c - the program. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return fl_cli_main(argc, argv);
}

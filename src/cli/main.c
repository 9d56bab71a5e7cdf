/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/main.c - the program. */
#include "cli/cli.h"

#include <stdio.h>

#include "crypto/prim.h"

int main(int argc, char **argv)
{
	if (fl_crypto_init() != FL_OK) {
		fprintf(stderr, "fairlead: the cryptographic libraries could not be set up\n");
		return 1;
	}
	return fl_cli_main(argc, argv);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_settings.c - YAML of any shape, and relay maps made of it. */
#include <stdint.h>
#include <stdlib.h>

#include "io/yaml.h"
#include "services/config/derpmap.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_fault fault = { "" };
	struct fl_yaml *tree = NULL;
	struct fl_buf out = fl_buf_make(4 << 20);
	const struct fl_derpmap_source source = { .name = "map", .text = { data, size } };

	if (fl_yaml_parse(source.text, &fault, &tree) != FL_OK && fault.text[0] == '\0')
		abort(); /* every refusal has a text */
	fl_yaml_free(tree);

	/* What is written is JSON that clients can read. */
	if (fl_derpmap_build(&source, 1, NULL, &fault, &out) == FL_OK) {
		struct fl_json *doc;
		if (fl_json_parse(fl_buf_slice(&out), FL_JSON_DEPTH_MAX, &doc) == FL_OK)
			fl_json_free(doc);
		else if (out.len < 4096)
			abort();
	}
	fl_buf_done(&out);
	return 0;
}

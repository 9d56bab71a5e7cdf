/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/records.c - reads the list of extra DNS records. */
#include "services/config/records.h"

#include <stdlib.h>

#include "io/file.h"
#include "wire/json.h"

enum { DEPTH = 3, NAME_LEN_MAX = 253 };

/* What is wrong with one, for people; NULL: nothing. */
static const char *problem_of(const struct fl_config_record *r)
{
	bool v4 = strcmp(r->type, "A") == 0;
	struct fl_ip ip;

	if (r->name[0] == '\0')
		return "it has no name";
	if (strlen(r->name) > NAME_LEN_MAX)
		return "its name is longer than 253 characters";
	if (!v4 && strcmp(r->type, "AAAA") != 0)
		return "its type must be A or AAAA";
	if (fl_ip_parse(fl_slice_str(r->value), &ip) != FL_OK ||
	    ip.family != (v4 ? FL_IP_V4 : FL_IP_V6))
		return "its value must be an address of its type";
	return NULL;
}

static enum fl_err take(struct fl_jv entry, struct fl_config_record *out)
{
	out->name = fl_str_dup(fl_json_str(fl_json_get(entry, "name")));
	out->type = fl_str_dup(fl_json_str(fl_json_get(entry, "type")));
	out->value = fl_str_dup(fl_json_str(fl_json_get(entry, "value")));
	return out->name != NULL && out->type != NULL && out->value != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err take_all(struct fl_jv list, struct fl_fault *fault, struct fl_records *out)
{
	size_t count = fl_json_len(list);

	if (fl_json_kind(list) != FL_JSON_ARRAY)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "it is no list of {\"name\", \"type\", \"value\"}");
	if (count > FL_RECORDS_MAX)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "it has more than %d records",
				    FL_RECORDS_MAX);
	out->at = calloc(count + 1, sizeof *out->at);
	if (out->at == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		out->count = i + 1;
		if (take(fl_json_at(list, i), &out->at[i]) != FL_OK)
			return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
		const char *problem = problem_of(&out->at[i]);
		if (fl_json_err(list.doc) != FL_OK)
			problem = "it must be an object of texts";
		if (problem != NULL)
			return fl_fault_set(fault, FL_ERR_INVALID, "record %zu: %s", i + 1,
					    problem);
	}
	return FL_OK;
}

enum fl_err fl_records_parse(struct fl_slice json, struct fl_fault *fault, struct fl_records *out)
{
	struct fl_records fresh = { 0 };
	struct fl_json *doc = NULL;

	enum fl_err err = fl_json_parse(json, DEPTH, &doc);
	if (err == FL_ERR_NOMEM)
		return fl_fault_set(fault, err, "out of memory");
	if (err != FL_OK)
		return fl_fault_set(fault, FL_ERR_INVALID, "it is not JSON: %s", fl_err_text(err));
	err = take_all(fl_json_root(doc), fault, &fresh);
	fl_json_free(doc);
	if (err == FL_OK)
		*out = fresh;
	else
		fl_records_done(&fresh);
	return err;
}

enum fl_err fl_records_read(const char *path, struct fl_fault *fault, struct fl_records *out)
{
	struct fl_buf text = fl_buf_make(FL_RECORDS_FILE_MAX);
	struct fl_fault why = { "" };

	enum fl_err err = fl_file_read(path, FL_RECORDS_FILE_MAX, fault, &text);
	if (err == FL_OK) {
		err = fl_records_parse(fl_buf_slice(&text), &why, out);
		if (err != FL_OK)
			fl_fault_set(fault, err, "%s: %s", path, why.text);
	}
	fl_buf_done(&text);
	return err;
}

void fl_records_done(struct fl_records *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->at[i].name);
		free(r->at[i].type);
		free(r->at[i].value);
	}
	free(r->at);
	*r = (struct fl_records){ 0 };
}

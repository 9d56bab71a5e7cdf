/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/ship.h - the device hub: what runs it, and what the commands to it share.
 *
 *   ship.c           where it is; devices by what people call them
 *   ship_show.c      list, status, discover, trust      ship_pair.c   pair, connect, and their like
 *   ship_send.c      payloads and PINs                  ship_watch.c  events as they come
 *   ship_qr.c        the QR code                        ship_identity.c  key, certificate, SHIP ID
 *   ship_run.c ship_settings.c  the daemon              ship_probe.c  a stranger's look at a device
 *   ship_export.c  the message log as a capture file
 */
#ifndef FL_CLI_SHIP_H
#define FL_CLI_SHIP_H

#include "cli/cli.h"
#include "crypto/ski.h"
#include "wire/ship/txt.h"

#define FL_SHIP_API "/api/v1/ship/"

enum {
	FL_SHIP_REQUEST_MAX = 8 << 10,
	FL_SHIP_LABEL_MAX = 72,
	FL_SHIP_SKI_SHOWN = 12, /* digits of a SKI that tell it from all others here */
};

/* ---- ship.c ---- */

/* The state folder by flag, settings and who asks. False: too long. */
bool fl_ship_folder(const struct fl_cli *c, char out[static FL_CLI_PATH_MAX]);

/* The socket in it; or that of a hub in ./var/ship, if only that one is there. */
void fl_ship_choose_socket(struct fl_cli *c);

/* A text in what the hub answers, "" where there is none. */
struct fl_slice fl_ship_str(struct fl_jv obj, const char *key);

/* A device as a command needs it. */
struct fl_ship_pick {
	char ski[FL_SKI_TEXT_LEN + 1];
	char name[FL_SHIP_LABEL_MAX]; /* for messages: fl_ship_name */
	struct fl_ship_txt txt;       /* of a QR text; else only the SKI */
};

/*
 * By SKI, name, SHIP ID, the beginning of a SKI, or the text of a QR code. Only what is none of a
 * whole SKI and a QR text is looked up. FL_EXIT_NOT_FOUND with the candidates, FL_EXIT_REFUSED.
 */
int fl_ship_pick(struct fl_cli *c, const char *text, struct fl_ship_pick *out);

/* What a device of the API is called: by the user, else by itself, else by part of its SKI. */
void fl_ship_name(struct fl_jv device, char out[static FL_SHIP_LABEL_MAX]);

/* The path of a device; `rest` begins with a slash, or is "". */
void fl_ship_path(struct fl_buf *path, const struct fl_ship_pick *d, const char *rest);

/* Posts `body` (may be NULL) below the path of a device; `done` is the line for people. */
int fl_ship_post(struct fl_cli *c, const struct fl_ship_pick *d, const char *rest,
		 const struct fl_buf *body, const char *done);

/* ---- ship_pair.c ---- */

/* "host:port", "[v6]:port" or a host with the customary port; FL_EXIT_USAGE otherwise. */
int fl_ship_place(struct fl_cli *c, const char *text, char host[static 256], uint16_t *port);

/* ---- ship_show.c ---- */

/* One thing, a line a column; or the API's answer for programs. */
int fl_ship_show(struct fl_cli *c, const struct fl_resource *r, const struct fl_answer *a);

/* An answer that was made here, for fl_ship_show. False: no memory, and that was said. */
bool fl_ship_own_answer(struct fl_cli *c, struct fl_buf *json, struct fl_answer *out);

/* ---- ship_export.c ---- */

/* `ship log export FILE`. */
int fl_ship_log_export(struct fl_cli *c);

/* ---- ship_settings.c ---- */

struct fl_ship_hub_config;

/*
 * The settings with the flags over them. What `out` points to is owned by the settings, the
 * arguments and `s`; that one is done with in any case.
 */
struct fl_ship_settings {
	char folder[FL_CLI_PATH_MAX];
	struct fl_strlist interfaces, categories;
	struct fl_buf pin; /* secret */
	struct fl_device_limit *limits;
};
int fl_ship_settings_read(struct fl_cli *c, struct fl_ship_settings *s,
			  struct fl_ship_hub_config *out);
/* What the flag says, or else the setting. */
const char *fl_ship_flag_or(const struct fl_cli *c, const char *flag, const char *setting);
void fl_ship_settings_done(struct fl_ship_settings *s);

#endif

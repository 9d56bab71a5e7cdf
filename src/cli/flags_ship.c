/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/flags_ship.c - the flags of `fairlead ship`. */
#include "cli/flags.h"

#define STATE_DIR                                                                                  \
	{                                                                                          \
		.name = "state-dir", .brief = 'd', .kind = FL_FLAG_TEXT, .value = "DIR",           \
		.names = FL_NAMES_FILE, .help = "state folder of the hub, with its socket"         \
	}
#define SWITCH(n, h)                                                                               \
	{                                                                                          \
		.name = n, .kind = FL_FLAG_SWITCH, .help = h                                       \
	}
#define TEXT(n, v, h)                                                                              \
	{                                                                                          \
		.name = n, .kind = FL_FLAG_TEXT, .value = v, .help = h                             \
	}
#define FILENAME(n, h)                                                                             \
	{                                                                                          \
		.name = n, .kind = FL_FLAG_TEXT, .value = "FILE", .names = FL_NAMES_FILE,          \
		.help = h                                                                          \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

const struct fl_flag fl_flags_ship[] = { STATE_DIR, END };

const struct fl_flag fl_flags_ship_run[] = {
	STATE_DIR,
	{ .name = "listen",
	  .brief = 'a',
	  .kind = FL_FLAG_TEXT,
	  .value = "HOST:PORT",
	  .help = "where devices connect; else ship.listen, :4712" },
	{ .name = "interface",
	  .brief = 'I',
	  .kind = FL_FLAG_LIST,
	  .value = "NAME",
	  .names = FL_NAMES_INTERFACE,
	  .help = "announce and look only here; may be repeated" },
	{ .name = "mdns",
	  .kind = FL_FLAG_CHOICE,
	  .value = "HOW",
	  .choices = "auto avahi embedded none",
	  .help = "auto, avahi (its daemon), embedded or none" },
	TEXT("id", "TEXT", "SHIP ID; made once and kept if not given"),
	TEXT("brand", "TEXT", "what devices show of this hub"),
	TEXT("model", "TEXT", "the same"),
	TEXT("type", "TEXT", "the same"),
	TEXT("serial", "TEXT", "the same"),
	{ .name = "category",
	  .kind = FL_FLAG_LIST,
	  .value = "NAME",
	  .names = FL_NAMES_CATEGORY,
	  .help = "grid, ems, e-mobility, hvac, inverter, appliance, metering" },
	{ .name = "rule",
	  .kind = FL_FLAG_CHOICE,
	  .value = "WORD",
	  .choices = "auto recent initiator",
	  .help = "which of two connections stays: auto, recent or initiator" },
	FILENAME("pin-file", "a PIN that is asked of every device, 8 to 16 hex digits"),
	END,
};

const struct fl_flag fl_flags_ship_discover[] = {
	STATE_DIR,
	SWITCH("watch", "again whenever what is seen changes"),
	END,
};

const struct fl_flag fl_flags_ship_pair[] = {
	STATE_DIR,
	TEXT("name", "NAME", "what you call the device"),
	TEXT("ship-id", "TEXT", "its SHIP ID, if it is known"),
	{ .name = "window",
	  .kind = FL_FLAG_DURATION,
	  .help = "trust whoever comes within this time, at most 2m; 0 ends it" },
	TEXT("pin-key", "SHA256", "take this public key although its certificate says another SKI"),
	END,
};

const struct fl_flag fl_flags_ship_connect[] = {
	STATE_DIR,
	TEXT("path", "PATH", "of its WebSocket; else /ship/"),
	END,
};

const struct fl_flag fl_flags_ship_disconnect[] = {
	STATE_DIR,
	SWITCH("hold", "do not connect again by itself"),
	END,
};

const struct fl_flag fl_flags_ship_send[] = {
	STATE_DIR,
	SWITCH("wire", "it is EEBUS JSON already: {\"datagram\":[...]}"),
	END,
};

const struct fl_flag fl_flags_ship_watch[] = {
	STATE_DIR,
	{ .name = "event",
	  .kind = FL_FLAG_LIST,
	  .value = "A,B",
	  .names = FL_NAMES_EVENT,
	  .help = "only these: state, connected, disconnected, data, trust, ..." },
	{ .name = "count",
	  .brief = 'n',
	  .kind = FL_FLAG_NUMBER,
	  .value = "N",
	  .help = "end after so many" },
	END,
};

const struct fl_flag fl_flags_ship_qr[] = {
	STATE_DIR,
	TEXT("parse", "TEXT", "what the text of a QR code says, in place of showing ours"),
	END,
};

const struct fl_flag fl_flags_ship_identity[] = {
	STATE_DIR,
	TEXT("id", "TEXT", "SHIP ID of a new identity"),
	TEXT("brand", "TEXT", "for its SHIP ID and its certificate"),
	TEXT("model", "TEXT", "the same"),
	TEXT("serial", "TEXT", "the same"),
	SWITCH("new-identity", "replace the one there is: paired devices no longer know it"),
	END,
};

const struct fl_flag fl_flags_ship_probe[] = {
	TEXT("path", "PATH", "of the WebSocket; else /ship/"),
	TEXT("ski", "SKI", "fail unless it is this device"),
	SWITCH("tls12", "offer no more than TLS 1.2"),
	{ .name = "timeout",
	  .kind = FL_FLAG_DURATION,
	  .fallback = "10s",
	  .help = "for all of it, at most 1m" },
	END,
};

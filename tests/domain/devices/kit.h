/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/devices/kit.h - stories of one hub, in words.
 *
 * A story is a text. Each line at the margin is something that happens, and the indented lines
 * below are what came out, all of it, in order. Devices are single letters and so are their SKIs;
 * ours is m, so a to l are smaller and n to z bigger.
 *
 * hub [recent|initiator|auto] [max=N] [need=PIN] [known=DEVICES] [allow=b3,c45]
 *                      made; known: trusted since long; allow: what categories devices may be of
 * start, shutdown
 * see DEVICES          these and no others; in capitals: it pairs (register=true);
 *                      b35: of the categories 3 and 5
 * in DEVICE            an incoming connection
 * up NUMBER            its handshake, to the end
 * < NUMBER WORDS       a message: tests/proto/ship/kit.h
 * lost NUMBER [CODE REASON]
 * dialled NUMBER ok|failed
 * register D [ID], unregister D, refuse D, hold D, disconnect D, connect D HOST PORT, pin D PIN,
 * send D WORD, name D NAME (registers it, too), window S, waits, no-waits
 * +MS                  time passes, deadline after deadline
 * wait                 until something comes out, for ten minutes at most
 * info D               what is known of it
 *
 * down                 whether nothing is left
 *
 * Messages that are sent are not shown, but farewells, aborts, PINs and data are. After each line
 * fl_devices_check has to hold.
 */
#ifndef FL_TESTS_DOMAIN_DEVICES_KIT_H
#define FL_TESTS_DOMAIN_DEVICES_KIT_H

#include "domain/devices/devices.h"

struct devices_story {
	const char *name, *text;
};

/* A cmocka test with a struct devices_story as its state: plays it, and compares. */
void devices_story_play(void **state);

struct fl_ski devices_ski(char letter);
void devices_see(struct fl_devices *d, fl_time now, const char *letters);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_poll.h - lets Avahi wait on our loop: its watches and timeouts as handles of the loop.
 *
 * Avahi names moments by the calendar's clock. They become spans of the monotonic one when they
 * are set, so a clock that is put right disturbs only what Avahi itself compares.
 *
 * Thread  the loop's.
 */
#ifndef FL_IO_MDNS_POLL_H
#define FL_IO_MDNS_POLL_H

#include "io/loop.h"

#include <avahi-common/watch.h>

/* `loop` must outlive what Avahi makes with it. */
AvahiPoll fl_mdns_poll(struct fl_loop *l);

#endif

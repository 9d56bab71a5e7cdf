/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/judge.c - which device a certificate is of.
 *
 * A device is known by the SKI of its key. One of an older make has another SKI in its certificate
 * and is listed by that; it is taken for it only if its whole key was pinned for that SKI.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"

#define SOON (30 * FL_DAY)

enum fl_err fl_ship_judge(const struct fl_ship_hub *h, const struct fl_ship_cert_facts *facts,
			  enum fl_err err, struct fl_fault *fault, struct fl_ski *out)
{
	const uint8_t *pin = NULL;

	if (err != FL_OK)
		return fl_fault_set(
			fault, err,
			"the certificate of %.200s cannot be used: %s; a device of SHIP has "
			"one with a key on an elliptic curve",
			facts->subject, fl_err_text(err));
	if (facts->has_announced)
		pin = fl_devices_key_pin(h->devices, &facts->announced);
	const struct fl_ski *ski = pin != NULL ? &facts->announced : &facts->computed;
	if (pin == NULL)
		pin = fl_devices_key_pin(h->devices, &facts->computed);
	err = fl_ship_cert_judge(facts, pin, fault);
	if (err == FL_OK)
		*out = *ski;
	return err;
}

enum fl_err fl_ship_judge_visitor(void *ctx, const struct fl_ship_cert_facts *facts,
				  enum fl_err err, struct fl_fault *fault)
{
	struct fl_ski ski;
	return fl_ship_judge(ctx, facts, err, fault, &ski);
}

void fl_ship_judge_dates(const struct fl_ship_hub *h, const struct fl_ship_cert_facts *facts)
{
	fl_wall now = fl_loop_wall(h->loop);
	char until[FL_RFC3339_MAX];

	fl_wall_format(facts->not_after, until);
	if (facts->not_after < now)
		fl_log_error("a device's certificate has expired; it is used all the same",
			     FL_LS("subject", facts->subject), FL_LS("until", until));
	else if (facts->not_after - now < SOON)
		fl_log_info("a device's certificate expires soon", FL_LS("subject", facts->subject),
			    FL_LS("until", until));
}

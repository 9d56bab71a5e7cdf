/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * examples/ship_hub.c - a SHIP node on one screen: trusts one device, and prints what it says.
 *
 *	cc ship_hub.c -lfairlead -o ship_hub && ./ship_hub 'SHIP;SKI:...;'
 */
#include <fairlead/ship.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

static int wait_ms(const fl_hub *hub)
{
	struct timespec now;
	int64_t at = fl_hub_deadline(hub);

	if (at == INT64_MAX)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t left = at - (now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	return left <= 0 ? 0 : left > INT64_C(60000000000) ? 60000 : (int)(left / 1000000) + 1;
}

static void show(const fl_hub_event *e)
{
	if (e->kind == FL_HUB_EV_STATE)
		printf("state %d %s\n", (int)e->state, e->text);
	else if (e->kind == FL_HUB_EV_DATA)
		printf("%.*s\n", (int)e->data_len, e->data);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	fl_hub_config cfg = FL_HUB_CONFIG_INIT;
	fl_hub_event event;
	fl_hub_ski device;
	fl_hub *hub;
	char why[512];

	if (argc != 2 || fl_hub_ski_parse(argv[1], &device) != FL_HUB_OK) {
		fprintf(stderr, "usage: ship_hub SKI|QR-TEXT\n");
		return 2;
	}
	cfg.state_dir = "ship-state";
	cfg.brand = "Example";
	if (fl_hub_open(&cfg, why, sizeof why, &hub) != FL_HUB_OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	fl_hub_result result = fl_hub_register(hub, device, NULL);
	while (result == FL_HUB_OK) {
		struct pollfd fd = { fl_hub_fd(hub), POLLIN, 0 };
		poll(&fd, 1, wait_ms(hub));
		result = fl_hub_step(hub);
		while (fl_hub_next(hub, &event))
			show(&event);
	}
	fprintf(stderr, "%s\n", fl_hub_strerror(result));
	fl_hub_close(hub);
	return 1;
}

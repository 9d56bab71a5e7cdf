/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_ship_commands.c - what each command asks of the device hub, and makes of the
 * answer; and the QR code in characters.
 */
#include "mock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SKI1 "d7c3e1aa00000000000000000000000000000001"
#define SKI2 "d7c3e1bb00000000000000000000000000000002"
#define SKI3 "0123456789abcdef0123456789abcdef01234567"
#define PIN  "fa7efba4dd4cec0a233223490eadb161530c5996b28738c3e13a684dfefe9c20"
#define QR   "SHIP;SKI:" SKI3 ";ID:Other-1;BRAND:Other;MODEL:One;ENDSHIP;"

#define ONE                                                                                        \
	"{\"ski\":\"" SKI1 "\",\"name\":\"wallbox\",\"shipId\":\"Acme-1\",\"state\":"              \
	"\"completed\",\"cause\":\"\",\"trusted\":true,\"visible\":false,\"categories\":[3,5]}"
#define TWO                                                                                        \
	"{\"ski\":\"" SKI2 "\",\"name\":\"\",\"brand\":\"Beta\",\"model\":\"Pump\",\"shipId\":"    \
	"\"Beta-2\",\"state\":\"none\",\"trusted\":false,\"visible\":true,\"host\":\"pump.local\"" \
	",\"port\":4712}"
#define DEVICES "{\"devices\":[" ONE "," TWO "]}"
#define GET_DEVICES                                                                                \
	{                                                                                          \
		"GET /api/v1/ship/devices ", 0, DEVICES                                            \
	}
#define HUB                                                                                        \
	"{\"shipId\":\"Hub-1\",\"ski\":\"" SKI3 "\",\"port\":4712,\"mdns\":{\"backend\":"          \
	"\"embedded\",\"running\":true},\"devices\":2}"
#define AT(ski, rest) "/api/v1/ship/devices/" ski rest
#define EVENTS                                                                                     \
	"{\"time\":\"2026-11-29T01:21:52Z\",\"event\":\"begin\"}\n"                                \
	"{\"time\":\"2026-11-29T01:21:52Z\",\"event\":\"state\",\"ski\":\"" SKI1                   \
	"\",\"state\":\"completed\",\"cause\":\"\"}\n\n"                                           \
	"{\"time\":\"2026-11-29T01:21:53Z\",\"event\":\"data\",\"ski\":\"" SKI1                    \
	"\",\"payload\":{\"datagram\":{\"n\":1.10}}}\n"                                            \
	"{\"time\":\"2026-11-29T01:21:54Z\",\"event\":\"data\",\"ski\":\"" SKI2                    \
	"\",\"payload\":{\"datagram\":{\"n\":2}}}\n"
#define GET_EVENTS                                                                                 \
	{                                                                                          \
		"GET /api/v1/ship/events ", 0, EVENTS                                              \
	}

static struct mock_row rows[] = {
	/* ---- lists ---- */
	{ "ship list -o name", 0, SKI1 "\n" SKI2 "\n", { GET_DEVICES } },
	{ "ship list -o json", 0, DEVICES "\n", { GET_DEVICES } },
	{ "ship ls --columns name,state,seen", 0, "wallbox\tcompleted\tno\n", { GET_DEVICES } },
	{ "ship list",
	  0,
	  "SKI\tName\tBrand\tModel\tState\tTrusted\tSeen\tCause\n",
	  { GET_DEVICES } },
	{ "ship list -o table", 0, "\nd7c3e1aa0000  wallbox", { GET_DEVICES } },
	{ "ship list -o table",
	  0,
	  "No device is seen",
	  { { "GET /api/v1/ship/devices ", 0, "{\"devices\":[]}" } } },
	{ "ship list --columns x", 2, "there is no column 'x', but ski, name", { { 0 } } },
	{ "ship trust -o name", 0, SKI1 "\n", { GET_DEVICES } },
	{ "ship discover -o name", 0, SKI2 "\n", { GET_DEVICES } },
	{ "ship discover", 0, SKI2 "\tBeta\tPump\t\tpump.local\t4712\tno\tno\n", { GET_DEVICES } },
	{ "ship discover --watch",
	  5,
	  "the stream of events has ended",
	  { { "GET /api/v1/ship/events ", 0, "" } } },

	/* ---- one ---- */
	{ "ship status", 0, "SHIP ID\tHub-1\n", { { "GET /api/v1/ship/status ", 0, HUB } } },
	{ "ship status", 0, "Announced\tyes\n", { { "GET /api/v1/ship/status ", 0, HUB } } },
	{ "ship status -o json", 0, HUB "\n", { { "GET /api/v1/ship/status ", 0, HUB } } },
	{ "ship show wallbox",
	  0,
	  "Categories\t3, 5\n",
	  { GET_DEVICES, { "GET " AT(SKI1, " "), 0, ONE } } },
	{ "ship status " SKI1 " -o json", 0, ONE "\n", { { "GET " AT(SKI1, " "), 0, ONE } } },
	{ "ship status " SKI3,
	  3,
	  "no such device is known",
	  { { "GET " AT(SKI3, " "), 404,
	      "{\"error\":\"no such device is known\",\"code\":\"not_found\",\"field\":\"ski\","
	      "\"hint\":\"\"}" } } },

	/* ---- by what it is called ---- */
	{ "ship refuse WALLBOX",
	  0,
	  "wallbox is refused",
	  { GET_DEVICES, { "POST " AT(SKI1, "/refuse "), 0, ONE } } },
	{ "ship refuse Beta-2",
	  0,
	  "Beta Pump is refused",
	  { GET_DEVICES, { "POST " AT(SKI2, "/refuse "), 0, TWO } } },
	{ "ship refuse 'D7C3-E1 b'",
	  0,
	  "Beta Pump is refused",
	  { GET_DEVICES, { "POST " AT(SKI2, "/refuse "), 0, TWO } } },
	{ "ship refuse d7c3",
	  3,
	  "'d7c3' matches more than one: d7c3e1aa0000 (wallbox), d7c3e1bb0000 (Beta Pump)",
	  { GET_DEVICES } },
	/* A name beats the digits of another device. */
	{ "ship refuse d7c3e1bb",
	  0,
	  "d7c3e1bb is refused",
	  { { "GET /api/v1/ship/devices ", 0,
	      "{\"devices\":[{\"ski\":\"" SKI1 "\",\"name\":\"d7c3e1bb\"}," TWO "]}" },
	    { "POST " AT(SKI1, "/refuse "), 0, ONE } } },
	{ "ship refuse d7c3e2", 3, "no device matches 'd7c3e2'", { GET_DEVICES } },
	{ "ship refuse ''", 3, "no device matches ''", { GET_DEVICES } },
	{ "ship refuse '" QR "'",
	  0,
	  "Other One is refused",
	  { { "POST " AT(SKI3, "/refuse "), 0, "{}" } } },
	{ "ship refuse SHIP;SKI:12;", 4, "not that of a SHIP QR code", { { 0 } } },
	{ "ship refuse 'SHIPP:ABC#DEF'", 4, "not that of a SHIP QR code", { { 0 } } },

	/* ---- pair ---- */
	{ "ship pair '" QR "' --name pump",
	  0,
	  "pump is trusted",
	  { { "POST " AT(SKI3, "/pair ") "{\"shipId\":\"Other-1\",\"name\":\"pump\"}", 0,
	      "{}" } } },
	{ "ship pair " SKI3,
	  0,
	  "0123456789ab is trusted",
	  { { "POST " AT(SKI3, "/pair ") "{}", 0, "{}" } } },
	{ "ship pair " SKI3 " --ship-id X -o json",
	  0,
	  "{}\n",
	  { { "POST " AT(SKI3, "/pair ") "{\"shipId\":\"X\"}", 0, "{}" } } },
	{ "ship pair --window 2m",
	  0,
	  "within 120 s is trusted",
	  { { "POST /api/v1/ship/window {\"seconds\":120}", 0, "{}" } } },
	{ "ship pair --window 0",
	  0,
	  "the window is closed",
	  { { "POST /api/v1/ship/window {\"seconds\":0}", 0, "{}" } } },
	{ "ship pair --window 121s", 2, "--window: at most 2m", { { 0 } } },
	{ "ship pair", 2, "which device?", { { 0 } } },
	{ "ship pair --window 1m --name x", 2, "need a device", { { 0 } } },
	{ "ship pair " SKI1 " --pin-key 12 -o json", 2, "\"field\":\"pin-key\"", { { 0 } } },
	{ "ship pair wallbox --window 30s --pin-key " PIN,
	  0,
	  "wallbox is trusted",
	  { GET_DEVICES,
	    { "POST /api/v1/ship/window {\"seconds\":30}", 0, "{}" },
	    { "POST " AT(SKI1, "/pair ") "{}", 0, ONE },
	    { "POST " AT(SKI1, "/pin-key ") "{\"sha256\":\"" PIN "\"}", 0, ONE } } },
	{ "ship unpair wallbox", 2, "Add --force", { GET_DEVICES } },
	{ "ship unpair wallbox --force",
	  0,
	  "wallbox is no longer trusted",
	  { GET_DEVICES, { "DELETE " AT(SKI1, " "), 0, "{}" } } },

	/* ---- connections ---- */
	{ "ship connect wallbox 192.0.2.7:4000",
	  0,
	  "wallbox is dialled at 192.0.2.7:4000",
	  { GET_DEVICES,
	    { "POST " AT(SKI1, "/connect ") "{\"host\":\"192.0.2.7\",\"port\":4000}", 0, ONE } } },
	{ "ship connect wallbox [2001:db8::7]:4000 --path /x",
	  0,
	  "is dialled",
	  { GET_DEVICES,
	    { "POST " AT(SKI1,
			 "/connect ") "{\"host\":\"2001:db8::7\",\"port\":4000,\"path\":\"/x\"}",
	      0, ONE } } },
	{ "ship connect wallbox box.local",
	  0,
	  "is dialled",
	  { GET_DEVICES,
	    { "POST " AT(SKI1, "/connect ") "{\"host\":\"box.local\",\"port\":4712}", 0, ONE } } },
	{ "ship connect wallbox box.local:x", 2, "is not a host and port", { GET_DEVICES } },
	{ "ship connect wallbox http://x", 2, "is not a host and port", { GET_DEVICES } },
	{ "ship connect wallbox",
	  0,
	  "wallbox is dialled as soon as it is seen",
	  { GET_DEVICES,
	    { "GET " AT(SKI1, " "), 0, ONE },
	    { "POST " AT(SKI1, "/pair "), 0, ONE } } },
	/* Not paired by the way. */
	{ "ship connect Beta-2",
	  4,
	  "Beta Pump is not paired",
	  { GET_DEVICES, { "GET " AT(SKI2, " "), 0, TWO } } },
	{ "ship disconnect wallbox",
	  0,
	  "wallbox is disconnected\n",
	  { GET_DEVICES, { "POST " AT(SKI1, "/disconnect ") "{\"hold\":false}", 0, ONE } } },
	{ "ship disconnect wallbox --hold",
	  0,
	  "not dialled until",
	  { GET_DEVICES, { "POST " AT(SKI1, "/disconnect ") "{\"hold\":true}", 0, ONE } } },

	/* ---- what is told to it ---- */
	{ "ship send wallbox '{\"datagram\":{}}'",
	  0,
	  "15 bytes on the way to wallbox",
	  { GET_DEVICES, { "POST " AT(SKI1, "/send?wire=0 ") "{\"datagram\":{}}", 0, "{}" } } },
	{ "ship send wallbox payload.json --wire",
	  0,
	  "on the way",
	  { GET_DEVICES, { "POST " AT(SKI1, "/send?wire=1 ") "{\"datagram\":[]}", 0, "{}" } } },
	{ "ship send wallbox missing.json", 2, "missing.json", { GET_DEVICES } },
	{ "ship send wallbox empty.json", 2, "there is nothing to send", { GET_DEVICES } },
	{ "ship send wallbox '{\"datagram\":1}'",
	  1,
	  "the device is not connected",
	  { GET_DEVICES,
	    { "POST " AT(SKI1, "/send?wire=0 ") "{\"datagram\":1}", 409,
	      "{\"error\":\"the device is not connected\",\"code\":\"state\"}" } } },
	{ "ship pin wallbox pin.txt",
	  0,
	  "the PIN is on the way to wallbox",
	  { GET_DEVICES, { "POST " AT(SKI1, "/pin ") "{\"pin\":\"1234ABCD\"}", 0, ONE } } },
	{ "ship pin wallbox pin.txt -o json",
	  4,
	  "\"hint\":\"Look at its label.\"",
	  { GET_DEVICES,
	    { "POST " AT(SKI1, "/pin ") "{\"pin\":\"1234ABCD\"}", 400,
	      "{\"error\":\"no PIN\",\"field\":\"pin\",\"hint\":\"Look at its label.\"}" } } },

	/* ---- events ---- */
	{ "ship watch -n 1",
	  0,
	  "{\"time\":\"2026-11-29T01:21:52Z\",\"event\":\"state\"",
	  { GET_EVENTS } },
	/* Numbers as the device wrote them. */
	{ "ship watch --event data,trust -n 2",
	  0,
	  "{\"datagram\":{\"n\":1.10}}}\n",
	  { GET_EVENTS } },
	{ "ship watch -n 3 -o yaml", 0, "---\ntime: ", { GET_EVENTS } },
	{ "ship watch wallbox --count 1",
	  0,
	  "\"event\":\"state\"",
	  { GET_DEVICES, { "GET /api/v1/ship/events?ski=" SKI1 " ", 0, EVENTS } } },
	{ "ship watch nobody", 3, "no device matches", { GET_DEVICES } },
	{ "ship watch",
	  4,
	  "no such",
	  { { "GET /api/v1/ship/events ", 400, "{\"error\":\"no such thing\"}" } } },

	/* ---- QR ---- */
	{ "ship qr", 0, QR "\n", { { "GET /api/v1/ship/qr ", 0, "{\"text\":\"" QR "\"}" } } },
	{ "ship qr -o table",
	  0,
	  "\n" QR "\n",
	  { { "GET /api/v1/ship/qr ", 0, "{\"text\":\"" QR "\"}" } } },
	{ "ship qr -o json",
	  0,
	  "{\"text\":\"" QR "\"}\n",
	  { { "GET /api/v1/ship/qr ", 0, "{\"text\":\"" QR "\"}" } } },
	{ "ship qr --parse '" QR "'", 0, "SKI\t" SKI3 "\nSHIP ID\tOther-1\n", { { 0 } } },
	{ "ship qr --parse 'SHIP;SKI:" SKI3 ";CAT:1,77;' -o json",
	  0,
	  "\"ski\":\"" SKI3 "\",\"id\":\"\",\"brand\":\"\",\"type\":\"\",\"model\":\"\","
	  "\"serial\":\"\",\"categories\":[1,77]}",
	  { { 0 } } },
	{ "ship qr --parse hello", 4, "not that of a SHIP QR code", { { 0 } } },

	/* ---- completion ---- */
	{ "__complete ship status w", 0, "wallbox\t" SKI1 "\n", { GET_DEVICES, GET_DEVICES } },
	{ "__complete ship send d7c3e1b", 0, SKI2 "\tPump\n", { GET_DEVICES, GET_DEVICES } },
	{ "__complete ship run --category e", 0, "ems\ne-mobility\n", { { 0 } } },
	{ "__complete ship run -I l", 0, "lo\n", { { 0 } } },
	{ "__complete ship identity e", 0, "export\n", { { 0 } } },
	{ "__complete ship list --columns name,s", 0, "name,ski\nname,state\n", { { 0 } } },

	/* ---- the identity, where there is none ---- */
	{ "ship identity show -d nowhere",
	  0,
	  "SHIP ID\tHub-1\n",
	  { { "GET /api/v1/ship/identity ", 0, HUB } } },
	{ "ship identity export new.pem -d nowhere", 3, "identity.pem", { { 0 } } },
	{ "ship identity import", 2, "which file?", { { 0 } } },
	{ "ship identity show x", 2, "unexpected argument 'x'", { { 0 } } },
	{ "ship identity make", 2, "unknown command ship identity make", { { 0 } } },
	{ "ship identity import payload.json -d nowhere", 2, "names no SHIP ID", { { 0 } } },
	{ "ship identity import payload.json --id X -d nowhere",
	  4,
	  "no certificate with its key",
	  { { 0 } } },
	{ "ship probe x:y", 2, "is not a host and port", { { 0 } } },
	{ "ship probe 127.0.0.1:1 --timeout 2m", 2, "at most 1m", { { 0 } } },
};

/* Its own row: it asks for the names in the midst of the stream, while the server answers one. */
static void log_without_names(void **state)
{
	static const struct mock_step steps[MOCK_STEPS_MAX] = { GET_EVENTS };
	static char out[MOCK_TEXT_MAX];

	(void)state;
	mock_script(steps);
	fflush(stdout);
	int saved = mock_redirect(STDOUT_FILENO, mock_out);
	int code = mock_run_line("ship log -n 3");
	fflush(stdout);
	mock_restore(STDOUT_FILENO, saved);
	mock_read_back(mock_out, out);
	assert_int_equal(code, 0);
	assert_string_equal(out, "2026-11-29 01:21:52  d7c3e1aa0000  state  completed\n"
				 "2026-11-29 01:21:53  d7c3e1aa0000  data  23 bytes  "
				 "{\"datagram\":{\"n\":1.10}}\n"
				 "2026-11-29 01:21:54  d7c3e1bb0000  data  20 bytes  "
				 "{\"datagram\":{\"n\":2}}\n");
}

/* What a device sends may hold what a terminal obeys: here CSI as one character. */
static void watch_on_terminal(void **state)
{
	static const struct mock_step steps[MOCK_STEPS_MAX] = {
		{ "GET /api/v1/ship/events ", 0,
		  "{\"event\":\"data\",\"payload\":{\"datagram\":\"\xc2\x9b"
		  "31m\"}}\n" }
	};
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char out[256];

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	mock_script(steps);
	fflush(stdout);
	int saved = mock_redirect(STDOUT_FILENO, ptsname(master));
	int code = mock_run_line("ship watch -n 1");
	fflush(stdout);
	ssize_t len = read(master, out, sizeof out - 1);
	mock_restore(STDOUT_FILENO, saved);
	close(master);
	assert_int_equal(code, 0);
	assert_true(len > 0);
	out[len] = '\0';
	assert_string_equal(out, "{\"event\":\"data\",\"payload\":{\"datagram\":\"?31m\"}}\r\n");
}

int main(void)
{
	static struct suite s;

	mock_start();
	mock_file("payload.json", "{\"datagram\":[]}\n");
	mock_file("empty.json", "\n");
	mock_file("pin.txt", "1234ABCD\n");
	ROWS(&s, rows, mock_run_row);
	suite_add(&s, "a log", log_without_names, NULL);
	suite_add(&s, "a terminal", watch_on_terminal, NULL);
	int failed = suite_run(&s, "cli/ship_commands");
	mock_stop();
	return failed;
}

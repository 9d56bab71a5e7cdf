/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/resources.c - which columns the things of the server have. */
#include "cli/output.h"

#define RESOURCE(many, one, names, table)                                                          \
	{                                                                                          \
		.list = many, .item = one, .name = names, .columns = table,                        \
		.count = sizeof(table) / sizeof *(table)                                           \
	}

static const struct fl_column user_columns[] = {
	{ "ID", "id", FL_COLUMN_TEXT, false },
	{ "Name", "name", FL_COLUMN_TEXT, false },
	{ "Display name", "displayName", FL_COLUMN_TEXT, false },
	{ "E-mail", "email", FL_COLUMN_TEXT, false },
	{ "Created", "createdAt", FL_COLUMN_TIME, false },
	{ "Role", "role", FL_COLUMN_TEXT, true },
	{ "Provider", "provider", FL_COLUMN_TEXT, true },
	{ "Picture", "profilePicUrl", FL_COLUMN_TEXT, true },
};

static const struct fl_column node_columns[] = {
	{ "ID", "id", FL_COLUMN_TEXT, false },
	{ "Name", "givenName", FL_COLUMN_TEXT, false },
	{ "User", "user.name", FL_COLUMN_TEXT, false },
	{ "Addresses", "ipAddresses", FL_COLUMN_LIST, false },
	{ "State", "online", FL_COLUMN_ONLINE, false },
	{ "Last seen", "lastSeen", FL_COLUMN_TIME, false },
	{ "Expires", "expiry", FL_COLUMN_EXPIRY, false },
	{ "Tags", "tags", FL_COLUMN_LIST, false },
	{ "Hostname", "name", FL_COLUMN_TEXT, true },
	{ "Ephemeral", "ephemeral", FL_COLUMN_BOOL, true },
	{ "Routes approved", "approvedRoutes", FL_COLUMN_LIST, true },
	{ "Routes available", "availableRoutes", FL_COLUMN_LIST, true },
	{ "Routes serving", "subnetRoutes", FL_COLUMN_LIST, true },
	{ "Machine key", "machineKey", FL_COLUMN_KEY, true },
	{ "Node key", "nodeKey", FL_COLUMN_KEY, true },
	{ "Registered by", "registerMethod", FL_COLUMN_TEXT, true },
	{ "Created", "createdAt", FL_COLUMN_TIME, true },
};

static const struct fl_column route_columns[] = {
	{ "ID", "id", FL_COLUMN_TEXT, false },
	{ "Name", "givenName", FL_COLUMN_TEXT, false },
	{ "Approved", "approvedRoutes", FL_COLUMN_LIST, false },
	{ "Available", "availableRoutes", FL_COLUMN_LIST, false },
	{ "Serving", "subnetRoutes", FL_COLUMN_LIST, false },
	{ "State", "online", FL_COLUMN_ONLINE, true },
};

static const struct fl_column preauth_columns[] = {
	{ "ID", "id", FL_COLUMN_TEXT, false },
	{ "Key", "key", FL_COLUMN_TEXT, false },
	{ "User", "user.name", FL_COLUMN_TEXT, false },
	{ "Tags", "aclTags", FL_COLUMN_LIST, false },
	{ "Reusable", "reusable", FL_COLUMN_BOOL, false },
	{ "Ephemeral", "ephemeral", FL_COLUMN_BOOL, false },
	{ "Used", "used", FL_COLUMN_BOOL, false },
	{ "Expires", "expiration", FL_COLUMN_EXPIRY, false },
	{ "Created", "createdAt", FL_COLUMN_TIME, true },
};

static const struct fl_column apikey_columns[] = {
	{ "ID", "id", FL_COLUMN_TEXT, false },
	{ "Key", "prefix", FL_COLUMN_TEXT, false },
	{ "Expires", "expiration", FL_COLUMN_EXPIRY, false },
	{ "Created", "createdAt", FL_COLUMN_TIME, false },
	{ "Last used", "lastSeen", FL_COLUMN_TIME, false },
};

static const struct fl_column pending_columns[] = {
	{ "ID", "authId", FL_COLUMN_TEXT, false },
	{ "Kind", "kind", FL_COLUMN_TEXT, false },
	{ "Hostname", "hostname", FL_COLUMN_TEXT, false },
	{ "Destination", "destination", FL_COLUMN_TEXT, false },
	{ "System", "os", FL_COLUMN_TEXT, false },
	{ "Since", "since", FL_COLUMN_TIME, false },
	{ "Machine key", "machineKey", FL_COLUMN_KEY, true },
};

static const struct fl_column revision_columns[] = {
	{ "Revision", "rev", FL_COLUMN_TEXT, false },
	{ "Created", "createdAt", FL_COLUMN_TIME, false },
	{ "Author", "author", FL_COLUMN_TEXT, false },
	{ "Comment", "comment", FL_COLUMN_TEXT, false },
	{ "Bytes", "bytes", FL_COLUMN_TEXT, true },
	{ "Hash", "hash", FL_COLUMN_TEXT, true },
};

static const struct fl_column reach_columns[] = {
	{ "Source", "src", FL_COLUMN_TEXT, false },
	{ "Destination", "dst", FL_COLUMN_TEXT, false },
	{ "Ports", "ports", FL_COLUMN_LIST, false },
	{ "Nodes", "nodes", FL_COLUMN_NAMES, false },
	{ "Count", "nodeCount", FL_COLUMN_TEXT, false },
	{ "Routes", "routes", FL_COLUMN_NAMES, false },
	{ "Line", "rule.line", FL_COLUMN_TEXT, false },
	{ "Section", "rule.section", FL_COLUMN_TEXT, true },
	{ "Rule", "rule.text", FL_COLUMN_TEXT, true },
};

static const struct fl_column warning_columns[] = {
	{ "Severity", "severity", FL_COLUMN_TEXT, false },
	{ "Title", "title", FL_COLUMN_TEXT, false },
	{ "Text", "text", FL_COLUMN_TEXT, false },
	{ "Code", "code", FL_COLUMN_TEXT, true },
};

static const struct fl_column session_columns[] = {
	{ "Generation", "generation", FL_COLUMN_TEXT, false },
	{ "Node", "node", FL_COLUMN_TEXT, false },
	{ "Name", "name", FL_COLUMN_TEXT, false },
	{ "State", "state", FL_COLUMN_TEXT, false },
	{ "Since", "since", FL_COLUMN_TIME, false },
	{ "Queued", "queuedBytes", FL_COLUMN_TEXT, false },
	{ "Stalled", "stalledSeconds", FL_COLUMN_TEXT, true },
	{ "Compressed", "compressed", FL_COLUMN_BOOL, true },
	{ "Of node live", "nodeLive", FL_COLUMN_TEXT, true },
	{ "Of node open", "nodeOpen", FL_COLUMN_TEXT, true },
};

static const struct fl_column event_columns[] = {
	{ "Time", "at", FL_COLUMN_TIME, false },      { "Kind", "kind", FL_COLUMN_TEXT, false },
	{ "ID", "id", FL_COLUMN_TEXT, false },        { "Fields", "fields", FL_COLUMN_LIST, false },
	{ "Origin", "origin", FL_COLUMN_TEXT, true },
};

static const struct fl_column view_columns[] = {
	{ "Sessions", "sessions", FL_COLUMN_TEXT, false },
	{ "Sees", "sees", FL_COLUMN_TEXT, false },
	{ "Nodes", "nodes", FL_COLUMN_NAMES, false },
};

static const struct fl_column device_columns[] = {
	{ "SKI", "ski", FL_COLUMN_SKI, false },
	{ "Name", "name", FL_COLUMN_TEXT, false },
	{ "Brand", "brand", FL_COLUMN_TEXT, false },
	{ "Model", "model", FL_COLUMN_TEXT, false },
	{ "State", "state", FL_COLUMN_TEXT, false },
	{ "Trusted", "trusted", FL_COLUMN_BOOL, false },
	{ "Seen", "visible", FL_COLUMN_BOOL, false },
	{ "Cause", "cause", FL_COLUMN_TEXT, false },
	{ "SHIP ID", "shipId", FL_COLUMN_TEXT, true },
	{ "Connected", "connected", FL_COLUMN_BOOL, true },
	{ "Direction", "direction", FL_COLUMN_TEXT, true },
	{ "Step", "step", FL_COLUMN_TEXT, true },
	{ "Local", "local", FL_COLUMN_TEXT, true },
	{ "Remote", "remote", FL_COLUMN_TEXT, true },
	{ "Attempts", "attempts", FL_COLUMN_TEXT, true },
	{ "Next try ms", "nextTryMs", FL_COLUMN_TEXT, true },
	{ "Type", "type", FL_COLUMN_TEXT, true },
	{ "Serial", "serial", FL_COLUMN_TEXT, true },
	{ "Categories", "categories", FL_COLUMN_LIST, true },
	{ "Instance", "instance", FL_COLUMN_TEXT, true },
	{ "Host", "host", FL_COLUMN_TEXT, true },
	{ "Port", "port", FL_COLUMN_TEXT, true },
	{ "Path", "path", FL_COLUMN_TEXT, true },
	{ "Addresses", "addresses", FL_COLUMN_LIST, true },
	{ "Pairing", "register", FL_COLUMN_BOOL, true },
	{ "Allowed", "allow", FL_COLUMN_LIST, true },
};

static const struct fl_column found_columns[] = {
	{ "SKI", "ski", FL_COLUMN_SKI, false },
	{ "Brand", "brand", FL_COLUMN_TEXT, false },
	{ "Model", "model", FL_COLUMN_TEXT, false },
	{ "Type", "type", FL_COLUMN_TEXT, false },
	{ "Host", "host", FL_COLUMN_TEXT, false },
	{ "Port", "port", FL_COLUMN_TEXT, false },
	{ "Trusted", "trusted", FL_COLUMN_BOOL, false },
	{ "Pairing", "register", FL_COLUMN_BOOL, false },
	{ "SHIP ID", "shipId", FL_COLUMN_TEXT, true },
	{ "Serial", "serial", FL_COLUMN_TEXT, true },
	{ "Categories", "categories", FL_COLUMN_LIST, true },
	{ "Instance", "instance", FL_COLUMN_TEXT, true },
	{ "Path", "path", FL_COLUMN_TEXT, true },
	{ "Addresses", "addresses", FL_COLUMN_LIST, true },
};

static const struct fl_column hub_columns[] = {
	{ "SHIP ID", "shipId", FL_COLUMN_TEXT, false },
	{ "SKI", "ski", FL_COLUMN_SKI, false },
	{ "Port", "port", FL_COLUMN_TEXT, false },
	{ "Instance", "instance", FL_COLUMN_TEXT, false },
	{ "mDNS", "mdns.backend", FL_COLUMN_TEXT, false },
	{ "Announced", "mdns.running", FL_COLUMN_BOOL, false },
	{ "mDNS says", "mdns.text", FL_COLUMN_TEXT, false },
	{ "Pairing window", "autoAccept", FL_COLUMN_BOOL, false },
	{ "Rule", "rule", FL_COLUMN_TEXT, false },
	{ "Devices", "devices", FL_COLUMN_TEXT, false },
	{ "Connections", "connections", FL_COLUMN_TEXT, false },
	{ "Up for s", "uptimeSeconds", FL_COLUMN_TEXT, false },
};

static const struct fl_column change_columns[] = {
	{ "Change", "", FL_COLUMN_TEXT, false },
};

const struct fl_resource fl_resource_user = RESOURCE("users", "user", "name", user_columns);
const struct fl_resource fl_resource_node = RESOURCE("nodes", "node", "givenName", node_columns);
const struct fl_resource fl_resource_route = RESOURCE("nodes", "node", "givenName", route_columns);
const struct fl_resource fl_resource_preauth =
	RESOURCE("preAuthKeys", "preAuthKey", "id", preauth_columns);
const struct fl_resource fl_resource_apikey =
	RESOURCE("apiKeys", "apiKey", "prefix", apikey_columns);
const struct fl_resource fl_resource_pending =
	RESOURCE("pending", "record", "authId", pending_columns);
const struct fl_resource fl_resource_revision =
	RESOURCE("revisions", "revision", "rev", revision_columns);
const struct fl_resource fl_resource_session =
	RESOURCE("sessions", "session", "generation", session_columns);
const struct fl_resource fl_resource_event = RESOURCE("changes", "change", "kind", event_columns);
const struct fl_resource fl_resource_view = RESOURCE("views", "view", "sessions", view_columns);
const struct fl_resource fl_resource_reach = RESOURCE("entries", "entry", "src", reach_columns);
const struct fl_resource fl_resource_warning =
	RESOURCE("warnings", "warning", "code", warning_columns);
const struct fl_resource fl_resource_devices = RESOURCE("devices", "", "ski", device_columns);
const struct fl_resource fl_resource_found = RESOURCE("devices", "", "ski", found_columns);
const struct fl_resource fl_resource_hub = RESOURCE("-", "", "shipId", hub_columns);
const struct fl_resource fl_resource_change = RESOURCE("changes", "change", "", change_columns);

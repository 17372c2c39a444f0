/* nephos-gateway: settings, the cluster key, signals. */
#include "common/base/config.h"
#include "common/base/descriptors.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/cors.h"
#include "common/http/peers.h"
#include "gateway/gateway.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_MS 10000 /* what is under way may finish; a long poll is cut */

static const char HELP[] = "nephos-gateway: the front door of a nephos store.\n"
			   "Services register here; clients are authenticated and sent on to them.\n";

#define PER_ADDRESS_TEXT "4096"
static_assert(GATEWAY_CONNECTIONS_PER_ADDRESS == 4096, "PER_ADDRESS_TEXT");

static const struct config_setting SETTINGS[] = {
	{.flag = "listen", .kind = CONFIG_TEXT, .fallback = "127.0.0.1", .help = "address to listen on"},
	{.flag = "port",
		.kind = CONFIG_NUMBER,
		.fallback = "8050",
		.min = 0,
		.max = 65535,
		.help = "port to listen on; 0 takes a free one"},
	{.flag = "name", .kind = CONFIG_TEXT, .fallback = "gateway", .help = "name in the log and in /status"},
	{.flag = "gateways", .kind = CONFIG_TEXT, .help = "base URLs of all gateways of the store, with commas"},
	{.flag = "trusted-proxies",
		.kind = CONFIG_TEXT,
		.help = "addresses and networks of reverse proxies, whose X-Forwarded-For is believed, with commas"},
	{.flag = "cluster-key", .kind = CONFIG_TEXT, .help = "file with the cluster's key: 64 hex digits, mode 0600"},
	{.flag = "threads", .kind = CONFIG_NUMBER, .fallback = "1", .min = 1, .max = 64, .help = "event threads"},
	{.flag = "cors-origins",
		.kind = CONFIG_TEXT,
		.help = "origins whose pages may use the store from a browser, with commas; * for all; none unless told"},
	{.flag = "connections-per-address",
		.kind = CONFIG_NUMBER,
		.fallback = PER_ADDRESS_TEXT,
		.min = 0,
		.max = GATEWAY_CONNECTIONS_MAX,
		.help = "connections that one address, no trusted proxy, may have (of IPv6: one /64); 0: no limit"},
	{.flag = "web-dir", .kind = CONFIG_TEXT, .help = "folder with the files of the API pages"},
	{.flag = "log-level", .kind = CONFIG_TEXT, .fallback = "info", .help = "debug, info, warning or error"},
	{0},
};

static int load_key(const char *path, uint8_t ret[32])
{
	struct buf text;
	buf_init(&text, 128);
	int error = path ? file_read(path, 128, true, &text) : -EINVAL;
	if (error == 0) {
		while (text.size > 0 && strchr("\r\n ", text.data[text.size - 1]))
			text.size--;
		error = text_unhex(buf_span(&text), ret, 32);
	}
	if (error < 0)
		log_error(NULL, "cannot use the cluster key %s: %s", path ? path : "(--cluster-key is missing)",
			strerror(-error));
	buf_fini(&text);
	return error;
}

/* A connection of a client each, beside those to services. */
static unsigned allow_connections(void)
{
	const unsigned wanted = GATEWAY_CONNECTIONS_MAX + GATEWAY_CALLS_MAX;
	const unsigned allowed = descriptors_allow(wanted);

	if (allowed == wanted)
		return GATEWAY_CONNECTIONS_MAX;
	const unsigned clients = allowed > 2 * GATEWAY_CALLS_MAX ? allowed - GATEWAY_CALLS_MAX : allowed / 2;
	log_warning(
		NULL, "descriptors for %u clients at once only, not %d (ulimit -Hn)", clients, GATEWAY_CONNECTIONS_MAX);
	return clients;
}

static int run(const struct config *config, const sigset_t *signals)
{
	uint8_t key[32];
	struct gateway *gateway = NULL;
	int error = load_key(config_text(config, "cluster-key"), key);
	if (error < 0)
		return error;

	const struct gateway_options options = {
		.name = config_text(config, "name"),
		.address = config_text(config, "listen"),
		.port = (uint16_t)config_number(config, "port"),
		.threads = (unsigned)config_number(config, "threads"),
		.peers = config_text(config, "gateways"),
		.trusted_proxies = config_text(config, "trusted-proxies"),
		.cluster_key = key,
		.cors_origins = config_text(config, "cors-origins"),
		.connections_max = allow_connections(),
		.connections_per_address = (unsigned)config_number(config, "connections-per-address"),
		.assets_dir = config_text(config, "web-dir"),
	};
	if (!cors_policy_is_valid(options.cors_origins)) {
		log_error(NULL, "--cors-origins %s: wanted are SCHEME://HOST[:PORT] with commas, or *",
			options.cors_origins);
		return -EINVAL;
	}
	if (!peers_list_is_good(options.trusted_proxies)) {
		log_error(NULL,
			"--trusted-proxies %s: wanted are ADDRESS or ADDRESS/BITS, with commas between, at most %d",
			options.trusted_proxies, PEERS_NETWORKS_MAX);
		return -EINVAL;
	}
	error = gateway_start(&options, &gateway);
	if (error < 0) {
		log_error(NULL, "cannot listen on %s port %u: %s", options.address, options.port, strerror(-error));
		return error;
	}
	log_info(NULL, "listening on %s port %u", options.address, gateway_port(gateway));

	int signal_number = 0;
	while (sigwait(signals, &signal_number) != 0)
		continue;
	log_info(NULL, "signal %d: finishing what is under way", signal_number);
	gateway_drain(gateway, DRAIN_MS);
	gateway_free(gateway);
	log_info(NULL, "ended");
	return 0;
}

int main(int argc, char **argv)
{
	struct config *config = NULL;
	struct buf why;
	enum log_level level = LOG_INFO;
	sigset_t signals;

	/* Before any thread: all inherit it, and only run() takes them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	buf_init(&why, 4096);
	int error = config_load(SETTINGS, HELP, argc, argv, &config, &why);
	if (error == -ECANCELED) {
		error = 0;
		goto out;
	}
	if (error == 0)
		error = log_level_parse(config_text(config, "log-level"), &level);
	if (error < 0) {
		(void)fprintf(stderr, "nephos-gateway: %s\n",
			why.data ? why.data : "--log-level: debug, info, warning or error");
		goto out;
	}
	log_init(config_text(config, "name"), level, STDERR_FILENO);
	error = run(config, &signals);
out:
	config_free(config);
	buf_fini(&why);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

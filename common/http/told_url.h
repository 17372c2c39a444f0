/*
 * told_url: rewrites the URL of a server for the client that asks for it. A URL that leads each client to the
 * client's own machine (loopback, localhost) is right only for clients on this machine. A client that came by
 * another host gets that host in the URL instead, with the scheme and the port of the original: from the client's
 * side, that host is this machine. Pure; any thread.
 */
#ifndef NEPHOS_HTTP_TOLD_URL_H
#define NEPHOS_HTTP_TOLD_URL_H

#define TOLD_URL_SIZE 512 /* a URL with the longest host name */

/* host: the value of the Host field; NULL: the request had none. Returns url as it is, or the rewritten URL in
 * ret. url stays as it is if it leads to another machine, if there is no Host, if the client came by a loopback
 * address, if host is malformed, or if the result is too long. */
const char *told_url(const char *url, const char *host, char ret[TOLD_URL_SIZE]);

#endif

/*
 * loopback: TCP between processes of one machine. Such a connection loses nothing and has no bottleneck to find. A
 * congestion control that paces what it sends (bbr, which some systems use for all connections) only sets a timer
 * for every few packets there, and cuts the data into small packets. Loopback sockets therefore use reno, which
 * every kernel has and every user may select. All other sockets keep the setting of the system.
 */
#ifndef NEPHOS_HTTP_LOOPBACK_H
#define NEPHOS_HTTP_LOOPBACK_H

#include <stdbool.h>
#include <sys/socket.h>

/* True for 127.0.0.0/8, for ::1, and for 127.0.0.0/8 mapped into IPv6. */
bool loopback_is(const struct sockaddr *address);
/* Whether the address belongs to this machine: one of the above, or the address of an interface. When the
 * interfaces cannot be listed, every IP address counts as one of this machine. */
bool loopback_is_here(const struct sockaddr *address);
/* Whether http(s)://HOST… leads each client to the client's own machine. HOST then is a loopback address or the
 * unspecified address, in any spelling, or the name localhost or a name below it. Other names are not looked up. A
 * text that is no such URL counts as one that leads there. */
bool loopback_url(const char *url);
/* Whether a client may follow the URL `named`, which it got from the server at the URL `asked`. When a server on
 * another machine names a loopback address, it means its own machine; the client would reach this machine instead. */
bool loopback_may_follow(const char *asked, const char *named);
/* To be called before fd connects to the address or listens on it; accepted sockets inherit the setting. A failure
 * is ignored, as it costs only time. */
void loopback_tune(int fd, const struct sockaddr *address);

#endif

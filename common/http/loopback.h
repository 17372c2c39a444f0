/*
 * loopback: TCP between processes of one machine. It loses nothing and has no bottleneck to find: there a congestion
 * control that paces what it sends (bbr, which some systems use for all) only sets a timer for every few packets, and
 * cuts what is sent into small ones. Such sockets are given reno, which every kernel has and allows to everybody; all
 * others keep what the system says.
 */
#ifndef NEPHOS_HTTP_LOOPBACK_H
#define NEPHOS_HTTP_LOOPBACK_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.0/8, ::1, and the former written as IPv6. */
bool loopback_is(const struct sockaddr *address);
/* Whether it is an address of this machine: one of the above, or of an interface. What cannot be looked up counts as
 * one. */
bool loopback_is_here(const struct sockaddr *address);
/* Whether http(s)://HOST… leads to the machine of whoever goes there: by its address in any spelling, also the one
 * that means "here", or by the name localhost or one below it. Other names are not looked up. What is no such URL is
 * treated as one that does. */
bool loopback_url(const char *url);
/* Whether an address that somebody at `asked` named may be gone to: what is his own machine is another one here. */
bool loopback_may_follow(const char *asked, const char *named);
/* Before it connects to the address, or listens on it (what is accepted inherits). A failure costs time only. */
void loopback_tune(int fd, const struct sockaddr *address);

#endif

/*
 * told_url: an address as it is told to who asks. One that leads to the machine of whoever follows it (loopback,
 * localhost) is right only for clients on this machine. Who came by another host is told that one instead of it, with
 * the scheme and the port of the address: that host is this machine, as he sees it. Pure; any thread.
 */
#ifndef NEPHOS_HTTP_TOLD_URL_H
#define NEPHOS_HTTP_TOLD_URL_H

#define TOLD_URL_SIZE 512 /* an address, with the longest name of a host */

/* host: the value of Host; NULL: there was none. Either url, or what was made of it, in ret. url as it is: it leads to
 * another machine, or he came by an address of his own; or what host says is no host, or too long. */
const char *told_url(const char *url, const char *host, char ret[TOLD_URL_SIZE]);

#endif

/*
 * The control socket. Whoever is on its other end can stall, flood, send
 * rubbish or vanish at any moment, and only his own connection suffers:
 *
 * - input: a line longer than PROTO_LINE_MAX ends the connection; at most
 *   SERVER_TURN requests of one client are served before it is another's turn
 * - output: while a client does not take its answers, nothing more is read
 *   from it; a follower of events that leaves more than SERVER_BACKLOG of them
 *   lying, and whoever takes nothing for SERVER_PATIENCE, is dropped
 * - at most SERVER_CLIENTS at a time, of which SERVER_OTHERS may be of people
 *   other than whoever domd runs as, which is root: the host can always be
 *   shut down
 */
#ifndef DOMD_CONTROL_SERVER_H
#define DOMD_CONTROL_SERVER_H

#include "base/loop.h"
#include "control/proto.h"

#define SERVER_CLIENTS  32
#define SERVER_OTHERS   24
#define SERVER_TURN     16
#define SERVER_BACKLOG  ((size_t)256 * 1024)
#define SERVER_PATIENCE ((msec)30 * 1000)

struct server;
struct client;

/* Answers a request: appends lines to *OUT. */
typedef void server_handler(void *user, struct client *client,
                            const struct request *req, struct buf *out);

/* Listens on PATH, which only whoever domd runs as (root) and the members of
 * GROUP may use (-1: only he). An old socket of that name is replaced. Returns
 * 0 or an errno value. */
int server_open(struct server **server_r, struct loop *loop, const char *path,
                long group, server_handler *handler, void *user);
void server_close(struct server *server);

/* The client is sent every line of server_tell from now on. */
void server_follow(struct client *client);
/* The client is sent the line of server_tell_down. */
void server_await_down(struct client *client, int64_t id);
/* Who it is, for the log: "uid 0". Lives as long as the client. */
const char *client_who(const struct client *client);

/* Sends LINE (with its newline) to all that follow. */
void server_tell(struct server *server, const struct buf *line);
/* Answers all that await the end. */
void server_tell_down(struct server *server);
unsigned int server_clients(const struct server *server);

#endif

/*
 * The control socket. A peer may stall, flood, send garbage or vanish at any
 * moment; only its own connection is affected:
 *
 * - input: a line longer than PROTO_LINE_MAX ends the connection; at most
 *   SERVER_TURN requests of one client are served before the next one's turn
 * - output: the server reads nothing from a client that does not read its
 *   answers; it drops a follower of events with more than SERVER_BACKLOG bytes
 *   unread, and a client that reads nothing for SERVER_PATIENCE
 * - at most SERVER_CLIENTS at a time, of which SERVER_OTHERS may belong to
 *   users other than domd's own (root): root can always shut the host down
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

/* Listens on PATH, which only domd's own user (root) and the members of GROUP
 * may use (-1: only root). Replaces an old socket of that name. Returns 0 or
 * an errno value. */
int server_open(struct server **server_r, struct loop *loop, const char *path,
                long group, server_handler *handler, void *user);
void server_close(struct server *server);

/* Sends the client every line of server_tell from now on. */
void server_follow(struct client *client);
/* Sends the client the line of server_tell_down. */
void server_await_down(struct client *client, int64_t id);
/* The peer, for the log: "uid 0". Lives as long as the client. */
const char *client_who(const struct client *client);

/* Sends LINE (with its newline) to all followers. */
void server_tell(struct server *server, const struct buf *line);
/* Answers all clients of server_await_down. */
void server_tell_down(struct server *server);
unsigned int server_clients(const struct server *server);

#endif

/* The client side of the control socket. */
#ifndef DOMD_CONTROL_CLIENT_H
#define DOMD_CONTROL_CLIENT_H

#include "control/proto.h"

struct conn;

/* In ms: domd answers nobody while libxl builds a large domain on a busy
 * host. */
#define CONN_PATIENCE (300 * 1000)

/* Connects; conn_ask waits PATIENCE ms for an answer. Returns NULL on error,
 * which SAY reports on standard error. */
struct conn *conn_open(const char *path, int patience, bool say);
void conn_close(struct conn *conn);
void conn_patience(struct conn *conn, int ms);

/* Sends a request. False: an error, reported on standard error. */
bool conn_send(struct conn *conn, const char *cmd, char *const *names);
/* Waits for a line, and parses it; TIMEOUT in ms, -1: none. The caller frees
 * the result with yajl_tree_free. NULL: timeout (*eof_r false), or end of the
 * connection (true). */
yajl_val conn_read(struct conn *conn, int timeout, bool *eof_r);
/* Sends a request and returns its answer. On error, also if domd refuses the
 * request, reports it on standard error and returns NULL. */
yajl_val conn_ask(struct conn *conn, const char *cmd, char *const *names);
/* The reason in an answer that refuses, safe for a terminal; FALLBACK if there
 * is none. The caller frees it. */
char *conn_error(yajl_val answer, const char *fallback);
/* The text of the last line from conn_read. */
const char *conn_text(const struct conn *conn);

#endif

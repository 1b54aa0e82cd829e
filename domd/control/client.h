/* The other end of the control socket. */
#ifndef DOMD_CONTROL_CLIENT_H
#define DOMD_CONTROL_CLIENT_H

#include "control/proto.h"

struct conn;

/* In ms. While libxl builds a large domain on a busy host, domd answers
 * nobody. */
#define CONN_PATIENCE (300 * 1000)

/* Connects; conn_ask will wait PATIENCE for an answer. Returns NULL; if SAY,
 * after having said why on standard error. */
struct conn *conn_open(const char *path, int patience, bool say);
void conn_close(struct conn *conn);
void conn_patience(struct conn *conn, int ms);

/* Sends a request. False: it said why on standard error. */
bool conn_send(struct conn *conn, const char *cmd, char *const *names);
/* Waits for a line, and parses it; TIMEOUT in ms, -1: none. The caller frees
 * it with yajl_tree_free. NULL: there is none in that time (*eof_r false), or
 * the connection has ended (true). */
yajl_val conn_read(struct conn *conn, int timeout, bool *eof_r);
/* Sends a request and returns its answer, or NULL after having said what is
 * wrong on standard error (also if the answer is that it is). */
yajl_val conn_ask(struct conn *conn, const char *cmd, char *const *names);
/* What an answer that refuses says, fit for a terminal; FALLBACK if it says
 * nothing. The caller frees it. */
char *conn_error(yajl_val answer, const char *fallback);
/* The text of the line that conn_read returned last. */
const char *conn_text(const struct conn *conn);

#endif

#include "watchdog/guard.h"

void guard_init(struct guard *g, msec limit, msec now)
{
    *g = (struct guard){
        .phase = GUARD_BOOT,
        .limit = limit,
        .deadline = now + GUARD_BOOT_LIMIT,
    };
}

void guard_answered(struct guard *g, msec now)
{
    if (g->phase == GUARD_DOWN) return;
    g->phase = GUARD_UP;
    g->deadline = now + g->limit;
    g->warned = false;
}

void guard_checking(struct guard *g, msec deadline)
{
    if (g->phase == GUARD_BOOT && deadline > g->deadline)
        g->deadline = deadline;
}

void guard_parked(struct guard *g, msec now)
{
    if (g->phase == GUARD_UP) guard_answered(g, now);
}

void guard_closing(struct guard *g, msec deadline)
{
    g->phase = GUARD_DOWN;
    g->deadline = deadline;
}

msec guard_left(const struct guard *g, msec now)
{
    return g->deadline - now;
}

bool guard_warns(struct guard *g, msec now)
{
    if (g->phase != GUARD_UP || g->warned) return false;
    g->warned = guard_left(g, now) <= g->limit / 2;
    return g->warned;
}

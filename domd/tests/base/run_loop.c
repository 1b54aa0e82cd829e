#include "tests/base/harness.h"

static void set_over(void *user)
{
    *(bool *)user = true;
}

void run_loop(struct loop *loop, msec ms)
{
    bool over = false;
    struct timer *timer = loop_timer(loop, set_over, &over);

    loop_at(timer, loop_now() + ms);
    while (!over)
        loop_round(loop);
    loop_timer_remove(loop, timer);
}

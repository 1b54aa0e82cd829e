/*
 * Random schedules: a random graph of domains with random policies; a fake
 * hypervisor that completes operations after a random time and in random
 * order, or fails or hangs, and whose guests crash, reboot and hang; and users
 * who issue commands. Every step asserts the invariants; each run ends with a
 * phase until the machine is idle.
 *
 *   test_random [FIRST-SEED [COUNT]]
 *
 * A failing seed is printed, and can be run alone.
 */
#include "tests/base/harness.h"

#include "machine/machine.h"

#define MAX_DOMS 9
#define MAX_OPS  64

/* ---- the fake hypervisor ------------------------------------------------ */

struct fake {
    bool there; /* the domain exists */
    bool dead;  /* shut down, not removed yet */
    bool ready;
    bool up;       /* created, not cancelled */
    bool stopping; /* its stop began in the right order */
    bool by_hand;
    bool queued; /* its creation is queued */
    bool ahead;  /* it is to stay paused */
    unsigned int gen;
};

/* A pending operation of the hypervisor. */
struct op {
    bool used;
    enum machine_act act;
    unsigned int dom;
    unsigned int gen;
    msec when; /* MACHINE_NEVER: it hangs */
    bool aborted;
};

static struct machine m;
static struct fake fakes[MAX_DOMS];
static struct op ops[MAX_OPS];
static msec now;
static uint64_t rng;
static unsigned int n_doms;
static bool calm; /* no more accidents */
static msec fired[MAX_DOMS];
static char story[64 * 1024];
static size_t story_len;
static unsigned long seed;

static unsigned int rnd(unsigned int below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned int)((rng >> 32) % below);
}

static bool chance(unsigned int percent)
{
    return rnd(100) < percent;
}

static void trace(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void trace(const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = vsnprintf(story + story_len, sizeof(story) - story_len, format, args);
    va_end(args);
    if (r > 0 && story_len + (size_t)r < sizeof(story)) story_len += (size_t)r;
}

#define MUST(cond)                                                            \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr,                                                   \
                    "%5$s\nseed %1$lu, time %2$lld, line %3$d: %4$s\n", seed, \
                    (long long)now, __LINE__, #cond,                          \
                    story + (story_len > 4000 ? story_len - 4000 : 0));       \
            fail();                                                           \
        }                                                                     \
    } while (0)

static struct op *add_op(enum machine_act act, unsigned int dom,
                         unsigned int gen, msec delay)
{
    unsigned int i;

    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used) continue;
        ops[i] = (struct op){true, act, dom, gen, now + delay, false};
        return &ops[i];
    }
    fail_msg("too many operations");
    return NULL;
}

/* A missing disk or share blocks its users for ever. */
static void may_hang(struct op *op)
{
    if (calm || !chance(2)) return;
    trace("%lld that hangs\n", (long long)now);
    op->when = MACHINE_NEVER;
}

/* ---- invariants --------------------------------------------------------- */

/* Never before its requirements. */
static void check_requirements(unsigned int dom)
{
    const struct machine_domain *d = &m.doms[dom];
    unsigned int i;

    for (i = 0; i < d->n_edges; i++) {
        const struct fake *on = &fakes[d->edges[i].dom];

        if (!d->edges[i].requires) continue;
        MUST(on->there && on->ready);
    }
}

static void check_create(unsigned int dom, bool fresh, bool ahead)
{
    const struct machine_domain *d = &m.doms[dom];
    unsigned int building = 0;
    unsigned int i;
    size_t k;

    MUST(!m.closing);
    MUST(!fakes[dom].there); /* never two instances */
    MUST(!d->policy->bar || !fresh);
    MUST(!ahead || d->policy->prebuild);
    if (!ahead) check_requirements(dom);
    for (i = 0; i < n_doms; i++) {
        if (i == dom || !fakes[i].there) continue;
        for (k = 0; k < d->policy->writes.n; k++)
            MUST(!strlist_has(&m.doms[i].policy->writes,
                              d->policy->writes.v[k]));
    }
    for (i = 0; i < MAX_OPS; i++) {
        if (!ops[i].used || ops[i].act != MACHINE_ACT_CREATE) continue;
        MUST(ops[i].dom != dom);
        /* A stuck creation must not delay others. */
        if (m.doms[ops[i].dom].state != MACHINE_STUCK) building++;
    }
    MUST(building < m.max_creating);
}

/* Stops reverse the start order: dependents are gone. */
static void check_stop(unsigned int dom)
{
    unsigned int i;
    unsigned int k;

    if (fakes[dom].dead || fakes[dom].stopping) return;
    /* A cancelled creation has no dependents yet. */
    if (!fakes[dom].up) return;
    fakes[dom].stopping = true;
    for (i = 0; i < n_doms; i++) {
        const struct machine_domain *d = &m.doms[i];

        if (!fakes[i].there || d->state == MACHINE_STUCK) continue;
        /* Domains by hand stop first, whatever the edges. */
        if (fakes[dom].by_hand && !fakes[i].by_hand) continue;
        for (k = 0; k < d->n_edges; k++) {
            if (d->edges[k].dom != dom) continue;
            MUST(!m.closing && "a dependent is still there");
            MUST(!d->stop_req && "a dependent is stopping");
            if (d->edges[k].requires && !fakes[i].by_hand)
                MUST(d->state == MACHINE_KEPT && "a dependent is still there");
        }
    }
}

static void check_always(void)
{
    unsigned int i;
    unsigned int j;
    size_t k;

    for (i = 0; i < n_doms; i++) {
        const struct machine_domain *d = &m.doms[i];

        /* The machine knows every domain that exists, and no other. */
        if (fakes[i].there) MUST(machine_has_instance(d->state));
        if (!machine_has_instance(d->state)) MUST(!*d->remark);
        if (d->state == MACHINE_READY || d->state == MACHINE_BOOTING ||
            d->state == MACHINE_LATE || d->state == MACHINE_SHUTDOWN)
            MUST(fakes[i].there);
        MUST(d->deadline > now);
        if (machine_at_rest(d->state)) MUST(d->deadline == MACHINE_NEVER);
        if (d->state == MACHINE_WAITING || d->state == MACHINE_STOP_WAIT)
            MUST(d->deadline == MACHINE_NEVER);
        if (d->state == MACHINE_BOOTING || d->state == MACHINE_SHUTDOWN ||
            d->state == MACHINE_DELAY || d->state == MACHINE_BACKOFF ||
            d->state == MACHINE_ABORTING || d->state == MACHINE_SAVING ||
            d->state == MACHINE_DESTROYING)
            MUST(d->deadline != MACHINE_NEVER);
        if (d->state == MACHINE_CREATING)
            MUST((d->deadline == MACHINE_NEVER) == fakes[i].queued);
        if (m.closing)
            MUST(d->state != MACHINE_WAITING && d->state != MACHINE_CREATING);
        for (j = i + 1; j < n_doms; j++) {
            if (!fakes[i].there || !fakes[j].there) continue;
            for (k = 0; k < d->policy->writes.n; k++)
                MUST(!strlist_has(&m.doms[j].policy->writes,
                                  d->policy->writes.v[k]));
        }
    }
}

/* ---- actions ------------------------------------------------------------ */

static void report_creation(unsigned int dom, unsigned int gen,
                            enum machine_event ev)
{
    struct machine_result r = {.gen = gen, .resumed = chance(30)};

    trace("%lld %u is %s\n", (long long)now, dom,
          ev == MACHINE_EV_QUEUED ? "queued" : "begun");
    machine_event(&m, dom, ev, &r, now);
}

static void run_actions(void)
{
    struct machine_action a;
    struct op *op;
    unsigned int i;

    while (machine_take(&m, &a)) {
        switch (a.act) {
        case MACHINE_ACT_CREATE:
            trace("%lld create %u\n", (long long)now, a.dom);
            check_create(a.dom, a.fresh, a.ahead);
            op = add_op(MACHINE_ACT_CREATE, a.dom, a.gen, 1 + rnd(8000));
            fakes[a.dom] =
                (struct fake){.there = true, .gen = a.gen, .ahead = a.ahead};
            if (!chance(30)) {
                may_hang(op);
                break;
            }
            fakes[a.dom].queued = true;
            report_creation(a.dom, a.gen, MACHINE_EV_QUEUED);
            break;
        case MACHINE_ACT_UNPAUSE:
            trace("%lld unpause %u\n", (long long)now, a.dom);
            MUST(fakes[a.dom].there && !m.closing);
            check_requirements(a.dom);
            add_op(MACHINE_ACT_UNPAUSE, a.dom, a.gen, 1 + rnd(50));
            break;
        case MACHINE_ACT_ABORT:
            trace("%lld abort %u\n", (long long)now, a.dom);
            for (i = 0; i < MAX_OPS; i++) {
                if (ops[i].used && ops[i].dom == a.dom &&
                    (ops[i].act == MACHINE_ACT_CREATE ||
                     ops[i].act == MACHINE_ACT_SAVE))
                    ops[i].aborted = true;
            }
            break;
        case MACHINE_ACT_SHUTDOWN:
            trace("%lld shutdown %u\n", (long long)now, a.dom);
            MUST(fakes[a.dom].there);
            check_stop(a.dom);
            add_op(MACHINE_ACT_SHUTDOWN, a.dom, a.gen, 1 + rnd(20000));
            break;
        case MACHINE_ACT_SAVE:
            trace("%lld save %u\n", (long long)now, a.dom);
            MUST(fakes[a.dom].there);
            check_stop(a.dom);
            may_hang(add_op(MACHINE_ACT_SAVE, a.dom, a.gen, 1 + rnd(20000)));
            break;
        case MACHINE_ACT_DESTROY:
            trace("%lld destroy %u\n", (long long)now, a.dom);
            for (i = 0; i < MAX_OPS; i++) {
                /* Never during a creation or a save. */
                MUST(!(ops[i].used && ops[i].dom == a.dom &&
                       (ops[i].act == MACHINE_ACT_CREATE ||
                        ops[i].act == MACHINE_ACT_SAVE)));
            }
            check_stop(a.dom);
            may_hang(add_op(MACHINE_ACT_DESTROY, a.dom, a.gen, 1 + rnd(3000)));
            break;
        case MACHINE_ACT_CHANGED:
            trace("%lld %u: %s -> %s (%s)\n", (long long)now, a.dom,
                  machine_state_name(a.before), machine_state_name(a.after),
                  m.doms[a.dom].reason);
            break;
        case MACHINE_ACT_REMARK:
            trace("%lld %u: %s\n", (long long)now, a.dom,
                  m.doms[a.dom].remark);
            break;
        }
    }
}

static void report(unsigned int dom, unsigned int gen, enum machine_event ev,
                   enum machine_death death, bool again, bool keep)
{
    struct machine_result r = {0};

    r.gen = gen;
    r.death = death;
    r.again = again;
    r.keep = keep;
    r.why = "a fake reason";
    machine_event(&m, dom, ev, &r, now);
    run_actions();
}

static void end_guest(unsigned int dom, enum machine_death death, bool keep)
{
    struct fake *f = &fakes[dom];

    trace("%lld %u dies (%d)\n", (long long)now, dom, death);
    f->ready = false;
    if (death == MACHINE_VANISHED) {
        f->there = false;
        report(dom, f->gen, MACHINE_EV_GONE, death, false, false);
        return;
    }
    f->dead = true;
    report(dom, f->gen, MACHINE_EV_DIED, death, death == MACHINE_REBOOT, keep);
}

static void finish_op(struct op *op)
{
    struct fake *f = &fakes[op->dom];
    struct op o = *op;
    enum machine_event ev;

    op->used = false;
    switch (o.act) {
    case MACHINE_ACT_CREATE:
        if (f->queued && !o.aborted) {
            f->queued = false;
            may_hang(add_op(MACHINE_ACT_CREATE, o.dom, o.gen, 1 + rnd(8000)));
            report_creation(o.dom, o.gen, MACHINE_EV_BEGUN);
        } else if (f->queued || (o.aborted && chance(70)) ||
                   (!calm && chance(15))) {
            f->there = !f->queued && chance(10);
            if (f->there) f->dead = true;
            ev = f->there                  ? MACHINE_EV_CREATE_LEFT
                 : f->queued && chance(50) ? MACHINE_EV_FILE_CHANGED
                                           : MACHINE_EV_CREATE_FAILED;
            f->queued = false;
            report(o.dom, o.gen, ev, 0, false, false);
        } else if (f->ahead) {
            f->ahead = false;
            report(o.dom, o.gen, MACHINE_EV_BUILT, 0, false, false);
        } else {
            f->up = m.doms[o.dom].state == MACHINE_CREATING ||
                    m.doms[o.dom].resumed;
            report(o.dom, o.gen, MACHINE_EV_CREATED, 0, false, false);
        }
        break;
    case MACHINE_ACT_UNPAUSE:
        if (f->gen != o.gen || !f->there) break;
        if (chance(10)) {
            report(o.dom, o.gen, MACHINE_EV_FILE_CHANGED, 0, false, false);
        } else if (!calm && chance(10)) {
            f->there = false;
            report(o.dom, o.gen, MACHINE_EV_CREATE_FAILED, 0, false, false);
        } else {
            f->up = m.doms[o.dom].state == MACHINE_CREATING;
            report(o.dom, o.gen, MACHINE_EV_CREATED, 0, false, false);
        }
        break;
    case MACHINE_ACT_SHUTDOWN:
        if (f->gen != o.gen || !f->there || f->dead) break;
        if (!calm && chance(10)) break; /* it hangs */
        if (!calm && chance(10))
            report(o.dom, o.gen, MACHINE_EV_SHUTDOWN_FAILED, 0, false, false);
        else
            end_guest(o.dom, MACHINE_POWEROFF, false);
        break;
    case MACHINE_ACT_SAVE:
        if (o.aborted || f->dead || !f->there || (!calm && chance(30)))
            report(o.dom, o.gen, MACHINE_EV_SAVE_FAILED, 0, false, false);
        else {
            f->dead = true;
            report(o.dom, o.gen, MACHINE_EV_SAVED, 0, false, false);
        }
        break;
    case MACHINE_ACT_DESTROY:
        if (f->gen != o.gen) break; /* destroyed already */
        if (!calm && f->there && chance(20)) {
            report(o.dom, o.gen, MACHINE_EV_DESTROY_FAILED, 0, false, false);
            break;
        }
        f->there = false;
        f->ready = false;
        f->dead = false;
        report(o.dom, o.gen, MACHINE_EV_GONE, MACHINE_VANISHED, false, false);
        break;
    default:
        fail();
    }
}

/* ---- time --------------------------------------------------------------- */

static void fire_timers(void)
{
    unsigned int i;

    for (i = 0; i < n_doms; i++) {
        /* A timer fires once per expiry, and none is skipped. */
        if (m.doms[i].deadline > now) continue;
        MUST(m.doms[i].deadline != fired[i] ||
             m.doms[i].state == MACHINE_BOOTING);
        fired[i] = m.doms[i].deadline;
    }
    machine_tick(&m, now);
    run_actions();
}

/* Advances the time to the next event, by at most LIMIT. */
static bool advance(msec limit)
{
    msec next = machine_deadline(&m);
    unsigned int i;

    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used && ops[i].when < next) next = ops[i].when;
    }
    if (next == MACHINE_NEVER) return false;
    now = next < now + limit ? (next > now ? next : now) : now + limit;
    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used && ops[i].when <= now) finish_op(&ops[i]);
    }
    fire_timers();
    return true;
}

static void boot_guests(unsigned int percent)
{
    unsigned int i;

    for (i = 0; i < n_doms; i++) {
        enum machine_state s = m.doms[i].state;

        if (s != MACHINE_BOOTING && s != MACHINE_LATE) continue;
        if (!fakes[i].there || fakes[i].dead || !chance(percent)) continue;
        fakes[i].ready = true;
        trace("%lld %u is ready\n", (long long)now, i);
        report(i, fakes[i].gen, MACHINE_EV_READY, 0, false, false);
    }
}

/* ---- accidents and users ------------------------------------------------ */

static void cause_accident(void)
{
    unsigned int dom = rnd(n_doms);
    unsigned int i;

    if (!fakes[dom].there || fakes[dom].dead) return;
    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used && ops[i].dom == dom &&
            (ops[i].act == MACHINE_ACT_CREATE ||
             ops[i].act == MACHINE_ACT_UNPAUSE))
            return;
    }
    if (m.doms[dom].state == MACHINE_BUILT) {
        end_guest(dom, MACHINE_VANISHED, false);
        return;
    }
    if (chance(5)) {
        report(dom, fakes[dom].gen, MACHINE_EV_DM_ENDED, 0, false, false);
        return;
    }
    if (!fakes[dom].by_hand && chance(10)) {
        trace("%lld %u resets itself\n", (long long)now, dom);
        fakes[dom].dead = true; /* until it is reset */
        report(dom, fakes[dom].gen, MACHINE_EV_RESET, 0, false, false);
        if (m.doms[dom].state != MACHINE_DESTROYING) fakes[dom].dead = false;
        return;
    }
    end_guest(dom,
              fakes[dom].by_hand ? MACHINE_VANISHED
                                 : (enum machine_death)rnd(4),
              chance(10));
}

/* A user runs xl create with one of our files. */
static void start_by_hand(void)
{
    unsigned int dom = rnd(n_doms);
    unsigned int i;
    size_t k;

    if (machine_has_instance(m.doms[dom].state)) return;
    for (i = 0; i < n_doms; i++) {
        const struct strlist *writes = &m.doms[dom].policy->writes;

        for (k = 0; fakes[i].there && k < writes->n; k++) {
            if (strlist_has(&m.doms[i].policy->writes, writes->v[k])) return;
        }
    }
    trace("%lld %u by hand\n", (long long)now, dom);
    fakes[dom] = (struct fake){.there = true, .up = true, .by_hand = true};
    fakes[dom].gen = machine_adopt_by_hand(&m, dom, now);
    run_actions();
}

/* The files change so that two domains form a cycle. */
static void add_cycle(void)
{
    unsigned int dom = rnd(n_doms);
    struct machine_domain *d = &m.doms[dom];
    struct machine_domain *on;
    char name[16];

    if (!d->n_edges) return;
    on = &m.doms[d->edges[rnd(d->n_edges)].dom];
    trace("%lld circle of %s and %s\n", (long long)now, d->policy->name,
          on->policy->name);
    snprintf(name, sizeof(name), "d%u", dom);
    strlist_add(chance(50) ? &on->policy->requires : &on->policy->after, name);
    policy_bar(d->policy, false, "dependency cycle");
    policy_bar(on->policy, false, "dependency cycle");
    machine_link(&m, now);
    run_actions();
}

static void issue_command(void)
{
    unsigned int dom = rnd(n_doms);

    switch (rnd(3)) {
    case 0:
        trace("%lld start %u!\n", (long long)now, dom);
        machine_start(&m, dom, now);
        break;
    case 1:
        trace("%lld stop %u!\n", (long long)now, dom);
        machine_stop(&m, dom, now);
        break;
    case 2:
        trace("%lld restart %u!\n", (long long)now, dom);
        machine_restart(&m, dom, now);
        break;
    }
    run_actions();
}

static void add_domains(struct machine *into)
{
    unsigned int i;
    unsigned int j;

    machine_init(into, 1 + rnd(4));
    for (i = 0; i < n_doms; i++) {
        char name[16];
        struct policy *p;

        snprintf(name, sizeof(name), "d%u", i);
        p = policy_new(name, "d.cfg");
        p->autostart = chance(80);
        p->priority = (int)rnd(100);
        p->restart = (enum restart_mode)rnd(3);
        p->restart_limit = rnd(4);
        p->restart_delay = (msec)(1 + rnd(5)) * 1000;
        p->on_stop = (enum stop_mode)rnd(3);
        p->save_to = xstrdup("/data");
        p->start_delay = chance(30) ? 2000 : 0;
        p->prebuild = chance(30);
        p->start_timeout = 1000 + (msec)rnd(20000);
        p->stop_timeout = 1000 + (msec)rnd(20000);
        if (chance(20)) strlist_add(&p->writes, chance(50) ? "/x" : "/y");
        if (chance(5)) policy_bar(p, chance(50), "for a test");
        /* Edges lead to higher numbers only, so there is no cycle. */
        for (j = i + 1; j < n_doms; j++) {
            snprintf(name, sizeof(name), "d%u", j);
            if (chance(20)) strlist_add(&p->requires, name);
            if (chance(15)) strlist_add(&p->after, name);
        }
        machine_add(into, p);
    }
}

/* What a new daemon finds of a domain. */
static enum machine_found find_remains(unsigned int dom)
{
    const struct fake *f = &fakes[dom];
    unsigned int i;

    if (!f->there) return MACHINE_FOUND_NOTHING;
    for (i = 0; i < MAX_OPS; i++) {
        if (!ops[i].used || ops[i].dom != dom) continue;
        if (ops[i].act == MACHINE_ACT_CREATE) return MACHINE_FOUND_BROKEN;
        if (ops[i].act == MACHINE_ACT_UNPAUSE && chance(50))
            return MACHINE_FOUND_RUNNING;
        if (ops[i].act == MACHINE_ACT_DESTROY && chance(50))
            return MACHINE_FOUND_BROKEN;
    }
    if (f->dead) return MACHINE_FOUND_DEAD;
    return m.doms[dom].built ? MACHINE_FOUND_BROKEN : MACHINE_FOUND_RUNNING;
}

/* A new daemon continues where the old one ended. */
static void kill_and_adopt(void)
{
    enum machine_found left[MAX_DOMS];
    enum machine_death death[MAX_DOMS];
    struct machine old = m;
    uint64_t keep;
    unsigned int i;

    trace("%lld kill -9\n", (long long)now);
    for (i = 0; i < n_doms; i++) {
        /* A death at this time is unobserved. */
        if (fakes[i].up && fakes[i].there && !fakes[i].by_hand && chance(10))
            fakes[i].dead = true;
        death[i] = (enum machine_death)rnd(3);
        left[i] = find_remains(i);
    }
    memset(ops, 0, sizeof(ops));
    keep = rng;
    rng = seed * 2654435761u + 88172645463325252u;
    n_doms = 2 + rnd(MAX_DOMS - 1);
    add_domains(&m); /* the same graph again */
    rng = keep;
    machine_link(&m, now);
    machine_hold(&m);
    for (i = 0; i < n_doms; i++) {
        struct fake *f = &fakes[i];
        struct machine_past past;

        if (old.doms[i].by_hand) continue; /* not in the journal */
        machine_past_of(&old, i, &past);
        f->gen = machine_adopt(&m, i, &past, left[i], now);
        machine_past_dispose(&past);
        fired[i] = 0;
        f->queued = false;
        /* A stop starts again, except during the removal. */
        if (m.doms[i].state != MACHINE_DESTROYING) f->stopping = false;
        if (left[i] != MACHINE_FOUND_RUNNING) f->ready = false;
        if (left[i] == MACHINE_FOUND_BROKEN) f->dead = true;
    }
    for (i = 0; i < n_doms; i++) {
        if (!fakes[i].there || !fakes[i].by_hand) continue;
        fakes[i].gen = machine_adopt_by_hand(&m, i, now);
        fakes[i].dead = fakes[i].stopping = false;
    }
    machine_release(&m, now);
    trace("adopted\n");
    run_actions();
    for (i = 0; i < n_doms; i++) {
        if (left[i] == MACHINE_FOUND_DEAD && fakes[i].there &&
            !fakes[i].by_hand)
            end_guest(i, death[i], false);
    }
    machine_tick(&m, now);
    run_actions();
    for (i = 0; i < n_doms; i++) {
        const struct machine_domain *was = &old.doms[i];
        const struct machine_domain *d = &m.doms[i];

        /* A stopped or failed domain does not restart. */
        if (!was->want || was->state == MACHINE_FAILED ||
            was->state == MACHINE_HELD ||
            (was->state == MACHINE_DESTROYING && !was->stop_req &&
             (was->next == MACHINE_NEXT_STOPPED ||
              was->next == MACHINE_NEXT_FAILED)))
            MUST(d->state != MACHINE_WAITING && d->state != MACHINE_CREATING &&
                 d->state != MACHINE_DELAY);
    }
    machine_dispose(&old);
}

/* Hanging operations continue. */
static void resume_ops(void)
{
    unsigned int i;

    trace("%lld nothing hangs any more\n", (long long)now);
    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used && ops[i].when == MACHINE_NEVER)
            ops[i].when = now + 1 + rnd(8000);
    }
}

/* ---- a run -------------------------------------------------------------- */

static bool hangs(unsigned int dom)
{
    unsigned int i;

    for (i = 0; i < MAX_OPS; i++) {
        if (ops[i].used && ops[i].dom == dom && ops[i].when == MACHINE_NEVER)
            return true;
    }
    return false;
}

static void check_idle(void)
{
    unsigned int i;

    MUST(m.n_acts == 0);
    MUST(machine_deadline(&m) == MACHINE_NEVER);
    for (i = 0; i < n_doms; i++) {
        const struct machine_domain *d = &m.doms[i];

        MUST(machine_at_rest(d->state));
        if (d->state == MACHINE_STUCK && hangs(i)) continue;
        MUST(fakes[i].there == machine_has_instance(d->state));
        MUST(!d->hung_in);
        /* A wanted domain that is not up has a reason. */
        if (d->want && d->state != MACHINE_READY && d->state != MACHINE_LATE)
            MUST(d->reason[0]);
        if (m.closing) MUST(!fakes[i].there || d->state == MACHINE_STUCK);
        if (d->stop_req) MUST(d->state == MACHINE_STUCK);
    }
    if (m.closing) MUST(machine_is_down(&m));
}

static void run_seed(unsigned long with)
{
    unsigned int steps;
    unsigned int i;
    msec limit;

    seed = with;
    rng = seed * 2654435761u + 88172645463325252u;
    n_doms = 2 + rnd(MAX_DOMS - 1);
    now = 1;
    calm = false;
    story_len = 0;
    memset(fakes, 0, sizeof(fakes));
    memset(ops, 0, sizeof(ops));
    memset(fired, 0, sizeof(fired));
    add_domains(&m);
    machine_link(&m, now);
    run_actions();
    machine_autostart(&m, NULL, now);
    run_actions();

    steps = 20 + rnd(120);
    for (i = 0; i < steps; i++) {
        advance(1 + rnd(3000));
        boot_guests(40);
        if (chance(8)) cause_accident();
        if (chance(10)) issue_command();
        if (chance(2)) kill_and_adopt();
        if (chance(2)) start_by_hand();
        if (chance(1)) add_cycle();
        if (chance(1)) {
            machine_close(&m, now);
            run_actions();
        }
        check_always();
    }

    calm = chance(50);
    if (calm) resume_ops();
    for (i = 0; i < 2000; i++) {
        boot_guests(calm ? 100 : 30);
        check_always();
        if (!advance(60000)) break;
    }
    MUST(i < 2000); /* it always ends */
    check_idle();
    if (!m.closing) {
        limit = now + machine_down_limit(&m, true);
        machine_close(&m, now);
        run_actions();
        for (i = 0; i < 2000 && advance(60000); i++) {
            check_always();
            if (now > limit) MUST(machine_is_down(&m));
        }
        check_idle();
    }
    machine_dispose(&m);
}

static unsigned long first = 1;
static unsigned long count = 20000;

static void schedules(void **state)
{
    unsigned long i;

    (void)state;
    for (i = 0; i < count; i++)
        run_seed(first + i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules),
    };

    if (argc > 1) first = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        count = strtoul(argv[2], NULL, 10);
    else if (argc > 1)
        count = 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

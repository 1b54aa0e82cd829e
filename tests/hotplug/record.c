/* Parts of the machine that a test cannot give the program hotplug otherwise:
 * what it asks the kernel is noted, and a kernel without VLANs in bridges is
 * helped out. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "log.h"

pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_link_get(struct netlink *nl, const char *name, struct link *link);
int __wrap_link_get(struct netlink *nl, const char *name, struct link *link);
int __real_netlink_talk(struct netlink *nl, struct message *request,
                        struct answer *answer);
int __wrap_netlink_talk(struct netlink *nl, struct message *request,
                        struct answer *answer);

/* Notes that a process is started. */
pid_t __wrap_fork(void)
{
    FILE *f = open_file("forks");

    fputs("fork\n", f);
    fclose(f);
    return __real_fork();
}

/* FAKE_VLANS is the default VLAN of every bridge. */
int __wrap_link_get(struct netlink *nl, const char *name, struct link *link)
{
    const char *vlan = getenv("FAKE_VLANS");
    int r = __real_link_get(nl, name, link);

    if (vlan && !r && link->is_bridge) {
        link->filters_vlans = true;
        link->default_vlan = (unsigned int)atoi(vlan);
    }
    return r;
}

/* A change of the networks that happens while a link is changed. */
static void change_facts(void)
{
    char now[4096];
    char later[4096];

    snprintf(later, sizeof(later), "%s/facts.later", getenv("FAKE"));
    snprintf(now, sizeof(now), "%s/run/networks/facts", getenv("FAKE"));
    if (!access(later, F_OK) && rename(later, now)) abort();
}

int __wrap_netlink_talk(struct netlink *nl, struct message *request,
                        struct answer *answer)
{
    const unsigned char *bytes = (const unsigned char *)request;
    const unsigned char *family = bytes + NLMSG_HDRLEN;
    FILE *f = open_file("netlink.log");
    uint32_t i;
    int r;

    for (i = 0; i < request->header.nlmsg_len; i++)
        fprintf(f, "%02x", bytes[i]);
    fputc('\n', f);
    fclose(f);
    if (getenv("FAKE_VLANS") && *family == AF_BRIDGE) return 0;
    r = __real_netlink_talk(nl, request, answer);
    if (request->header.nlmsg_type == RTM_NEWLINK) change_facts();
    return r;
}

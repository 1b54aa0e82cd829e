/*
 * Loading a module always fails here, which open-iscsi reports. The service loads
 * iscsi_tcp before it starts iscsid.
 */
#ifndef XENITH_LIBKMOD_H
#define XENITH_LIBKMOD_H

#include <stdlib.h>

struct kmod_ctx {
	char unused;
};
struct kmod_module;

#define KMOD_PROBE_APPLY_BLACKLIST 0

#define kmod_new(directory, config) ((struct kmod_ctx *)calloc(1, sizeof(struct kmod_ctx)))
#define kmod_unref(context) free(context)
#define kmod_load_resources(context) ((void)(context))
#define kmod_module_new_from_name(context, name, module) (*(module) = NULL, -1)
#define kmod_module_probe_insert_module(module, ...) ((void)(module), -1)
#define kmod_module_unref(module) ((void)(module))

#endif

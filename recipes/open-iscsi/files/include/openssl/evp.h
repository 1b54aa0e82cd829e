/*
 * The digests that CHAP needs, computed by the kernel (AF_ALG), under OpenSSL's names.
 * open-iscsi uses nothing else of OpenSSL, which takes many minutes to build. A digest
 * that the kernel lacks is not offered to the target.
 */
#ifndef XENITH_EVP_H
#define XENITH_EVP_H

#include <linux/if_alg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
	const char *name;
	unsigned int size;
} EVP_MD;

/* The data is collected before it is hashed: CHAP's messages are a few hundred bytes. */
typedef struct {
	const EVP_MD *md;
	size_t length;
	unsigned char data[8192];
} EVP_MD_CTX;

static inline const EVP_MD *EVP_md5(void)
{
	static const EVP_MD md = { "md5", 16 };
	return &md;
}

static inline const EVP_MD *EVP_sha1(void)
{
	static const EVP_MD md = { "sha1", 20 };
	return &md;
}

static inline const EVP_MD *EVP_sha256(void)
{
	static const EVP_MD md = { "sha256", 32 };
	return &md;
}

/* Returns a socket that hashes the data sent to it, or -1. */
static inline int evp_open(const EVP_MD *md)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG, .salg_type = "hash" };
	int fd, operation;

	strcpy((char *)address.salg_name, md->name);
	fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	operation = accept(fd, NULL, 0);
	close(fd);
	return operation;
}

static inline EVP_MD_CTX *EVP_MD_CTX_new(void)
{
	return calloc(1, sizeof(EVP_MD_CTX));
}

static inline void EVP_MD_CTX_free(EVP_MD_CTX *context)
{
	if (context)
		explicit_bzero(context, sizeof(*context));
	free(context);
}

static inline int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *md, void *engine)
{
	int fd = evp_open(md);

	(void)engine;
	if (fd < 0)
		return 0;
	close(fd);
	context->md = md;
	context->length = 0;
	return 1;
}

static inline int EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t length)
{
	if (length > sizeof(context->data) - context->length)
		return 0;
	memcpy(context->data + context->length, data, length);
	context->length += length;
	return 1;
}

/* The callers do not check the result, so a digest that cannot be computed is replaced
   by random bytes, which no target accepts. */
static inline int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned int *size)
{
	int fd = evp_open(context->md), good;

	*size = context->md->size;
	good = fd >= 0 && send(fd, context->data, context->length, 0) == (ssize_t)context->length &&
	       read(fd, digest, *size) == (ssize_t)*size;
	if (!good && getentropy(digest, *size) != 0)
		abort();
	if (fd >= 0)
		close(fd);
	return good;
}

#endif

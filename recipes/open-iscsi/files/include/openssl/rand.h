/* Random bytes from the kernel, under OpenSSL's name. */
#ifndef XENITH_RAND_H
#define XENITH_RAND_H

#include <sys/random.h>

static inline int RAND_bytes(unsigned char *data, int length)
{
	return getrandom(data, length, 0) == length;
}

#endif

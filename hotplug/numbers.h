/* Sets of block devices, each by its number. */
#ifndef HOTPLUG_NUMBERS_H
#define HOTPLUG_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Room for a number as text. */
#define NUMBER_TEXT 32

struct numbers {
    dev_t *v;
    size_t n;
};

/* Adds a number; false if it was there. */
bool numbers_add(struct numbers *set, dev_t number);
bool numbers_have(const struct numbers *set, dev_t number);
void numbers_free(struct numbers *set);

/* Reads MAJOR:MINOR in that base, which ends with the text or with a newline.
 */
bool number_parse(const char *text, int base, dev_t *number);

/* Writes MAJOR:MINOR in hex, as the back end wants it, into TEXT, of
 * NUMBER_TEXT. */
void number_print(dev_t number, char *text);

/* Reads the number that is in the file DIRECTORY/dev of sysfs. */
bool number_read(const char *directory, dev_t *number);

/* Adds the device and all devices under it (a partition's disk, a volume's
 * parts) and on top of it: any of those overlaps it. Siblings, such as another
 * partition or another volume of the group, are not included. */
void numbers_add_related(struct numbers *set, dev_t number);

/* The directory of sysfs. */
const char *sys_directory(void);

#endif

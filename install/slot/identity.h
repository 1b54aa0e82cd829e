/*
 * What makes an installation differ from every other one that was written from
 * the same image: the GUIDs of the disk and its partitions, the serial number
 * of the EFI system partition, the UUID of the configuration. In an image, the
 * build computes them from its content (docs/install.md).
 */
#ifndef SLOT_IDENTITY_H
#define SLOT_IDENTITY_H

#include "device.h"

/* Prints "guid=", the disk's, and "from=": "image", "own", or "cut" if
 * identity_give was interrupted when it was all but done. */
int identity_print(const struct device *disk);
/* Gives a disk that was written from an image its own identity, lets its table
 * reach to its end, and adds a partition LABEL of TYPE (a GUID) for the rest
 * of the disk; a LABEL of NULL adds none. The identifier of the disk comes
 * last, so what interrupts this is completed by another call. On a disk that
 * has an identity of its own, it changes nothing. */
int identity_give(const struct device *disk, const char *label,
                  const char *type);

#endif

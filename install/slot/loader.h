/*
 * The boot loader of an installed disk: GRUB for BIOS, GRUB for UEFI and its
 * menu. It is replaced in two steps. All that is new is written beside what is
 * in use, and read back; then one sector each is overwritten for BIOS, for
 * UEFI and for the menu. So the disk boots by the old or by the new one,
 * whatever ends this early.
 */
#ifndef SLOT_LOADER_H
#define SLOT_LOADER_H

#include "device.h"

/* Compares the files of the directory FROM (boot.img, bios.img, BOOTX64.EFI,
 * grub.cfg) with what is on DISK and on its EFI system partition, and prints
 * "bios=", "efi=" and "menu=" with same or differs; for BIOS also none, if it
 * cannot boot from this disk, and foreign, if the boot code is another. */
int loader_print(const struct device *disk, const struct device *esp,
                 const char *from);
/* Replaces what differs, and prints written in its place. After a failure the
 * disk boots as before. Clusters of the EFI system partition that a power cut
 * has left without a file become free in any case. */
int loader_write(const struct device *disk, const struct device *esp,
                 const char *from);

#endif

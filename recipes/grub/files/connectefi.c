/* The command `connectefi`: has the firmware set up all drives.
 *
 * A firmware that starts fast connects its drivers only to the devices in its boot order
 * (OVMF with QEMU's bootindex, VMware's quick boot, many PCs), so that
 * GRUB sees the medium that it was loaded from and no other drive. ConnectController (UEFI
 * Specification 2.10, 7.3.12) on each PCI root bridge, with all that is below it, starts the
 * other drivers. GRUB looks for drives once; the command has it do so again, after which the
 * drives may have other numbers.
 *
 * No file may be open meanwhile. So it belongs into a menu entry, and not on the top level of
 * a configuration file, which GRUB holds open while it runs the commands in it.
 */
#include <grub/types.h>
#include <grub/mm.h>
#include <grub/err.h>
#include <grub/dl.h>
#include <grub/command.h>
#include <grub/i18n.h>
#include <grub/efi/api.h>
#include <grub/efi/efi.h>
#include <grub/efi/disk.h>
#include <grub/efi/pci.h>

GRUB_MOD_LICENSE ("GPLv2+");

static grub_guid_t root_bridge = GRUB_EFI_PCI_ROOT_IO_GUID;

static grub_err_t
grub_cmd_connectefi (grub_command_t cmd __attribute__ ((unused)),
		     int argc __attribute__ ((unused)),
		     char **args __attribute__ ((unused)))
{
  grub_efi_boot_services_t *services = grub_efi_system_table->boot_services;
  grub_efi_handle_t *handles;
  grub_efi_uintn_t number, i;

  handles = grub_efi_locate_handle (GRUB_EFI_BY_PROTOCOL, &root_bridge, 0, &number);
  if (! handles)
    return grub_error (GRUB_ERR_BAD_DEVICE, N_("the firmware has no PCI root bridge"));

  /* The result says nothing about what is below: a bridge that has its driver already
     gives an error, and the firmware goes on with its devices all the same.  */
  for (i = 0; i < number; i++)
    services->connect_controller (handles[i], 0, 0, 1);
  grub_free (handles);

  grub_efidisk_reenumerate ();
  return GRUB_ERR_NONE;
}

static grub_command_t cmd;

GRUB_MOD_INIT (connectefi)
{
  cmd = grub_register_command ("connectefi", grub_cmd_connectefi, 0,
			       N_("Have the firmware set up all drives."));
}

GRUB_MOD_FINI (connectefi)
{
  grub_unregister_command (cmd);
}
